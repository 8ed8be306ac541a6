"""Webhooks: messages of events, signed, retried from a table, never to private addresses."""

import json
import threading
import uuid
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone
from standardwebhooks import Webhook as Checker
from standardwebhooks import WebhookVerificationError

from accounts.models import Notification, User, Webhook, WebhookDelivery
from accounts.services import webhook_sending
from accounts.services.errors import AccountError
from accounts.services.notifications import notify
from accounts.services.webhook_sending import RETRIES, deliveries_make, webhook_send, webhooks_due
from accounts.services.webhooks import delivery_replay, secret_rotate, webhook_create, webhook_edit, webhook_test
from tests.factories import make_account, make_plan

pytestmark = pytest.mark.django_db


class Receiver:
    """A program that listens on loopback; `answers` are the statuses it gives, the last one for ever."""

    def __init__(self) -> None:
        self.answers = [204]
        self.got: list[tuple[dict[str, str], bytes]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.got.append((dict(self.headers), body))
                status = receiver.answers.pop(0) if len(receiver.answers) > 1 else receiver.answers[0]
                self.send_response(status)
                if status == 302:
                    self.send_header("Location", receiver.url + "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_words: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def types(self) -> list[str]:
        return [json.loads(body)["type"] for _headers, body in self.got]


@pytest.fixture
def receiver(settings: Any) -> Iterator[Receiver]:
    settings.WEBHOOKS_TO_LOOPBACK = True
    found = Receiver()
    yield found
    found.server.shutdown()
    found.server.server_close()


def tell(user: User, key: str = "one") -> None:
    notify(user=user, kind="connection", key=key, title="Disconnected", text="Reconnect.")


def turn() -> int:
    """What beat and the workers do; how many arrived."""
    now = timezone.now()
    deliveries_make(now=now)
    return sum(webhook_send(pk) for pk in webhooks_due(now=now).values_list("pk", flat=True))


def later(webhook: Webhook, **time: int) -> None:
    """Lets time pass for what waits."""
    Webhook.objects.filter(pk=webhook.pk).update(paused_until=None)
    waiting = WebhookDelivery.objects.filter(webhook=webhook, state="waiting")
    for delivery in waiting:
        delivery.next_attempt_at -= timedelta(**time)
        delivery.save()


def test_an_event_arrives_signed_as_the_specification_says(alice, receiver):
    webhook, secret = webhook_create(user=alice, url=receiver.url, subjects=["trade"])
    plan = make_plan(make_account(alice), "SPY")
    assert turn() == 1
    headers, body = receiver.got[0]
    told = Checker(secret).verify(body, {name.lower(): value for name, value in headers.items()})
    delivery = WebhookDelivery.objects.get(webhook=webhook)
    assert told["type"] == "trade.created"
    assert told["object"] == {
        "id": str(plan.pk), "account": str(plan.account_id), "symbol": "SPY", "status": "planned", "version": 1,
    }  # fmt: skip
    assert told["id"] == delivery.seq
    assert headers["webhook-id"] == str(delivery.pk)
    assert (delivery.state, delivery.attempts, delivery.last_status) == ("delivered", 1, 204)
    with pytest.raises(WebhookVerificationError):
        Checker(secret).verify(body + b" ", {name.lower(): value for name, value in headers.items()})


def test_only_what_is_asked_for_and_only_ones_own_is_told(alice, charlie, receiver):
    webhook_create(user=alice, url=receiver.url, subjects=["notification"])
    make_plan(make_account(alice), "SPY")
    make_plan(make_account(charlie), "QQQ")
    tell(charlie)
    tell(alice)
    assert turn() == 1
    assert receiver.types() == ["notification.created"]


def test_what_happened_before_is_not_told(alice, receiver):
    tell(alice, "before")
    webhook_create(user=alice, url=receiver.url, subjects=["notification"])
    tell(alice, "after")
    assert turn() == 1


def test_an_event_is_told_once_however_often_messages_are_made(alice, receiver):
    webhook, _ = webhook_create(user=alice, url=receiver.url, subjects=["notification"])
    tell(alice)
    Webhook.objects.filter(pk=webhook.pk).update(cursor=0)
    assert turn() == 1
    Webhook.objects.filter(pk=webhook.pk).update(cursor=0)
    assert turn() == 0
    assert len(receiver.got) == 1


def test_a_failure_is_tried_again_later_under_the_same_id(alice, receiver):
    webhook, _ = webhook_create(user=alice, url=receiver.url, subjects=["notification"])
    receiver.answers = [500, 204]
    tell(alice)
    assert turn() == 0
    delivery = WebhookDelivery.objects.get(webhook=webhook)
    assert (delivery.state, delivery.attempts, delivery.last_error) == ("waiting", 1, "Answered with status 500.")
    assert RETRIES[0] - timedelta(seconds=5) < delivery.next_attempt_at - timezone.now() <= RETRIES[0]
    assert turn() == 0
    later(webhook, seconds=5)
    assert turn() == 1
    assert receiver.got[0][0]["webhook-id"] == receiver.got[1][0]["webhook-id"]
    webhook.refresh_from_db()
    assert (webhook.failures, webhook.failing_since) == (0, None)


def test_a_message_that_never_arrives_is_given_up_and_can_be_sent_again(alice, receiver):
    webhook, _ = webhook_create(user=alice, url=receiver.url, subjects=["notification"])
    receiver.answers = [500]
    tell(alice)
    for _ in range(len(RETRIES) + 1):
        turn()
        later(webhook, days=1)
    delivery = WebhookDelivery.objects.get(webhook=webhook)
    assert (delivery.state, delivery.attempts) == ("failed", len(RETRIES) + 1)
    assert turn() == 0
    receiver.answers = [204]
    delivery_replay(user=alice, webhook_id=webhook.pk, pk=delivery.pk, now=timezone.now())
    assert turn() == 1
    delivery.refresh_from_db()
    assert delivery.state == "delivered"


def test_an_address_that_is_gone_is_turned_off_and_its_owner_told(alice, receiver):
    webhook, _ = webhook_create(user=alice, url=receiver.url, subjects=["trade"])
    receiver.answers = [410]
    make_plan(make_account(alice), "SPY")
    turn()
    webhook.refresh_from_db()
    assert (webhook.is_active, webhook.stopped_reason) == (False, "The address said that it is gone for good (410).")
    told = Notification.objects.get(user=alice)
    assert told.path == reverse("accounts:webhook-detail", args=[webhook.pk])
    make_plan(make_account(alice, "Other"), "QQQ")
    turn()
    assert len(receiver.got) == 1


def test_an_address_that_fails_for_days_is_turned_off(alice, receiver):
    webhook, _ = webhook_create(user=alice, url=receiver.url, subjects=["trade"])
    receiver.answers = [503]
    Webhook.objects.filter(pk=webhook.pk).update(failing_since=timezone.now() - timedelta(days=4))
    make_plan(make_account(alice), "SPY")
    turn()
    webhook.refresh_from_db()
    assert (webhook.is_active, webhook.stopped_reason) == (False, "Nothing arrived for 3 days.")


def test_a_redirect_is_not_followed(alice, receiver):
    webhook, _ = webhook_create(user=alice, url=receiver.url, subjects=["trade"])
    receiver.answers = [302]
    make_plan(make_account(alice), "SPY")
    assert turn() == 0
    assert len(receiver.got) == 1
    assert WebhookDelivery.objects.get(webhook=webhook).last_error == "Answered with status 302."


def test_nothing_is_sent_to_a_private_address_wherever_its_name_leads(alice, receiver, settings):
    webhook, _ = webhook_create(user=alice, url=receiver.url, subjects=["trade"])
    settings.WEBHOOKS_TO_LOOPBACK = False
    make_plan(make_account(alice), "SPY")
    assert turn() == 0
    assert receiver.got == []
    told = WebhookDelivery.objects.get(webhook=webhook).last_error
    assert told == "The address leads into a private network: nothing was sent."


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://example.com/", "bad_url"),
        ("ftp://example.com/", "bad_url"),
        ("https://", "bad_url"),
        ("https://user:pass@example.com/", "bad_url"),
        ("https://example.com/#part", "bad_url"),
        ("https://example.com:99999/", "bad_url"),
        ("https://exa mple.com/", "bad_url"),
        ("https://[::1/", "bad_url"),
        ("https://127.0.0.1/", "private_url"),
        ("https://10.1.2.3/", "private_url"),
        ("https://169.254.169.254/latest/meta-data/", "private_url"),
        ("https://[::1]/", "private_url"),
        ("https://[fd00::1]/", "private_url"),
        ("https://[::ffff:10.0.0.1]/", "private_url"),
        ("https://localhost/", "private_url"),
        ("https://desk.internal/", "private_url"),
        ("https://router/", "private_url"),
    ],
)
def test_an_address_that_cannot_be_meant_is_refused(alice, url, code):
    with pytest.raises(AccountError) as refusal:
        webhook_create(user=alice, url=url, subjects=["trade"])
    assert (refusal.value.code, refusal.value.field) == (code, "url")
    assert not Webhook.objects.exists()


