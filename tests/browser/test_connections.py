"""Connections, the live switch and notifications in a real browser, at every width, light and dark."""

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from accounts.models import Notification
from accounts.services.notifications import notify
from brokers.models import AccountSnapshot, BrokerConnection
from tests.brokers.connection_kit import KEY_ID, SECRET, exchange, running
from tests.brokers.simulator_server import RunningSimulator
from tests.factories import make_account, make_connection

if TYPE_CHECKING:
    from accounts.models import User
    from tests.browser.conftest import Tour

__all__ = ["exchange", "running"]

pytestmark = pytest.mark.django_db(transaction=True)

Visit = Callable[[Page, str], None]
Shots = Callable[[Page, str], None]
SignIn = Callable[[Page, "User"], None]


def test_a_broker_is_connected_with_the_keyboard_and_synced(
    page: Page, alice: "User", sign_in: SignIn, visit: Visit, exchange: RunningSimulator
) -> None:
    make_account(alice)
    sign_in(page, alice)
    visit(page, "/connections/")
    page.get_by_role("link", name="Connect a broker").first.click()
    page.get_by_role("link", name="Connect Stand-in exchange").click()
    page.get_by_label("Key ID").fill(KEY_ID)
    page.get_by_label("Secret key").fill("not this one")
    page.get_by_label("Name of the new account").fill("Practice")
    page.get_by_label("Secret key").press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("copy it again, without anything around it")
    expect(page.get_by_label("Key ID")).to_have_value(KEY_ID)
    expect(page.get_by_label("Secret key")).to_have_value("")

    page.get_by_label("Secret key").fill(SECRET)
    page.get_by_label("Secret key").press("Enter")
    expect(page.get_by_text("Stand-in exchange is connected.")).to_be_visible()
    expect(page.get_by_text("25,000.00").first).to_be_visible()
    page.get_by_role("button", name="Sync now").click()
    expect(page.get_by_text("is being synced")).to_be_visible()
    page.get_by_role("button", name="Disable").click()
    if page.get_by_role("dialog").is_visible():
        page.get_by_role("dialog").get_by_role("button").first.click()
    made = BrokerConnection.objects.get()
    assert made.account is not None
    assert made.account.name == "Practice"


def test_nothing_typed_as_a_key_is_remembered_by_the_browser(
    page: Page, alice: "User", sign_in: SignIn, visit: Visit, exchange: RunningSimulator, settings: Any
) -> None:
    make_account(alice)
    sign_in(page, alice)
    visit(page, "/connections/new/?broker=simulator")
    page.get_by_label("Key ID").fill(KEY_ID)
    page.get_by_label("Secret key").fill(SECRET)
    page.context.clear_cookies(name=settings.SESSION_COOKIE_NAME)
    page.get_by_role("button", name="Connect", exact=True).click()
    page.wait_for_url("**/auth/login/**")

    kept = page.evaluate("JSON.stringify([{...sessionStorage}, {...localStorage}])")

    assert SECRET not in kept
    assert KEY_ID not in kept


def test_a_notification_is_counted_opened_and_gone(page: Page, alice: "User", sign_in: SignIn, visit: Visit) -> None:
    connection = make_connection(make_account(alice), "mock", keys={}, label="Practice")
    notify(
        user=alice, kind="connection", key="one", title="Practice is disconnected", text="Reconnect.",
        path=f"/connections/{connection.pk}/",
    )  # fmt: skip
    sign_in(page, alice)
    visit(page, "/")
    link = page.get_by_role("link", name="Notifications")
    expect(link).to_contain_text("1")
    link.click()
    page.get_by_role("button", name="Practice is disconnected").click()
    page.wait_for_url(f"**/connections/{connection.pk}/")
    expect(page.get_by_role("link", name="Notifications")).not_to_contain_text("1")


