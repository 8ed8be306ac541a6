"""Every address of the site: a stranger is sent to sign in, and another's objects do not exist.

A new address that takes an object must be named here with the object it takes, or this test fails.
"""

import uuid
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.apps import apps
from django.core.files.base import ContentFile
from django.test import Client
from django.urls import URLPattern, get_resolver, reverse
from django.utils import timezone

from accounts.models import Notification, User, Webhook, WebhookDelivery
from accounts.services.tokens import token_create
from brokers.models import BarSeries
from tests.factories import (
    make_account,
    make_cash,
    make_closed_trade,
    make_connection,
    make_fill,
    make_plan,
    make_setup,
    make_tag,
)
from trades import models

pytestmark = pytest.mark.django_db

# Signing in, up and out, resetting a password, and what operators ask.
PUBLIC = {
    "trenddojo:healthz",
    "trenddojo:readyz",
    "trenddojo:metrics",
    "account_login",
    "account_logout",
    "account_signup",
    "account_inactive",
    "account_reset_password",
    "account_reset_password_done",
    "account_reset_password_from_key_done",
    "account_email_verification_sent",
    "account_confirm_login_code",
    "mfa_authenticate",
    "mfa_login_webauthn",
}
# Addresses whose words are no objects: a key sent by mail, a figure's name, a day of one's own journal.
KEYED_BY_WORDS = {
    "account_confirm_email": {"key": "unknown"},
    "account_reset_password_from_key": {"uidb36": "1", "key": "unknown"},
    "trades:performance-breakdown": {"by": "setup"},
    "trades:performance-figure": {"key": "win_rate"},
    "trades:journal-day": {"day": date(2025, 3, 4)},
    "trades:journal-screenshot-add": {"day": date(2025, 3, 4)},
}
ACCOUNT, CASH, TRADE, PLAN, FILL = "account", "cash", "trade", "plan", "fill"
ORDER = "order"
SETUP, TAG, FILTER, SCREENSHOT, IMPORT = "setup", "tag", "filter", "screenshot", "import"
CONNECTION, NOTIFICATION = "connection", "notification"
SERIES = "series"
WEBHOOK = "webhook"
OBJECT_OF = {
    "accounts:account-detail": ACCOUNT,
    "accounts:account-edit": ACCOUNT,
    "accounts:risk-edit": ACCOUNT,
    "accounts:account-archive": ACCOUNT,
    "accounts:account-unarchive": ACCOUNT,
    "accounts:account-delete": ACCOUNT,
    "accounts:cash-list": ACCOUNT,
    "accounts:cash-create": ACCOUNT,
    "accounts:cash-edit": CASH,
    "accounts:cash-delete": CASH,
    "accounts:session-end": "session",
    "accounts:notification-open": NOTIFICATION,
    "accounts:token-revoke": "token",
    "accounts:webhook-detail": WEBHOOK,
    "accounts:webhook-edit": WEBHOOK,
    "accounts:webhook-on": WEBHOOK,
    "accounts:webhook-off": WEBHOOK,
    "accounts:webhook-rotate": WEBHOOK,
    "accounts:webhook-test": WEBHOOK,
    "accounts:webhook-delete": WEBHOOK,
    "accounts:webhook-replay": "delivery",
    "brokers:connection-detail": CONNECTION,
    "brokers:connection-edit": CONNECTION,
    "brokers:connection-verify": CONNECTION,
    "brokers:connection-sync": CONNECTION,
    "brokers:connection-disable": CONNECTION,
    "brokers:connection-enable": CONNECTION,
    "brokers:connection-reconnect": CONNECTION,
    "brokers:connection-account": CONNECTION,
    "brokers:connection-remove": CONNECTION,
    "brokers:live-switch": ACCOUNT,
    "brokers:live-off": ACCOUNT,
    "mfa_remove_webauthn": "passkey",
    "mfa_edit_webauthn": "passkey",
    "trades:trade-detail": TRADE,
    "trades:trade-history": TRADE,
    "trades:trade-delete": TRADE,
    "trades:trade-journal": TRADE,
    "trades:stop-move": TRADE,
    "trades:fill-create": TRADE,
    "trades:fill-costs": TRADE,
    "trades:screenshot-add": TRADE,
    "trades:plan-edit": PLAN,
    "trades:trade-pending": PLAN,
    "trades:trade-planned": PLAN,
    "trades:trade-cancel": PLAN,
    "trades:trade-reopen": PLAN,
    "trades:fill-edit": FILL,
    "trades:fill-delete": FILL,
    "trades:order-detail": ORDER,
    "trades:order-cancel": ORDER,
    "trades:order-replace": ORDER,
    "trades:order-story-json": ORDER,
    "trades:order-story-csv": ORDER,
    "trades:eyes-order-ask": ORDER,
    "trades:eyes-cancel-again": ORDER,
    "trades:eyes-never-arrived": ORDER,
    "trades:eyes-sync": CONNECTION,
    "trades:eyes-connection-ask": CONNECTION,
    "trades:account-halt": ACCOUNT,
    "trades:positions-close-all": ACCOUNT,
    "trades:position-close": TRADE,
    "trades:position-scale-out": TRADE,
    "trades:position-stop": TRADE,
    "trades:position-trail": TRADE,
    "trades:account-resume": ACCOUNT,
    "trades:filter-edit": FILTER,
    "trades:filter-delete": FILTER,
    "trades:screenshot-view": SCREENSHOT,
    "trades:screenshot-delete": SCREENSHOT,
    "trades:setup-edit": SETUP,
    "trades:setup-delete": SETUP,
    "trades:tag-edit": TAG,
    "trades:tag-merge": TAG,
    "trades:tag-delete": TAG,
    "trades:import-detail": IMPORT,
    "trades:import-mapping": IMPORT,
    "trades:import-commit": IMPORT,
    "trades:import-undo": IMPORT,
    "trades:import-delete": IMPORT,
    "trades:import-progress": IMPORT,
    "trades:trade-bars": TRADE,
    "trades:bar-detail": SERIES,
    "trades:bar-delete": SERIES,
}


