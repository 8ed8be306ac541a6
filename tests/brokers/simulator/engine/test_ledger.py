"""Average price, realised profit, fees, dividends and splits."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal as D

import pytest

from tests.brokers.simulator.engine.conftest import CLOSE, OPEN, Floor


def _realized(floor):
    return floor.exchange.account_report(floor.me).realized_pl


def _at(floor, price):
    """A quote of one price."""
    floor.show(price, price)


def test_the_average_entry_is_weighted_and_a_part_closed_leaves_it(floor):
    floor.submit("buy", "100")
    _at(floor, "103.02")
    floor.submit("buy", "50")
    assert floor.exchange.position(floor.me, "SPY").avg_entry_price == D("101.02")
    floor.submit("sell", "60")
    report = floor.exchange.position(floor.me, "SPY")
    assert (report.qty, report.avg_entry_price, report.cost_basis) == (D(90), D("101.02"), D("9091.80"))
    assert _realized(floor) == 60 * (D("103.02") - D("101.02"))


def test_a_position_that_turns_over_begins_anew_at_the_price_of_the_turn(floor):
    """Two orders that were both sent while flat: together they go through zero."""
    floor.submit("sell", "100", limit_price="102.00")
    floor.submit("buy", "150", limit_price="99.00")
    floor.show("102.00", "102.02")
    assert floor.position() == D(-100)
    floor.show("98.98", "99.00")
    report = floor.exchange.position(floor.me, "SPY")
    assert (report.qty, report.avg_entry_price) == (D(50), D("99.00"))
    assert _realized(floor) == D("300.00")
    assert floor.cash() == D(100000) + D("10200.00") - D("14850.00")


def test_over_the_night_a_part_closed_comes_off_the_oldest_lot(floor):
    """Alpaca tells an average by the weighted average within a day, by compressed first-in first-out after it."""
    floor.submit("buy", "100")  # 100.02
    floor.until(OPEN + timedelta(days=1))
    floor.show("104.02", "104.02")
    floor.submit("buy", "100")
    floor.submit("sell", "50")
    today = floor.exchange.position(floor.me, "SPY")
    assert (today.qty, today.avg_entry_price, _realized(floor)) == (D(150), D("102.02"), D("100.00"))
    floor.until(CLOSE + timedelta(days=1, hours=4))
    # 50 × 100.02 and 100 × 104.02 are left
    after = floor.exchange.position(floor.me, "SPY")
    assert (after.cost_basis, _realized(floor)) == (D("15403.00"), D("200.00"))
    floor.exchange.split("SPY", D(2))
    floor.until(OPEN + timedelta(days=2))
    floor.show("52.00", "52.00")
    floor.submit("sell", "101")
    floor.until(CLOSE + timedelta(days=2, hours=4))
    # all of the first lot is gone, and one of the 200 shares of the second
    assert floor.exchange.position(floor.me, "SPY").cost_basis == D("10402.00") - D("52.01")


def test_a_position_turned_over_forgets_its_lots(floor):
    floor.submit("buy", "100")
    floor.until(OPEN + timedelta(days=1))
    floor.show("104.00", "104.00")
    floor.submit("sell", "100")
    floor.submit("sell", "10")
    floor.until(CLOSE + timedelta(days=1, hours=4))
    assert floor.exchange.position(floor.me, "SPY").cost_basis == D("-1040.00")


def test_fees_are_charged_at_the_end_of_the_day_on_the_day_s_total_rounded_up(floor):
    floor.submit("buy", "1000")
    floor.show("100.00", "100.02")
    floor.submit("sell", "1000")
    pending = floor.exchange.account_report(floor.me).pending_fees
    before = floor.cash()
    floor.until(CLOSE)
    assert floor.lines("FEE") == []
    floor.until(datetime(2026, 3, 5, 1, 0, tzinfo=UTC))
    # 100 000 × 0.0000278 = 2.78; 1000 × 0.000166 = 0.166; 2000 × 0.000046 = 0.092
    assert [(line.description, line.net_amount) for line in floor.lines("FEE")] == [
        ("REG fee", D("-2.78")),
        ("TAF fee", D("-0.17")),
        ("CAT fee", D("-0.10")),
    ]
    assert pending == D("3.05")
    assert floor.cash() == before - D("3.05")
    floor.until(datetime(2026, 3, 6, 1, 0, tzinfo=UTC))
    assert len(floor.lines("FEE")) == 3


def test_a_dividend_is_paid_to_holders_and_by_shorts(floor):
    short = floor.open("short")
    floor.submit("buy", "100")
    floor.submit("sell", "40", account=short)
    before = floor.cash()
    floor.exchange.dividend("SPY", D("1.2345"))
    assert floor.cash() - before == D("123.45")
    (line,) = floor.lines("DIV")
    assert (line.symbol, line.qty, line.per_share_amount, line.net_amount) == ("SPY", D(100), D("1.2345"), D("123.45"))
    assert floor.exchange.account_report(short).cash == D("104000.00") - D("49.38")


def test_a_split_multiplies_shares_and_leaves_the_cost(floor):
    floor.submit("buy", "100")
    target = floor.submit("sell", "60", limit_price="105.00", tif="gtc")
    before = floor.exchange.account_report(floor.me).cash
    floor.exchange.split("SPY", D(7))
    report = floor.exchange.position(floor.me, "SPY")
    assert (report.qty, report.cost_basis) == (D(700), D("10002.00"))
    restated = floor.order(target)
    assert (restated.qty, restated.limit_price, str(restated.status)) == (D(420), D("15.00"), "new")
    assert floor.cash() == before
    assert [(line.qty, line.description) for line in floor.lines("SPLIT")] == [(D(600), "7 for 1 split")]
    assert floor.show("15.00", "15.02") == [("fill", "sell limit", D(420), D("15.00"))]


def test_a_reverse_split_cancels_an_order_it_would_break(floor):
    floor.submit("buy", "100")
    whole = floor.submit("sell", "60", limit_price="105.00", tif="gtc")
    broken = floor.submit("sell", "15", limit_price="105.00", tif="gtc")
    floor.exchange.split("SPY", D("0.1"))
    assert (floor.order(whole).qty, floor.order(whole).limit_price) == (D(6), D("1050.00"))
    assert floor.order(broken).status == "canceled"
    assert floor.position() == D(10)


def test_a_split_and_a_dividend_can_be_set_for_later(floor):
    floor.submit("buy", "100")
    later = datetime(2026, 3, 5, 9, 0, tzinfo=UTC)
    floor.exchange.split("SPY", D(2), at=later)
    floor.exchange.dividend("SPY", D("0.5"), at=later)
    floor.until(CLOSE)
    assert floor.position() == D(100)
    floor.until(later)
    assert floor.position() == D(200)
    assert floor.lines("DIV")[0].net_amount == D("100.00")


def test_a_split_restates_a_part_filled_order_and_spares_other_symbols(floor):
    floor.show("180.00", "180.02", symbol="IBM")
    other = floor.submit("buy", "10", "IBM", limit_price="170.00")
    part = floor.submit("buy", "1500", limit_price="100.02", tif="gtc")
    floor.exchange.split("SPY", D(2))
    restated = floor.order(part)
    assert (restated.qty, restated.filled_qty, restated.filled_avg_price) == (D(3000), D(2000), D("50.01"))
    assert floor.order(other).limit_price == D("170.00")
    assert floor.exchange.splits()[0].ratio == D(2)


def test_a_symbol_nobody_holds_can_split(floor):
    floor.exchange.split("SPY", D(2))
    assert floor.lines("SPLIT") == []


def test_cash_comes_in_and_goes_out_with_its_line(floor):
    floor.exchange.transfer(floor.me, D(-250), type="CSW")
    floor.exchange.transfer(floor.me, D(10), type="JNLC")
    assert floor.cash() == D(99760)
    assert [(line.type, line.net_amount) for line in floor.lines()] == [
        ("CSD", D(100000)),
        ("CSW", D(-250)),
        ("JNLC", D(10)),
    ]


def test_the_balance_of_the_last_close_is_remembered(floor):
    floor.submit("buy", "100")
    floor.show("101.00", "101.00")
    floor.until(CLOSE)
    floor.show("50.00", "50.00")
    report = floor.exchange.account_report(floor.me)
    assert report.last_equity == D("89998.00") + D("10100.00")
    assert report.balance_asof == datetime(2026, 3, 4, tzinfo=UTC).date()
    assert report.last_maintenance_margin == D("3030.00")


@pytest.mark.parametrize("ratio", [D(0), D(-1)])
def test_a_split_of_nothing_is_refused(ratio):
    with pytest.raises(ValueError, match="above zero"):
        Floor().exchange.split("SPY", ratio)