def test_a_new_secret_signs_at_once_and_the_old_one_for_a_day(alice, receiver):
    webhook, old = webhook_create(user=alice, url=receiver.url, subjects=["notification"])
    _, new = secret_rotate(user=alice, pk=webhook.pk, now=timezone.now())
    tell(alice, "one")
    turn()
    secret_rotate_at = timezone.now() - timedelta(days=2)
    Webhook.objects.filter(pk=webhook.pk).update(old_secret_until=secret_rotate_at)
    tell(alice, "two")
    turn()
    (first, first_body), (second, second_body) = receiver.got
    lowered = [{name.lower(): value for name, value in headers.items()} for headers in (first, second)]
    assert Checker(new).verify(first_body, lowered[0]) == Checker(old).verify(first_body, lowered[0])
    assert Checker(new).verify(second_body, lowered[1])["type"] == "notification.created"
    with pytest.raises(WebhookVerificationError):
        Checker(old).verify(second_body, lowered[1])


def test_a_secret_that_no_longer_opens_turns_the_webhook_off_with_a_sentence_until_there_is_a_new_one(
    alice, receiver, settings
):
    webhook, _secret = webhook_create(user=alice, url=receiver.url, subjects=["notification"])
    tell(alice)
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "n" * 50, []

    assert turn() == 0
    webhook.refresh_from_db()
    sentence = "The desk's secret key was changed, and this webhook's secret no longer opens: make a new secret."
    assert (webhook.is_active, webhook.stopped_reason) == (False, sentence)
    assert WebhookDelivery.objects.get().last_error == sentence
    assert sentence in Notification.objects.get(title="A webhook was turned off").text
    assert receiver.got == []

    # The old secret does not open either, and keeps the new one from nothing.
    _, secret = secret_rotate(user=alice, pk=webhook.pk, now=timezone.now())
    webhook_edit(user=alice, pk=webhook.pk, is_active=True)
    (delivery,) = WebhookDelivery.objects.all()
    delivery_replay(user=alice, webhook_id=webhook.pk, pk=delivery.pk, now=timezone.now())
    assert turn() == 1
    ((headers, body),) = receiver.got
    assert Checker(secret).verify(body, {name.lower(): value for name, value in headers.items()})