def _addresses(patterns: Any = None, namespace: str = "", takes: int = 0) -> Iterator[tuple[str, bool]]:
    """(name, whether it takes arguments) of every page; the admin is staff's, the API has a walk of its own."""
    for entry in get_resolver().url_patterns if patterns is None else patterns:
        groups = takes + entry.pattern.regex.groups
        if isinstance(entry, URLPattern):
            yield f"{namespace}{entry.name}", bool(groups)
        elif entry.namespace not in {"admin", "api"}:
            inside = f"{entry.namespace}:" if entry.namespace else namespace
            yield from _addresses(entry.url_patterns, inside, groups)


PLAIN = sorted(name for name, takes in _addresses() if not takes)
TAKING = sorted(name for name, takes in _addresses() if takes)


@pytest.fixture
def objects(alice: User) -> dict[str, Any]:
    """One of everything alice owns."""
    account = make_account(alice)
    trade = make_closed_trade(account)
    day = models.JournalDay.objects.create(owner=alice, day=date(2025, 3, 4))
    picture = models.Screenshot(owner=alice, trade=trade, width=1, height=1, byte_size=1)
    picture.image.save("picture.png", ContentFile(b"picture"))
    webhook = Webhook.objects.create(user=alice, url="https://example.com/alice", secret="sealed")
    return {
        ACCOUNT: account,
        WEBHOOK: webhook,
        "token": token_create(user=alice, name="Backtester", scope="read", now=timezone.now())[0],
        "delivery": WebhookDelivery.objects.create(
            webhook=webhook, type="desk.test", body={}, next_attempt_at=timezone.now()
        ),
        CASH: make_cash(account, "deposit", "100", date(2025, 1, 2)),
        TRADE: trade,
        PLAN: make_plan(account, "MSFT"),
        FILL: trade.fills.first(),
        CONNECTION: make_connection(make_account(alice, "Paper"), "mock", label="Mock paper", keys={}),
        NOTIFICATION: Notification.objects.create(
            user=alice, kind="connection", key="one", title="Disconnected", text="Reconnect."
        ),
        ORDER: models.Order.objects.create(
            owner=alice, account=account, symbol="AAPL", side="buy", type="market", quantity=1
        ),
        SETUP: make_setup(alice),
        TAG: make_tag(alice, "Calm"),
        FILTER: models.SavedFilter.objects.create(owner=alice, name="Winners", query="outcome=win"),
        SCREENSHOT: picture,
        IMPORT: models.FillImport.objects.create(
            owner=alice, account=account, file_name="fills.csv", sha256="0" * 64, state="preview"
        ),
        SERIES: BarSeries.objects.create(
            user=alice, symbol="AAPL", timeframe="1Day", first_at=timezone.now(), last_at=timezone.now()
        ),
        "day": day,
        "session": UserSession.objects.create(
            user=alice, session_key="k" * 32, ip="127.0.0.1", user_agent="", data={}, last_seen_at=timezone.now()
        ),
        "passkey": Authenticator.objects.create(user=alice, type=Authenticator.Type.WEBAUTHN, data={"name": "Key"}),
    }


