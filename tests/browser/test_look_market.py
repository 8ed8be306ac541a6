"""A trade's chart and the pages of price bars in a real browser: drawn, walked through by keyboard, fit to be shown."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Page, expect

from accounts.models import TradingAccount
from brokers.models import BarSeries
from tests.browser.conftest import Tour
from tests.trades.desk_kit import NOW, at, d, make_account, make_fill, make_plan
from trades.imports.bar_file import BarFile, BarRow
from trades.models import Trade
from trades.services.excursions import excursions_sweep
from trades.services.own_bars import bars_keep
from trades.services.plan_input import Target
from trades.services.stops import stop_move

if TYPE_CHECKING:
    from accounts.models import User

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def account(page: Page, alice: "User", sign_in: "Callable[[Page, User], None]") -> TradingAccount:
    sign_in(page, alice)
    return make_account(alice)


def _market(account: TradingAccount) -> None:
    """Two days of five-minute bars that climb from 99 to 113 in waves."""
    rows = []
    for day in (2, 3):
        for n in range(78):
            middle = Decimal(99 + (day - 2) * 7) + Decimal(n % 13) / 4 + Decimal(n) / 18
            low, high = middle - Decimal("0.4"), middle + Decimal("0.55")
            start = at(day, 14, 30) + n * timedelta(minutes=5)
            rows.append(BarRow(start, middle - Decimal("0.2"), high, low, middle + Decimal("0.3"), Decimal(100)))
    rows = [
        BarRow(row.start, *(round(p, 2) for p in (row.open, row.high, row.low, row.close)), row.volume) for row in rows
    ]
    read = BarFile("5Min", rows, 0)
    splits = ((at(1).date(), Decimal(2)),)
    bars_keep(
        owner=account.owner, symbol="AAPL", read=read, splits=splits, file_name="AAPL-5min.csv", now=timezone.now()
    )


def _trade(account: TradingAccount) -> Trade:
    """Scaled in, the stop moved twice, sold in two parts."""
    trade = make_plan(account, quantity=d(200), targets=(Target(d(110), d(50)), Target(d(115))))
    make_fill(trade, "buy", 120, "100.25", at(2, 15))
    make_fill(_fresh(trade), "buy", 80, "101.5", at(2, 16))
    for price, hour in (("99", 18), ("104", 20)):
        stop_move(
            owner=account.owner, trade_id=trade.pk, price=d(price), moved_at=at(2, hour), note="",
            version=_fresh(trade).version, now=NOW,
        )  # fmt: skip
    make_fill(_fresh(trade), "sell", 100, "110", at(3, 18))
    make_fill(_fresh(trade), "sell", 100, "108.75", at(3, 20))
    return _fresh(trade)


def _fresh(trade: Trade) -> Trade:
    trade.refresh_from_db()
    return trade


def test_the_chart_of_a_trade_and_the_pages_of_bars_are_fit_to_be_shown(account: TradingAccount, tour: Tour) -> None:
    trade = _trade(account)
    tour.visit("trade-without-bars", reverse("trades:trade-detail", args=[trade.pk]))
    tour.visit("bars-empty", reverse("trades:bar-list"))
    _market(account)
    excursions_sweep(now=timezone.now())
    tour.visit("trade-chart", reverse("trades:trade-detail", args=[trade.pk]))
    series = BarSeries.objects.get()
    tour.visit("bars", reverse("trades:bar-list"))
    for name in ("bar-detail", "bar-delete"):
        tour.visit(name, reverse(f"trades:{name}", args=[series.pk]))
    tour.visit("bar-import", reverse("trades:bar-import") + "?symbol=AAPL")
    lines = "timestamp,open,high,low,close\n" + "\n".join(f"2026-03-0{n},100,90,80,100" for n in range(1, 8))
    tour.page.locator("#id_file").set_input_files({"name": "a.csv", "mimeType": "text/csv", "buffer": lines.encode()})
    tour.send("bar-import-refused", "Import")


def test_the_chart_is_drawn_and_walked_through_by_keyboard(
    account: TradingAccount, page: Page, visit: Callable[[Page, str], None]
) -> None:
    trade = _trade(account)
    _market(account)
    visit(page, reverse("trades:trade-detail", args=[trade.pk]))
    chart = page.locator("#trade-chart")
    expect(chart).to_have_attribute("data-drawn", "true")
    expect(chart.locator("canvas").first).to_be_visible()
    expect(chart.get_by_text("Bars of 5 minutes from your own file.")).to_be_visible()
    area = chart.locator("[data-area]")
    area.focus()
    page.keyboard.press("Home")
    # The first bar, in the reader's own zone.
    expect(chart.locator("[data-legend] .key").first).to_contain_text("99.30\u202fUSD (2026-03-02 09:30)")
    chart.get_by_text("The same data as a table").click()
    expect(chart.get_by_role("row", name="Stop moved")).to_have_count(2)


def test_bars_are_brought_from_a_file_without_any_script(account: TradingAccount, browser, live_server, page) -> None:
    context = browser.new_context(java_script_enabled=False)
    context.add_cookies(page.context.cookies())
    plain = context.new_page()
    trade = _trade(account)
    plain.goto(f"{live_server.url}/trades/{trade.pk}/")
    plain.get_by_role("link", name="Import bars of AAPL").click()
    expect(plain.get_by_label("Symbol")).to_have_value("AAPL")
    lines = "date,open,high,low,close,volume\n" + "\n".join(f"2026-03-0{n},100,112,98,108,1" for n in range(1, 6))
    file = {"name": "days.csv", "mimeType": "text/csv", "buffer": lines.encode()}
    plain.locator("#id_file").set_input_files(file)  # type: ignore[arg-type]
    plain.get_by_role("button", name="Import", exact=True).click()
    expect(plain.get_by_text("5 bars of AAPL are here.")).to_be_visible()
    expect(plain.get_by_text("1, within minutes")).to_be_visible()
    context.close()