@pytest.fixture
def desk(alice: "User", settings: Any) -> dict[str, BrokerConnection]:
    """One connection of every state and kind, with all there is to say about each."""
    settings.SIMULATOR_URL = "http://127.0.0.1:1"
    settings.ENABLE_BROKER_INTEGRATIONS = True
    now = timezone.now()
    made = {
        "well": make_connection(
            make_account(alice, "Practice"), label="Stand-in exchange", key_hint="CDEF", last_sync=now
        ),
        "live": make_connection(
            make_account(alice, "Swing"), "alpaca", label="Alpaca swing", is_paper=False, key_hint="9X2K",
            status="needs_attention", last_sync=now - timedelta(hours=3), last_error_at=now,
            last_error="Alpaca gives no usable answer. It was asked three times and is asked again every few seconds.",
        ),
        "disabled": make_connection(
            make_account(alice, "Retirement of both of us, at the other broker"), "alpaca",
            label="A connection with a rather long name that somebody gave it", is_active=False, status="disabled",
            last_error="Alpaca does not accept these keys any more.", last_error_at=now,
        ),
        "loose": make_connection(make_account(alice, "Loose"), "mock", keys={}, label="Mock broker"),
    }  # fmt: skip
    BrokerConnection.objects.filter(pk=made["loose"].pk).update(account=None)
    for connection in made.values():
        AccountSnapshot.objects.create(
            connection=connection, at=now, equity="1234567.89", cash="-20000", buying_power="80000", block="Transfers"
        )
    return made


def test_connections_are_shown_to_everybody(alice: "User", sign_in: SignIn, tour: "Tour", desk: dict[str, Any]) -> None:
    sign_in(tour.page, alice)
    tour.visit("connection-list", "/connections/")
    tour.visit("broker-choose", "/connections/new/")
    tour.visit("connection-create", "/connections/new/?broker=alpaca")
    tour.page.get_by_label("Key ID").fill("two words")
    tour.page.get_by_label("Secret key").fill("typed")
    tour.send("connection-create-errors", "Connect")
    for name, connection in desk.items():
        tour.visit(f"connection-{name}", f"/connections/{connection.pk}/")
    one = f"/connections/{desk['live'].pk}"
    for name in ("reconnect", "edit", "account", "remove"):
        tour.visit(f"connection-{name}", f"{one}/{name}/")


def test_the_live_switch_is_shown_to_everybody(
    alice: "User", sign_in: SignIn, tour: "Tour", desk: dict[str, Any], settings: Any
) -> None:
    sign_in(tour.page, alice)
    live = f"/accounts/{desk['live'].account_id}/live/"
    tour.visit("live-off", live)
    tour.page.get_by_label("Type the account's name").fill("Swing")
    tour.page.get_by_label("Your password").fill("wrong")
    tour.send("live-refused", "Turn on live trading")
    BrokerConnection.objects.filter(is_paper=False).update(live_armed_at=timezone.now(), live_used_at=timezone.now())
    tour.visit("live-on", live)
    tour.visit("live-paper", f"/accounts/{desk['well'].account_id}/live/")
    settings.ENABLE_BROKER_INTEGRATIONS = False
    tour.visit("live-not-allowed", live)


def test_no_connection_and_no_news_show_the_way(alice: "User", sign_in: SignIn, tour: "Tour") -> None:
    make_account(alice)
    sign_in(tour.page, alice)
    tour.visit("connection-list-empty", "/connections/")
    tour.visit("notification-list-empty", "/notifications/")


def test_notifications_are_shown_to_everybody(alice: "User", sign_in: SignIn, tour: "Tour") -> None:
    make_account(alice)
    for number in range(30):
        notify(
            user=alice, kind="order_filled", key=str(number), title=f"SPY is filled ({number})",
            text="Buy 100 SPY at the market is filled at 512.3400 on average.", path="/connections/" if number % 3 else "",
        )  # fmt: skip
    notify(user=alice, kind="connection", key=str(uuid4()), title="x" * 120, text="y " * 240)
    Notification.objects.filter(key__in=["27", "28", "29"]).update(read_at=timezone.now())
    sign_in(tour.page, alice)
    tour.visit("notification-list", "/notifications/")
    tour.visit("notification-settings", "/notifications/settings/")
