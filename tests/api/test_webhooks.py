"""Webhooks over the API."""

import pytest
from django.utils import timezone

from accounts.models import IdempotencyKey, Webhook, WebhookDelivery
from accounts.sealing import secret_box
from accounts.services.webhooks import PURPOSE, webhook_create, webhook_test
from tests.api.kit import error

pytestmark = pytest.mark.django_db

URL = "https://example.com/desk"


def test_a_webhook_is_made_with_its_secret_which_is_never_shown_again(api):
    made = api.post("/webhooks/", {"url": URL, "subjects": ["order"], "description": "Ledger"})
    assert made.status_code == 201
    webhook = made.json()
    secret = webhook.pop("secret")
    assert secret.startswith("whsec_")
    assert webhook == {
        "id": webhook["id"],
        "url": URL,
        "description": "Ledger",
        "subjects": ["order"],
        "is_active": True,
        "stopped_reason": "",
        "failures": 0,
        "paused_until": None,
        "created_at": webhook["created_at"],
    }
    assert api.get(f"/webhooks/{webhook['id']}/").json() == webhook
    assert api.get("/webhooks/").json()["results"] == [webhook]


def test_the_secret_is_answered_again_to_the_same_key_alone(api):
    headers = {"Idempotency-Key": "hook"}
    first = api.post("/webhooks/", {"url": URL}, headers=headers)
    again = api.post("/webhooks/", {"url": URL}, headers=headers)
    assert first.json() == again.json()
    assert Webhook.objects.count() == 1


def test_a_request_that_died_halfway_makes_one_webhook_and_shows_a_secret_that_signs(api, alice):
    first = api.post("/webhooks/", {"url": URL}, headers={"Idempotency-Key": "hook"}).json()
    IdempotencyKey.objects.update(status=None, body="", claimed_at=None)
    again = api.post("/webhooks/", {"url": URL}, headers={"Idempotency-Key": "hook"})
    assert (again.status_code, again.json()["id"]) == (201, first["id"])
    assert again.json()["secret"] == secret_box(PURPOSE).decrypt(Webhook.objects.get(user=alice).secret).decode()


def test_a_webhook_is_changed_given_a_new_secret_and_deleted(api, alice):
    webhook, secret = webhook_create(user=alice, url=URL, subjects=["trade"])
    path = f"/webhooks/{webhook.pk}/"
    etag = api.get(path)["ETag"]
    changed = api.patch(path, {"is_active": False, "subjects": ["trade", "order"]}, headers={"If-Match": etag})
    assert (changed.json()["is_active"], changed.json()["subjects"]) == (False, ["order", "trade"])
    assert error(api.patch(path, {"is_active": True}, headers={"If-Match": etag})) == (412, "stale", None)
    rotated = api.post(f"{path}rotate/").json()["secret"]
    assert rotated.startswith("whsec_")
    assert rotated != secret
    assert api.delete(path).status_code == 204
    assert not Webhook.objects.exists()


def test_what_was_sent_is_listed_and_sent_again(api, alice):
    webhook, _ = webhook_create(user=alice, url=URL, subjects=["trade"])
    tested = api.post(f"/webhooks/{webhook.pk}/test/")
    assert (tested.status_code, tested.json()["type"]) == (202, "desk.test")
    delivery = WebhookDelivery.objects.get(webhook=webhook)
    WebhookDelivery.objects.filter(pk=delivery.pk).update(state="failed", attempts=9)
    found = api.get(f"/webhooks/{webhook.pk}/deliveries/?state=failed").json()["results"]
    assert [row["id"] for row in found] == [str(delivery.pk)]
    replayed = api.post(f"/webhooks/{webhook.pk}/deliveries/{delivery.pk}/replay/")
    assert (replayed.status_code, replayed.json()["state"], replayed.json()["attempts"]) == (202, "waiting", 0)


def test_a_test_message_with_the_same_key_is_sent_once(api, alice):
    webhook, _ = webhook_create(user=alice, url=URL, subjects=["trade"])
    first, again = (api.post(f"/webhooks/{webhook.pk}/test/", headers={"Idempotency-Key": "test-1"}) for _ in range(2))
    assert (first.status_code, again.status_code, again["Idempotency-Replayed"]) == (202, 202, "true")
    assert first.content == again.content
    assert WebhookDelivery.objects.count() == 1


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, (400, "required", "url")),
        ({"url": "https://10.0.0.1/"}, (400, "private_url", "url")),
        ({"url": URL, "subjects": []}, (400, "min_length", "subjects")),
        ({"url": URL, "subjects": ["weather"]}, (400, "invalid_choice", "subjects.0")),
        ({"url": URL, "secret": "mine"}, (400, "unknown_field", "secret")),
    ],
)
def test_a_wrong_webhook_is_refused_and_not_kept(api, body, said):
    assert error(api.post("/webhooks/", body)) == said
    assert not Webhook.objects.exists()


def test_anothers_webhook_does_not_exist(stranger, alice):
    webhook, _ = webhook_create(user=alice, url=URL, subjects=["trade"])
    delivery = webhook_test(user=alice, pk=webhook.pk, now=timezone.now())
    path = f"/webhooks/{webhook.pk}/"
    for answer in (
        stranger.get(path),
        stranger.patch(path, {"is_active": False}),
        stranger.delete(path),
        stranger.post(f"{path}rotate/"),
        stranger.post(f"{path}test/"),
        stranger.get(f"{path}deliveries/"),
        stranger.post(f"{path}deliveries/{delivery.pk}/replay/"),
    ):
        assert error(answer) == (404, "not_found", None)
    webhook.refresh_from_db()
    assert webhook.is_active


def test_at_most_ten_can_be_had(api):
    for number in range(10):
        assert api.post("/webhooks/", {"url": f"{URL}/{number}"}).status_code == 201
    assert error(api.post("/webhooks/", {"url": URL})) == (400, "too_many", "url")