def _rows() -> dict[str, list[Any]]:
    """Everything in our tables, to see that nothing changed."""
    ours = [
        model
        for label in ("accounts", "brokers", "trades", "mfa", "usersessions")
        for model in apps.get_app_config(label).get_models()
    ]
    hidden = {"last_login", "search"}
    return {
        model._meta.label: list(
            model.objects.order_by("pk").values_list(
                *[field.attname for field in model._meta.concrete_fields if field.name not in hidden]
            )
        )
        for model in ours
    }


def test_every_address_that_takes_something_is_known() -> None:
    assert set(TAKING) == OBJECT_OF.keys() | KEYED_BY_WORDS.keys()


def _answers(client: Client, name: str, key: Any) -> set[int]:
    """The statuses of a GET and a POST; 405 only says that an address takes one of them."""
    address = reverse(name, kwargs={"pk": key})
    return {client.get(address).status_code, client.post(address).status_code} - {405}


def _refusals(name: str) -> list[set[int]]:
    """A passkey is touched only after signing in again, which comes before the look at the object."""
    return [{404}, {302}, {302, 404}] if OBJECT_OF[name] == "passkey" else [{404}]


@pytest.mark.parametrize("name", sorted(OBJECT_OF))
def test_anothers_object_does_not_exist(objects: dict[str, Any], charlie_client: Client, name: str) -> None:
    before = _rows()
    assert _answers(charlie_client, name, objects[OBJECT_OF[name]].pk) in _refusals(name)
    assert _rows() == before


@pytest.mark.parametrize("name", sorted(OBJECT_OF))
def test_staff_see_anothers_objects_in_the_admin_only(objects: dict[str, Any], bob_client: Client, name: str) -> None:
    assert _answers(bob_client, name, objects[OBJECT_OF[name]].pk) in _refusals(name)


@pytest.mark.parametrize("name", sorted(OBJECT_OF))
def test_an_object_that_never_was_answers_like_anothers(
    objects: dict[str, Any], alice_client: Client, name: str
) -> None:
    key = 987_654 if OBJECT_OF[name] in {"session", "passkey"} else uuid.uuid4()
    assert _answers(alice_client, name, key) in _refusals(name)


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize(
    "name", sorted({*PLAIN, *TAKING} - PUBLIC - {"account_confirm_email", "account_reset_password_from_key"})
)
def test_a_stranger_is_sent_to_sign_in_and_changes_nothing(
    objects: dict[str, Any], client: Client, name: str, method: str
) -> None:
    kwargs = {"pk": objects[OBJECT_OF[name]].pk} if name in OBJECT_OF else KEYED_BY_WORDS.get(name, {})
    before = _rows()
    response = getattr(client, method)(reverse(name, kwargs=kwargs))
    if name == "trenddojo:system":
        assert response.status_code in {404, 405}
    elif response.status_code != 405:
        assert response.status_code == 302
        assert response["Location"].startswith(reverse("account_login"))
    assert _rows() == before


def test_anothers_ids_in_a_form_are_refused(objects: dict[str, Any], charlie: User, charlie_client: Client) -> None:
    mine = make_account(charlie, "Mine")
    before = models.Trade.objects.count()
    form = {
        "account": objects[ACCOUNT].pk, "symbol": "AAPL", "asset_class": "stock", "direction": "long",
        "entry_price": "100", "stop_loss": "95", "creation_key": uuid.uuid4(),
    }  # fmt: skip
    assert charlie_client.post(reverse("trades:plan-create"), form).status_code in {200, 422}
    mine_with_her_setup = form | {"account": mine.pk, "setup": objects[SETUP].pk}
    assert charlie_client.post(reverse("trades:plan-create"), mine_with_her_setup).status_code in {200, 422}
    assert models.Trade.objects.count() == before


def test_lists_show_only_ones_own(objects: dict[str, Any], charlie: User, charlie_client: Client) -> None:
    make_fill(make_plan(make_account(charlie, "Mine"), "TSLA"), "buy", "1", "1", kind="transfer_in")
    for name in (
        "trades:trade-list",
        "trades:dashboard",
        "trades:setup-list",
        "trades:tag-list",
        "accounts:account-list",
        "accounts:notification-list",
        "accounts:token-list",
        "brokers:connection-list",
    ):
        page = charlie_client.get(reverse(name)).content.decode()
        for word in (
            *("AAPL", "MSFT", "Breakout", "Calm", "Winners", ">Main<"),
            "Disconnected",
            "Backtester",
            "Mock paper",
        ):
            assert word not in page, (name, word)
    assert objects[TRADE].net_pnl == Decimal("500.00")
