"""The ticket, its confirmation and the dashboard stay true while they stand open: prices, limits and what is held follow
by themselves, nothing typed is lost, and each says when it may be old."""

from collections.abc import Callable, Iterator
from functools import partial
from time import monotonic
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.utils import timezone
from playwright.sync_api import Browser, Page, Route, expect

from accounts.calendars import session_for
from accounts.models import TradingAccount, User
from brokers.base import AccountReport
from brokers.models import Quote
from brokers.services.snapshots import snapshot_keep
from tests.browser.test_orders import fill_ticket, happens
from tests.trades.orders.kit import connected_account, d, held, make_order, make_quote, protected
from trades.models import Order
from trenddojo.domain.order_state import OrderFact

pytestmark = pytest.mark.django_db(transaction=True)

SignIn = Callable[[Page, User], None]
Visit = Callable[[Page, str], None]
# Longer than any part waits before it asks again, on a machine with much to do.
SOON = 20_000
GIVEN_UP = 30_000
REASON = "The feed looks wrong since the open"


@pytest.fixture
def account(page: Page, alice: User, sign_in: SignIn) -> TradingAccount:
    account = connected_account(alice)
    session_for(account.exchange, timezone.now())
    sign_in(page, alice)
    return account


@pytest.fixture
def without_timer(page: Page) -> None:
    """The preview has no timer of its own: it looks again where the page is told of a difference, or never."""

    def answer(route: Route) -> None:
        told = route.fetch()
        route.fulfill(response=told, body=told.text().replace("every 4s, ", ""))

    page.route("**/orders/new/", answer)


@pytest.fixture
def ticket(account: TradingAccount, page: Page, visit: Visit) -> Page:
    """A ticket to buy 10 AAPL, whose preview is shown."""
    quoted("99.98", "100.02")
    visit(page, "/orders/new/")
    fill_ticket(page)
    expect(page.locator("#order-preview")).to_contain_text("100.02")
    return page


@pytest.fixture
def confirm(ticket: Page) -> Page:
    """The second step of the same ticket."""
    ticket.get_by_role("button", name="Look at the order").click()
    expect(ticket.get_by_role("heading", level=1)).to_have_text("Send this order?")
    return ticket


def quoted(bid: str, ask: str) -> None:
    """The market moved, and the desk has heard of it."""
    Quote.objects.filter(symbol="AAPL").delete()
    make_quote("AAPL", bid, ask)


def halted(account: TradingAccount, *, reason: str) -> None:
    account.halted_at, account.halt_reason = (timezone.now() if reason else None), reason
    account.save()


def previewed(page: Page) -> Any:
    return page.locator("#order-preview")


def listened(page: Page) -> Any:
    return page.locator("#order-preview-told")


def hidden_values(page: Page) -> list[list[str]]:
    found: list[list[str]] = page.locator(
        "#order-confirm input[type=hidden]:not([name=csrfmiddlewaretoken])"
    ).evaluate_all("fields => fields.map(field => [field.name, field.value])")
    return found


def test_the_ticket_follows_the_market_and_leaves_what_is_being_typed_alone(
    account: TradingAccount, ticket: Page
) -> None:
    quantity = ticket.locator("#id_quantity")
    expect(listened(ticket)).to_contain_text("It can be sent.")
    said = listened(ticket).text_content()
    quoted("99.93", "100.07")
    quantity.press("End")
    expect(previewed(ticket)).to_contain_text("100.07", timeout=SOON)
    expect(previewed(ticket)).to_contain_text("Looked at")
    assert ticket.evaluate("document.activeElement.id") == "id_quantity"
    expect(quantity).to_have_value("10")
    # Whoever listens hears of no new price, only of what can no longer be done.
    assert listened(ticket).text_content() == said
    halted(account, reason=REASON)
    expect(listened(ticket)).to_contain_text("It cannot be sent.", timeout=SOON)
    expect(previewed(ticket)).to_contain_text(REASON)