def test_secrets_are_kept_encrypted(alice):
    webhook, secret = webhook_create(user=alice, url="https://example.com/desk", subjects=["trade"])
    row = Webhook.objects.filter(pk=webhook.pk).values().get()
    assert secret not in str(row)
    assert secret.removeprefix("whsec_") not in str(row)


def test_while_one_sends_to_an_address_no_other_does(alice, receiver):
    webhook, _ = webhook_create(user=alice, url=receiver.url, subjects=["notification"])
    tell(alice)
    deliveries_make(now=timezone.now())
    Webhook.objects.filter(pk=webhook.pk).update(claimed_until=timezone.now() + timedelta(seconds=30))
    assert webhook_send(webhook.pk) == 0
    assert receiver.got == []
    Webhook.objects.filter(pk=webhook.pk).update(claimed_until=timezone.now() - timedelta(seconds=1))
    assert webhook_send(webhook.pk) == 1


def test_a_slow_address_is_told_the_rest_in_the_next_turn(alice, receiver, monkeypatch):
    monkeypatch.setattr(webhook_sending, "SENDS_FOR", timedelta(0))
    webhook, _ = webhook_create(user=alice, url=receiver.url, subjects=["notification"])
    tell(alice, "one")
    tell(alice, "two")
    assert [turn(), turn(), turn()] == [1, 1, 0]
    assert [found.attempts for found in WebhookDelivery.objects.filter(webhook=webhook)] == [1, 1]


