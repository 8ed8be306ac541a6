"""Orders and positions in a real browser: the ticket with and without scripts, pages that follow what happens without
a reload, and what is said when the desk does not answer."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from time import monotonic
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, Page, Route, expect

from accounts.calendars import session_for
from accounts.models import TradingAccount, User
from brokers.models import BrokerConnection
from tests.browser.conftest import Tour
from tests.factories import make_plan
from tests.trades.orders.kit import (
    connected_account,
    d,
    held,
    make_bracket,
    make_event,
    make_leg,
    make_order,
    make_position,
    make_quote,
    protected,
)
from trades.execution.transitions import transition
from trades.models import Order
from trenddojo.domain.order_state import OrderFact

pytestmark = pytest.mark.django_db(transaction=True)

SignIn = Callable[[Page, User], None]
Visit = Callable[[Page, str], None]


@pytest.fixture
def account(page: Page, alice: User, sign_in: SignIn) -> TradingAccount:
    account = connected_account(alice)
    # The first question about a session loads the calendars, which takes seconds.
    session_for(account.exchange, timezone.now())
    sign_in(page, alice)
    return account


def story(account: TradingAccount) -> Order:
    """Orders in every state, one of them with legs and a long history."""
    plan = make_plan(account)
    bracket = make_bracket(
        account, trade=plan, status="filled", filled_quantity=d(100), filled_average_price=d("187.4321")
    )
    at = timezone.now() - timedelta(minutes=20)
    for fact, status in (("intend", "new"), ("claim", "submitting"), ("accept", "accepted"), ("fill", "filled")):
        detail = {"filled_quantity": "100", "status": "filled"} if fact == "fill" else {}
        make_event(bracket, fact, status, at=at, happened_at=at, from_status="", detail=detail)
    make_leg(bracket, "stop_loss", "183", status="cancelling", cancel_asked_at=at)
    reason = (
        "The position would be 42.10 % of equity; 30 % is the most. The last quote is 95 seconds old; 60 is the most."
    )
    for symbol, fields in {
        "MSFT": {"status": "partially_filled", "filled_quantity": d("40.5"), "filled_average_price": d("411.2")},
        "NVDA": {"status": "queued", "send_after": at + timedelta(days=1), "side": "sell", "type": "market"},
        "BRK.B": {
            "status": "in_doubt",
            "doubted_at": at,
            "reason_detail": "The broker did not answer; it is being asked.",
        },
        "TSLA": {"status": "denied", "reason_detail": reason},
        "KO": {"status": "cancelled", "origin": "external"},
        "AMD": {"status": "rejected", "reason_detail": "insufficient buying power"},
    }.items():
        make_order(account, symbol, **fields)
    return bracket


def test_orders_are_shown_well(account: TradingAccount, tour: Tour) -> None:
    tour.visit("orders-empty", "/orders/")
    bracket = story(account)
    tour.visit("orders", "/orders/")
    tour.visit("orders-none-found", "/orders/?symbol=ZZZ")
    tour.visit("order-detail", f"/orders/{bracket.pk}/")
    working = Order.objects.get(symbol="MSFT")
    tour.visit("order-cancel", f"/orders/{working.pk}/cancel/")
    tour.visit("order-replace", f"/orders/{working.pk}/replace/")
    tour.visit("order-cancel-all", "/orders/cancel-all/")
    tour.visit("account-halt", f"/accounts/{account.pk}/halt/")
    tour.visit("order-create", f"/orders/new/?trade={bracket.trade_id}")


def test_the_ticket_and_its_confirmation_are_shown_well(
    account: TradingAccount, page: Page, visit: Visit, tour: Tour, screenshots: Callable[[Page, str], None]
) -> None:
    visit(page, "/orders/new/")
    fill_ticket(page)
    page.get_by_role("button", name="Look at the order").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Send this order?")
    screenshots(page, "order-confirm")
    page.get_by_role("button", name="Change it").click()
    page.locator("#id_quantity").fill("5000")
    page.get_by_role("button", name="Look at the order").click()
    expect(page.get_by_text("It cannot be sent")).to_be_visible()
    screenshots(page, "order-confirm-refused")
    page.get_by_role("button", name="Change it").click()
    page.locator("#id_limit_price").fill("1oo")
    page.get_by_role("button", name="Look at the order").click()
    expect(page.get_by_role("alert")).to_be_visible()
    screenshots(page, "order-create-refused")
    BrokerConnection.objects.update(is_paper=False)
    tour.visit("order-create-live", "/orders/new/")


def fill_ticket(page: Page) -> None:
    """Buy 10 AAPL at 100 or less, with stop and target."""
    page.get_by_label("Symbol").fill("AAPL")
    page.get_by_label("Buy", exact=True).check()
    typed = {"quantity": "10", "limit_price": "100", "stop_loss": "95", "take_profit": "110"}
    for name, text in typed.items():
        page.locator(f"#id_{name}").fill(text)


def test_the_ticket_shows_what_its_type_uses_and_follows_what_is_typed(
    account: TradingAccount, page: Page, visit: Visit, axe: Callable[[Page], None]
) -> None:
    visit(page, "/orders/new/")
    expect(page.locator("#id_limit_price")).to_be_visible()
    expect(page.locator("#id_stop_price")).to_be_hidden()
    fill_ticket(page)
    preview = page.locator("#order-preview")
    expect(preview).to_contain_text("1,000.00")
    expect(preview).to_contain_text("99.99")
    page.select_option("#id_type", "stop")
    expect(page.locator("#id_stop_price")).to_be_visible()
    expect(page.locator("#id_limit_price")).to_be_hidden()
    # What is hidden is not sent, and is there again with its type.
    page.locator("#id_stop_price").fill("104")
    expect(preview).to_contain_text("1,040.00")
    page.select_option("#id_type", "limit")
    expect(page.locator("#id_limit_price")).to_have_value("100")
    expect(preview).to_contain_text("1,000.00")
    page.locator("#id_quantity").fill("2000")
    expect(preview).to_contain_text("The position would be 200.00 % of equity; 30 % is the most.")
    axe(page)


def test_another_account_brings_its_own_fields_and_keeps_what_was_typed(
    account: TradingAccount, alice: User, page: Page, visit: Visit
) -> None:
    other = connected_account(alice, "Other")
    visit(page, "/orders/new/")
    fill_ticket(page)
    with page.expect_response(lambda answer: "step=fields" in answer.url):
        page.select_option("#id_account", str(other.pk))
    expect(page.locator("#id_account")).to_have_value(str(other.pk))
    expect(page.locator("#id_quantity")).to_have_value("10")
    expect(page.locator("#id_stop_loss")).to_have_value("95")
    expect(page.locator("#id_stop_price")).to_be_hidden()


def test_what_is_typed_while_another_accounts_fields_come_is_kept(
    account: TradingAccount, page: Page, visit: Visit, alice: User
) -> None:
    other = connected_account(alice, name="Second")
    visit(page, "/orders/new/")

    def typed_meanwhile(route: Route) -> None:
        page.get_by_label("Symbol").fill("MSFT")
        page.get_by_label("Quantity").fill("7")
        route.continue_()

    page.route("**/orders/new/?step=fields", typed_meanwhile)

    with page.expect_response("**/orders/new/?step=fields"):
        page.get_by_label("Account").select_option(str(other.pk))
    expect(page.locator(".htmx-request, .htmx-settling, .htmx-swapping")).to_have_count(0)

    expect(page.get_by_label("Symbol")).to_have_value("MSFT")
    expect(page.get_by_label("Quantity")).to_have_value("7")
    expect(page.get_by_label("Account")).to_have_value(str(other.pk))


def test_two_clicks_send_one_order(account: TradingAccount, page: Page, visit: Visit) -> None:
    visit(page, "/orders/new/")
    fill_ticket(page)
    page.get_by_role("button", name="Look at the order").click()
    page.get_by_role("button", name="Send the order").dblclick()
    expect(page.get_by_text("You placed the order for AAPL.")).to_be_visible()
    assert Order.objects.filter(parent=None).count() == 1


@pytest.fixture
def plain(browser: Browser, live_server: Any, account: TradingAccount, page: Page) -> Iterator[Page]:
    """A page of the same trader with scripts switched off."""
    context = browser.new_context(java_script_enabled=False)
    context.add_cookies(page.context.cookies())  # type: ignore[arg-type]
    plain = context.new_page()
    yield plain
    context.close()


def test_an_order_is_sent_and_cancelled_without_scripts(plain: Page, live_server: Any) -> None:
    plain.goto(f"{live_server.url}/orders/new/")
    for name in ("limit_price", "stop_price", "trail_percent"):
        expect(plain.locator(f"#id_{name}")).to_be_visible()
    expect(plain.get_by_role("button", name="Show what this account offers")).to_be_visible()
    fill_ticket(plain)
    plain.get_by_role("button", name="Look at the order").click()
    expect(plain.get_by_text("Buy 10 AAPL at 100.00 or less.")).to_be_visible()
    plain.get_by_role("button", name="Change it").click()
    expect(plain.locator("#id_quantity")).to_have_value("10")
    plain.get_by_role("button", name="Look at the order").click()
    plain.get_by_role("button", name="Send the order").click()
    expect(plain.get_by_text("You placed the order for AAPL.")).to_be_visible()
    plain.goto(f"{live_server.url}/orders/")
    expect(plain.get_by_role("link", name="Reload to see what changed")).to_be_visible()
    plain.get_by_role("link", name="Cancel the order for AAPL").first.click()
    plain.get_by_role("button", name="Cancel the order").click()
    expect(plain.get_by_text("You asked to cancel the order for AAPL.")).to_be_visible()
    assert Order.objects.get(parent=None).status == "cancelled"


def happens(order: Order, fact: OrderFact, **columns: Any) -> float:
    """Let a fact happen to an order as a worker would; when it was known."""
    order = Order.objects.get(pk=order.pk)
    assert transition(order, fact, source="stream", at=timezone.now(), **columns)
    return monotonic()


def test_the_blotter_follows_within_a_second_and_leaves_focus_and_scrolling_alone(
    account: TradingAccount, page: Page, visit: Visit
) -> None:
    order = make_order(account)
    for number in range(25):
        make_order(account, f"OLD{number}", status="cancelled")
    visit(page, "/orders/")
    page.locator(f"#cancel-{order.pk}").focus()
    page.evaluate("scrollTo(0, 200)")
    # The first answer of a new process takes longer than any other.
    with page.expect_response(lambda answer: answer.status == 204):
        pass
    row = page.locator(f"#order-{order.pk}")
    took = []
    # The best of several: a machine that is busy with something else says nothing about the page.
    for filled in (20, 30, 40):
        known = happens(order, OrderFact.PARTIAL, filled_quantity=d(filled), filled_average_price=d("187.31"))
        expect(row).to_contain_text(f"{filled} / 100")
        took.append(monotonic() - known)
    expect(row).to_contain_text("Partially filled")
    expect(row).to_contain_text("187.31")
    assert min(took) < 1, f"they took {took} s"
    assert page.evaluate("document.activeElement.id") == f"cancel-{order.pk}"
    assert page.evaluate("Math.round(scrollY)") == 200
    happens(order, OrderFact.FILL, filled_quantity=d(100))
    expect(page.locator("#done-title ~ *, section:has(#done-title)").first).to_contain_text("AAPL")


def test_an_order_page_and_its_trade_follow_too(account: TradingAccount, page: Page, visit: Visit) -> None:
    plan = make_plan(account)
    order = make_order(account, trade=plan)
    visit(page, f"/orders/{order.pk}/")
    happens(order, OrderFact.PARTIAL, filled_quantity=d(40))
    expect(page.get_by_text("Partly filled")).to_be_visible()
    expect(page.locator("#order-live")).to_contain_text("40 of 100")
    visit(page, f"/trades/{plan.pk}/")
    happens(order, OrderFact.CANCEL)
    expect(page.locator(f"#order-{order.pk}")).to_contain_text("Cancelled")


def test_positions_follow_too(account: TradingAccount, page: Page, visit: Visit) -> None:
    make_position(account)
    order = make_order(account, "KO")
    visit(page, "/positions/")
    expect(page.locator("tbody tr")).to_have_count(1)
    make_position(account, "KO", "100")
    happens(order, OrderFact.FILL, filled_quantity=d(100))
    expect(page.locator("tbody tr")).to_have_count(2)
    expect(page.get_by_role("link", name="Adopt KO")).to_be_visible()


def test_a_desk_that_does_not_answer_is_told_and_so_is_its_return(
    account: TradingAccount, page: Page, visit: Visit, axe: Callable[[Page], None]
) -> None:
    order = make_order(account)
    visit(page, "/orders/")
    banner = page.locator("#live-stale")
    expect(banner).to_be_hidden()
    page.route("**/orders/changes/**", lambda route: route.abort())
    expect(banner).to_be_visible(timeout=12_000)
    expect(banner).to_contain_text("Stale since")
    assert page.locator("#toasts > *").count() == 0
    axe(page)
    happens(order, OrderFact.CANCEL)
    page.unroute("**/orders/changes/**")
    expect(banner).to_be_hidden()
    expect(page.locator(f"#order-{order.pk}")).to_contain_text("Cancelled")


def test_a_tab_that_nobody_looks_at_asks_nothing(account: TradingAccount, page: Page, visit: Visit) -> None:
    make_order(account)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/orders/changes/" in request.url else None)
    visit(page, "/orders/")
    with page.expect_response("**/orders/changes/**"):
        pass
    page.evaluate(
        "Object.defineProperty(document, 'hidden', {value: true, configurable: true});"
        "document.dispatchEvent(new Event('visibilitychange'))"
    )
    page.wait_for_load_state("networkidle")
    before = len(asked)
    page.wait_for_timeout(2_000)
    assert len(asked) == before
    page.evaluate("delete document.hidden; document.dispatchEvent(new Event('visibilitychange'))")
    with page.expect_response("**/orders/changes/**"):
        pass


def test_positions_and_their_steps_are_shown_well(account: TradingAccount, tour: Tour) -> None:
    tour.visit("positions-empty", "/positions/")
    for symbol in ("AAPL", "MSFT", "KO", "IBM"):
        make_position(account, symbol, "100")
        make_quote(symbol, "102.40", "102.60")
    trade = held(
        account, "AAPL", broker="mock", broker_order_id="b-17", broker_sync_status="synced", broker_fill_price=d(100)
    )
    protected(trade)
    held(account, "MSFT")
    protected(held(account, "IBM", "70"))
    BrokerConnection.objects.update(last_sync=timezone.now() - timedelta(minutes=20))
    account.halted_at, account.halt_reason = timezone.now(), "The feed looks wrong since the open"
    account.save()
    tour.visit("positions", "/positions/")
    # Nor does the table within the page.
    tour.page.set_viewport_size({"width": 820, "height": 900})
    table = tour.page.get_by_role("region", name="Positions")
    assert table.evaluate("box => box.scrollWidth - box.clientWidth") == 0
    tour.visit("trade-connected", f"/trades/{trade.pk}/")
    tour.visit("position-close", f"/trades/{trade.pk}/close/")
    tour.visit("position-scale-out", f"/trades/{trade.pk}/scale-out/")
    tour.visit("position-stop", f"/trades/{trade.pk}/working-stop/")
    tour.visit("position-trail", f"/trades/{trade.pk}/trail/")
    tour.visit("position-adopt", f"/positions/adopt/?account={account.pk}&symbol=KO")
    tour.visit("position-close-symbol", f"/positions/close/?account={account.pk}&symbol=KO")
    tour.visit("positions-close-all", f"/accounts/{account.pk}/close-all/")
    tour.visit("dashboard-connected", "/")
    tour.visit("account-connected", f"/accounts/{account.pk}/")