@pytest.mark.usefixtures("without_timer")
@pytest.mark.parametrize("step", ["ticket", "confirm"])
def test_both_steps_show_a_change_within_a_second(
    account: TradingAccount, step: str, request: pytest.FixtureRequest
) -> None:
    page = request.getfixturevalue(step)
    assert "every" not in str(page.locator("#order-preview-ask").get_attribute("hx-trigger"))
    # The first answer of a new process takes longer than any other.
    with page.expect_response(lambda answer: answer.status == 204):
        pass

    def power(value: int) -> None:
        report = AccountReport("1", "USD", equity=d(50_000), cash=d(value), buying_power=d(value))
        snapshot_keep(account.connection, report, at=timezone.now())

    changes: dict[str, list[tuple[Callable[[], None], str]]] = {
        "a quote": [(partial(quoted, "99.90", ask), ask) for ask in ("100.11", "100.12", "100.13")],
        "buying power": [(partial(power, value), f"the buying power is {value}.00") for value in (100, 200, 300)],
        "a halt": [(partial(halted, account, reason=f"{REASON} {n}"), f"{REASON} {n}") for n in range(3)],
    }
    took = {what: [shown_after(page, change, words) for change, words in tries] for what, tries in changes.items()}
    # The best of several: a machine that is busy with something else says nothing about the page.
    assert {what for what, tries in took.items() if min(tries) >= 1} == set(), took


def shown_after(page: Page, change: Callable[[], None], words: str) -> float:
    """How long the preview takes to show what the desk has just heard of."""
    change()
    known = monotonic()
    expect(previewed(page)).to_contain_text(words, timeout=SOON)
    return monotonic() - known


def test_the_ticket_looks_again_when_something_happens_to_an_order(
    account: TradingAccount, page: Page, visit: Visit
) -> None:
    order = make_order(account, "KO")
    visit(page, "/orders/new/")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.headers.get("asked-by", "")))
    with page.expect_response("**/orders/changes/**"):
        pass
    with page.expect_response(lambda answer: answer.status == 200 and "/orders/changes/" in answer.url):
        happens(order, OrderFact.CANCEL)
    with page.expect_response("**/orders/new/preview/"):
        pass
    assert "page" in asked


def test_the_confirmation_follows_and_sends_what_it_showed_first(account: TradingAccount, confirm: Page) -> None:
    send = confirm.get_by_role("button", name="Send the order")
    sent = hidden_values(confirm)
    quoted("99.93", "100.07")
    expect(previewed(confirm)).to_contain_text("100.07", timeout=SOON)
    assert listened(confirm).text_content() == ""
    halted(account, reason=REASON)
    expect(previewed(confirm)).to_contain_text(REASON, timeout=SOON)
    expect(listened(confirm)).to_contain_text("It cannot be sent.")
    expect(send).to_be_disabled()
    halted(account, reason="")
    expect(send).to_be_enabled(timeout=SOON)
    assert hidden_values(confirm) == sent
    assert not Order.objects.exists()
    send.click()
    expect(confirm.get_by_text("You placed the order for AAPL.")).to_be_visible()
    assert Order.objects.get(parent=None).quantity == 10


def test_a_computed_quantity_stays_as_it_was_confirmed(account: TradingAccount, ticket: Page) -> None:
    ticket.locator("#id_quantity").fill("")
    expect(previewed(ticket)).to_contain_text("Computed from the stop")
    ticket.get_by_role("button", name="Look at the order").click()
    expect(ticket.get_by_text("Computed from the stop")).to_be_visible()
    with ticket.expect_response("**/orders/new/preview/"):
        pass
    expect(ticket.get_by_text("Computed from the stop")).to_be_visible()