@pytest.mark.parametrize("change", [{"is_active": False}, {"url": "https://example.com/desk"}])
def test_what_is_changed_while_messages_leave_holds_from_the_next_one_on(alice, receiver, monkeypatch, change):
    webhook, _ = webhook_create(user=alice, url=receiver.url, subjects=["notification"])
    tell(alice, "one")
    tell(alice, "two")
    attempt = webhook_sending._attempt

    def changed_meanwhile(*given: Any) -> Any:
        webhook_edit(user=alice, pk=webhook.pk, **change)
        return attempt(*given)

    monkeypatch.setattr(webhook_sending, "_attempt", changed_meanwhile)
    assert turn() == 1
    assert [found.attempts for found in WebhookDelivery.objects.order_by("seq")] == [1, 0]


def test_turned_on_again_it_is_told_of_what_happens_from_then_on(alice, receiver):
    webhook, _ = webhook_create(user=alice, url=receiver.url, subjects=["notification"])
    webhook_edit(user=alice, pk=webhook.pk, is_active=False)
    tell(alice, "while it was off")
    assert turn() == 0
    webhook_edit(user=alice, pk=webhook.pk, is_active=True)
    tell(alice, "now")
    assert turn() == 1


def test_a_test_arrives_although_nothing_happened(alice, receiver):
    webhook, _ = webhook_create(user=alice, url=receiver.url, subjects=["trade"])
    webhook_test(user=alice, pk=webhook.pk, now=timezone.now())
    assert turn() == 1
    assert receiver.types() == ["desk.test"]


class TestPages:
    def test_the_secret_is_shown_once(self, alice, alice_client):
        form = {
            "url": "https://example.com/desk", "description": "Ledger", "subjects": ["order"],
            "creation_key": str(uuid.uuid4()),
        }  # fmt: skip
        page = alice_client.post(reverse("accounts:webhook-create"), form).content.decode()
        webhook = Webhook.objects.get(user=alice)
        assert "whsec_" in page
        for name in ("accounts:webhook-list", "accounts:webhook-detail", "accounts:webhook-edit"):
            args = [] if name.endswith("list") else [webhook.pk]
            shown = alice_client.get(reverse(name, args=args)).content.decode()
            assert "Ledger" in shown
            assert "whsec_" not in shown

    def test_a_refused_address_is_said_at_its_field_and_what_was_typed_stays(self, alice, alice_client):
        form = {"url": "https://10.0.0.1/", "subjects": ["order"], "creation_key": str(uuid.uuid4())}
        page = alice_client.post(reverse("accounts:webhook-create"), form).content.decode()
        assert "inside a private network" in page
        assert 'value="https://10.0.0.1/"' in page
        assert not Webhook.objects.exists()

    def test_a_desk_without_webhooks_says_what_they_are_for(self, alice_client):
        assert "No webhooks" in alice_client.get(reverse("accounts:webhook-list")).content.decode()

    def test_a_message_can_be_sent_again(self, alice, alice_client, receiver):
        webhook, _ = webhook_create(user=alice, url=receiver.url, subjects=["notification"])
        tell(alice)
        turn()
        delivery = webhook.deliveries.get()
        alice_client.post(reverse("accounts:webhook-replay", args=[delivery.pk]))
        assert turn() == 1
        assert len(receiver.got) == 2

    def test_deleting_asks_first(self, alice, alice_client):
        webhook, _ = webhook_create(user=alice, url="https://example.com/desk", subjects=["trade"])
        address = reverse("accounts:webhook-delete", args=[webhook.pk])
        assert "Delete" in alice_client.get(address).content.decode()
        assert Webhook.objects.exists()
        alice_client.post(address)
        assert not Webhook.objects.exists()


class TestAdmin:
    def test_an_administrator_turns_one_off_and_sees_no_secret(self, alice, bob_client):
        webhook, _ = webhook_create(user=alice, url="https://example.com/desk", subjects=["trade"])
        sealed = Webhook.objects.get(pk=webhook.pk).secret
        page = bob_client.get(reverse("admin:accounts_webhook_change", args=[webhook.pk])).content.decode()
        assert sealed not in page
        bob_client.post(
            reverse("admin:accounts_webhook_changelist"), {"action": "turn_off", "_selected_action": [webhook.pk]}
        )
        webhook.refresh_from_db()
        assert (webhook.is_active, webhook.stopped_reason) == (
            False,
            "An administrator of this desk turned it off.",
        )
