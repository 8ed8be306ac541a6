"""What needs the trader's eyes in a real browser: fit to be shown, followed without a reload, and of use without
scripts."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect

from accounts.models import TradingAccount, User
from brokers.models import BrokerCall, BrokerConnection
from tests.browser.conftest import Tour
from tests.trades.orders.kit import connected_account, held, make_event, make_leg, make_order, make_position
from trades.models import Order, OrderCall

pytestmark = pytest.mark.django_db(transaction=True)

SignIn = Callable[[Page, User], None]


@pytest.fixture
def account(page: Page, alice: User, sign_in: SignIn) -> TradingAccount:
    account = connected_account(alice)
    sign_in(page, alice)
    return account


def in_doubt(account: TradingAccount) -> Order:
    """Sent into silence five minutes ago, and asked for since."""
    at = timezone.now() - timedelta(minutes=5)
    order = make_order(
        account, status="in_doubt", doubted_at=at, claimed_at=at, broker_order_id="", order_class="bracket"
    )
    make_leg(order, "stop_loss", "180", status="new")
    limits = [
        {"code": "max_position", "limit": "30", "actual": "18.75"},
        {"code": "open_risk", "limit": "6", "actual": "2.1"},
        {"code": "insufficient_buying_power", "limit": "200000", "actual": "18750"},
    ]
    detail = {"value": "18750", "risk": "750", "bid": "187.4", "ask": "187.6", "limits": limits}
    make_event(order, "intend", "new", at=at, from_status="", source="trader", detail=detail)
    make_event(order, "claim", "submitting", at=at, from_status="new", source="worker")
    lost = {
        "code": "status_504",
        "sentence": "The broker did not answer in time.",
        "request_id": "b1f6ecb1a0ff4d7f9a2e",
    }
    make_event(order, "doubt", "in_doubt", at=at, from_status="submitting", source="worker", detail=lost)
    for seconds, answer, times in ((2, "no_answer", 1), (12, "unknown", 1), (42, "unknown", 7)):
        asked_at = at + timedelta(seconds=seconds)
        OrderCall.objects.create(
            order=order, at=asked_at, answered_at=asked_at, verb="look", answer=answer, times=times,
            ref=order.client_order_id, request_id="7c0a66", last_at=asked_at + timedelta(minutes=2) if times > 1 else None,
        )  # fmt: skip
    return order


def everything(account: TradingAccount) -> None:
    ago = timezone.now() - timedelta(minutes=4)
    make_order(account, "MSFT", status="cancelling", cancel_asked_at=ago)
    make_order(account, "NVDA", status="cancelled", reason_code="gone", done_at=ago, reason_detail="It is gone.")
    make_position(account, "TSLA", "12")
    BrokerConnection.objects.update(status="needs_attention", last_error="Alpaca did not answer.", last_error_at=ago)
    failed(account)


def failed(account: TradingAccount) -> None:
    """An outage, a listing that came back unreadable once, and a stream that was lost and is open again."""
    ago, now = timezone.now() - timedelta(minutes=31), timezone.now()
    asked = "/v2/account/activities/FILL?direction=asc&page_size=100&after=2026-03-05T14%3A30%3A00.000000Z"
    for method, path, status, code, times, ended_at in (
        ("GET", "/v2/positions", 503, "status_503", 11, None),
        ("GET", asked, 200, "unreadable", 1, None),
        ("GET", "/v2/account", None, "unreachable", 2, now),
        ("STREAM", "/stream", None, "stream_ended", 1, now),
    ):
        BrokerCall.objects.create(
            connection=account.connection, method=method, endpoint=path.partition("?")[0], path=path, status=status,
            code=code, sentence="Alpaca cannot answer at the moment.", request_id="5a0c8f52e3f14b5f9d6f0c4f8a1f2b3c",
            our_id="8a03f1de-5b43-4b8e-9c1d-2f4a6b8c0d1e", milliseconds=84, times=times, first_at=ago, last_at=now,
            ended_at=ended_at,
        )  # fmt: skip


def test_the_page_and_the_story_are_fit_to_be_shown(account: TradingAccount, tour: Tour) -> None:
    tour.visit("eyes-empty", "/eyes/")
    held(account, "AMD")
    make_position(account, "AMD")
    tour.visit("eyes-stop-follows", "/eyes/")
    order = in_doubt(account)
    everything(account)
    tour.visit("eyes", "/eyes/")
    tour.visit("connection-failing", f"/connections/{account.connection.pk}/")
    tour.visit("eyes-never-arrived", f"/eyes/orders/{order.pk}/never-arrived/")
    tour.visit("order-story", f"/orders/{order.pk}/")


def test_the_page_and_the_count_follow_and_what_was_looked_at_is_put_aside(
    account: TradingAccount, page: Page, visit: Callable[[Page, str], None]
) -> None:
    visit(page, "/eyes/")
    expect(page.get_by_role("heading", name="Nothing needs your eyes")).to_be_visible()
    order = in_doubt(account)
    expect(page.get_by_role("heading", name="AAPL: nobody knows whether it arrived")).to_be_visible()
    visit(page, "/orders/")
    expect(page.get_by_role("link", name="Needs your eyes 1 waiting")).to_be_visible()
    visit(page, "/eyes/")
    page.get_by_role("button", name="Looked at AAPL").click()
    expect(page.get_by_text("You looked at it. It is shown again when it changes.")).to_be_visible()
    expect(page.get_by_text("Looked at, and not changed since (1)")).to_be_visible()
    Order.objects.filter(pk=order.pk).update(cancel_asked_at=timezone.now(), version=order.version + 1)
    expect(page.get_by_role("heading", name="AAPL: nobody knows whether it arrived")).to_be_visible()


def test_no_entry_of_the_navigation_takes_two_lines(
    page: Page, account: TradingAccount, visit: Callable[[Page, str], None]
) -> None:
    for symbol in ("AAPL", "MSFT", "NVDA"):
        make_order(account, symbol, status="in_doubt", doubted_at=timezone.now() - timedelta(minutes=5))
    page.set_viewport_size({"width": 1440, "height": 900})
    visit(page, "/eyes/")
    expect(page.locator(".desk-nav .active .desk-count")).to_have_text("3 waiting")
    heights = page.locator(".desk-nav .nav-link").evaluate_all("all => all.map(one => one.offsetHeight)")
    assert len(set(heights)) == 1


def test_a_doubt_is_ended_without_any_script(
    account: TradingAccount, alice: User, browser: Browser, live_server: object, sign_in: SignIn
) -> None:
    order = in_doubt(account)
    page = browser.new_context(java_script_enabled=False).new_page()
    sign_in(page, alice)
    page.goto(f"{live_server.url}/eyes/")  # type: ignore[attr-defined]
    page.get_by_role("link", name="It never arrived").click()
    page.get_by_role("button", name="It never arrived").click()
    expect(page.get_by_text("is ended as never arrived. It is not sent again.")).to_be_visible()
    page.context.close()
    order.refresh_from_db()
    assert (order.status, order.reason_code) == ("rejected", "never_arrived")