@pytest.mark.parametrize("silent", ["**/orders/changes/**", "**/orders/new/preview/"])
def test_both_steps_say_when_the_desk_does_not_answer(confirm: Page, silent: str, axe: Callable[[Page], None]) -> None:
    banner = confirm.locator("#live-stale")
    for _ in ("confirmation", "ticket"):
        expect(banner).to_be_hidden()
        confirm.route(silent, lambda route: route.abort())
        expect(banner).to_be_visible(timeout=GIVEN_UP)
        expect(banner).to_contain_text("Stale since")
        # Loading it anew would lose the order.
        assert banner.get_by_role("link").count() == 0
        assert confirm.locator("#toasts > *").count() == 0
        axe(confirm)
        confirm.unroute(silent)
        expect(banner).to_be_hidden(timeout=SOON)
        if confirm.locator("#order-confirm").count():
            confirm.get_by_role("button", name="Change it", exact=True).click()
    expect(confirm.locator("#id_quantity")).to_have_value("10")


def test_a_session_that_ends_over_the_confirmation_keeps_the_order(
    alice: User, confirm: Page, sign_in: SignIn, visit: Visit
) -> None:
    Session.objects.all().delete()
    cache.clear()
    expect(confirm.get_by_role("heading", name="Sign in")).to_be_visible(timeout=SOON)
    sign_in(confirm, alice)
    visit(confirm, "/orders/new/")
    expect(confirm.get_by_text("this is what you typed before your session ended")).to_be_visible()
    for name, text in {"symbol": "AAPL", "quantity": "10", "limit_price": "100", "stop_loss": "95"}.items():
        expect(confirm.locator(f"#id_{name}")).to_have_value(text)
    assert not Order.objects.exists()


@pytest.fixture
def plain(browser: Browser, account: TradingAccount, page: Page) -> Iterator[Page]:
    """A page of the same trader with scripts switched off."""
    context = browser.new_context(java_script_enabled=False)
    context.add_cookies(page.context.cookies())  # type: ignore[arg-type]
    yield context.new_page()
    context.close()


def test_without_scripts_the_confirmation_says_when_it_looked_and_looks_again(plain: Page, live_server: Any) -> None:
    quoted("99.98", "100.02")
    plain.goto(f"{live_server.url}/orders/new/")
    fill_ticket(plain)
    plain.get_by_role("button", name="Look at the order").click()
    expect(plain.get_by_text("Looked at ")).to_be_visible()
    expect(plain.get_by_text("100.02")).to_be_visible()
    quoted("99.93", "100.07")
    plain.get_by_role("button", name="Look again").click()
    expect(plain.get_by_text("100.07")).to_be_visible()
    plain.get_by_role("button", name="Send the order").click()
    expect(plain.get_by_text("You placed the order for AAPL.")).to_be_visible()


def test_the_dashboard_follows_prices_and_orders_and_says_when_it_may_be_old(
    account: TradingAccount, page: Page, visit: Visit, axe: Callable[[Page], None]
) -> None:
    protected(held(account))
    quoted("102.40", "102.60")
    visit(page, "/")
    row, broker = page.locator("#dashboard-open tbody tr"), page.locator("#dashboard-broker")
    expect(row).to_contain_text("+250.00")
    expect(broker).to_contain_text("+250.00")
    link = row.get_by_role("link", name="AAPL")
    link.focus()
    quoted("103.40", "103.60")
    expect(row).to_contain_text("+350.00", timeout=SOON)
    expect(broker).to_contain_text("+350.00")
    expect(link).to_be_focused()
    order = make_order(account, "KO")
    expect(broker.get_by_role("link", name="2", exact=True)).to_be_visible(timeout=SOON)
    held(account, "MSFT")
    happens(order, OrderFact.CANCEL)
    expect(row).to_have_count(2, timeout=SOON)
    expect(page.locator("#figures-USD")).to_contain_text("20,000.00 USD invested", timeout=SOON)
    banner = page.locator("#live-stale")
    expect(banner).to_be_hidden()
    page.route("**/orders/changes/**", lambda route: route.abort())
    expect(banner).to_be_visible(timeout=GIVEN_UP)
    axe(page)
    page.unroute("**/orders/changes/**")
    expect(banner).to_be_hidden(timeout=SOON)
