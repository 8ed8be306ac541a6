"""Planning and recording in a real browser: the size follows the fields, costs are proposed, nothing is lost."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from accounts.calendars import session_for
from accounts.models import User
from tests.factories import make_setup
from tests.trades.desk_kit import d, make_account, make_fill, make_plan
from trades.models import Trade

pytestmark = pytest.mark.django_db(transaction=True)

SignIn = Callable[[Page, User], None]
Visit = Callable[[Page, str], None]


@pytest.fixture
def planning(page: Page, alice: User, sign_in: SignIn, visit: Visit) -> Page:
    account = make_account(alice, broker="interactive_brokers")
    make_setup(alice, "Breakout", ("Trend up", "Volume"))
    # The first question about a session loads the calendars, which takes seconds.
    session_for(account.exchange, timezone.now())
    sign_in(page, alice)
    visit(page, "/trades/plan/")
    return page


def type_plan(page: Page, **changes: str) -> None:
    for name, text in ({"symbol": "MSFT", "entry": "50", "stop": "49", "target_1": "53"} | changes).items():
        page.fill(f"#id_{name}", text)


def test_the_size_follows_what_is_typed(planning: Page, axe: Callable[[Page], None]) -> None:
    type_plan(planning)
    size = planning.locator("#plan-size")
    expect(size).to_contain_text("600 shares of MSFT")
    expect(size).to_contain_text("Bound by the largest position allowed.")
    planning.fill("#id_stop", "40")
    expect(size).to_contain_text("99 shares of MSFT")
    planning.fill("#id_stop", "51")
    expect(size).to_contain_text("The stop of a long trade belongs below the entry.")
    axe(planning)


def test_a_setup_brings_its_checklist_and_the_plan_is_kept(planning: Page) -> None:
    type_plan(planning)
    planning.select_option("#id_setup", label="Breakout")
    planning.get_by_label("Volume").check()
    planning.get_by_role("button", name="Plan the trade").click()
    expect(planning.get_by_role("heading", level=1)).to_contain_text("MSFT")
    trade = Trade.objects.get()
    assert list(trade.checklist.values_list("text", "is_met")) == [("Trend up", False), ("Volume", True)]


def test_a_refused_plan_keeps_every_word(planning: Page, axe: Callable[[Page], None]) -> None:
    type_plan(planning, quantity="900", thesis="Range of three weeks")
    planning.get_by_role("button", name="Plan the trade").click()
    expect(planning.get_by_role("alert")).to_contain_text("The position would be")
    assert planning.input_value("#id_thesis") == "Range of three weeks"
    assert not Trade.objects.exists()
    axe(planning)
    planning.get_by_label("Keep the plan although it breaks a limit").check()
    planning.fill("#id_reason", "Once a year")
    planning.get_by_role("button", name="Plan the trade").click()
    expect(planning.get_by_text("Once a year").first).to_be_visible()
    assert Trade.objects.get().is_override


def test_costs_are_proposed_and_what_is_typed_stays(planning: Page, alice: User, visit: Visit) -> None:
    trade = make_plan(alice.trading_accounts.get(), quantity=d(100))
    visit(planning, f"/trades/{trade.pk}/fills/new/")
    planning.fill("#id_price", "100.25")
    planning.locator("#id_price").blur()
    expect(planning.locator("#id_commission")).to_have_value("1.00")
    expect(planning.locator("#fill-costs")).to_contain_text("estimated")
    planning.fill("#id_commission", "0.35")
    planning.fill("#id_quantity", "50")
    planning.locator("#id_quantity").blur()
    planning.wait_for_load_state("networkidle")
    expect(planning.locator("#id_commission")).to_have_value("0.35")
    planning.get_by_role("button", name="Record the fill").click()
    expect(planning.get_by_text("The fill is recorded; the trade is active.")).to_be_visible()
    fill = trade.fills.get()
    assert (fill.quantity, fill.commission, fill.has_estimated_costs) == (d(50), d("0.35"), False)


def test_the_pages_of_a_trade_are_shown_well(
    planning: Page, alice: User, visit: Visit, screenshots: Callable[[Page, str], None]
) -> None:
    now = timezone.now()
    trade: Any = make_plan(alice.trading_accounts.get(), quantity=d(250), override_reason="The best one this year")
    fill = make_fill(trade, "buy", 250, "100.10", now - timedelta(days=300))
    make_fill(trade, "sell", 100, 106, now - timedelta(days=299))
    for name, path in {
        "plan": "/trades/plan/",
        "trade": f"/trades/{trade.pk}/",
        "fill": f"/fills/{fill.pk}/",
        "stop": f"/trades/{trade.pk}/stop/",
        "quick-entry": "/trades/quick/",
        "history": f"/trades/{trade.pk}/history/",
    }.items():
        visit(planning, path)
        screenshots(planning, name)


def test_the_rarer_pages_are_accessible_too(
    planning: Page, alice: User, visit: Visit, axe: Callable[[Page], None]
) -> None:
    account = alice.trading_accounts.get()
    held, dropped = make_plan(account, quantity=d(10)), make_plan(account, symbol="KO", quantity=d(10))
    make_fill(held, "buy", 10, 100, timezone.now() - timedelta(days=300))
    Trade.objects.filter(pk=dropped.pk).update(status="cancelled")
    for path in (
        f"/trades/{held.pk}/plan/",
        f"/trades/{held.pk}/delete/",
        f"/trades/{dropped.pk}/",
        f"/trades/{dropped.pk}/reopen/",
    ):
        visit(planning, path)
        axe(planning)
