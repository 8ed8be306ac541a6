"""Buying power, held shares, worth."""

from decimal import Decimal as D

import pytest

from brokers.simulator.engine.types import Rejection
from tests.brokers.simulator.engine.conftest import Floor, draft


def _report(floor):
    return floor.exchange.account_report(floor.me)


def _refusal(floor, *order, **fields):
    with pytest.raises(Rejection) as caught:
        floor.exchange.submit(floor.me, draft(*order, **fields))
    return caught.value


def test_a_margin_account_buys_for_twice_its_equity(floor):
    assert _report(floor).buying_power == D(200000)
    floor.submit("buy", "100")
    # 100 × 100.02 bought; worth 100 × 100.01, the middle of the quote, as nothing was traded yet
    report = _report(floor)
    assert report.cash == D("89998.00")
    assert report.long_market_value == D("10001.00")
    assert report.equity == D("99999.00")
    assert report.buying_power == 2 * D("99999.00") - D("10001.00")
    assert (report.initial_margin, report.maintenance_margin) == (D("5000.50"), D("3000.30"))


def test_a_cash_account_buys_for_its_cash():
    floor = Floor(kind="cash", cash="1000")
    floor.show("100.00", "100.02")
    assert _report(floor).buying_power == D(1000)
    refusal = _refusal(floor, "buy", "10")
    assert (refusal.http_status, refusal.code, refusal.message) == (403, 40310000, "insufficient buying power")
    assert refusal.extra == {"buying_power": "1000", "cost_basis": "1000.2"}
    assert floor.submit("buy", "9").status == "filled"


def test_an_account_of_less_than_2000_dollars_has_no_margin():
    floor = Floor(cash="1999")
    assert (_report(floor).multiplier, _report(floor).buying_power) == (1, D(1999))


def test_working_orders_hold_their_cost(floor):
    order = floor.submit("buy", "100", limit_price="99.00")
    assert _report(floor).buying_power == D("190100.00")
    floor.submit("buy", "100", type="stop", stop_price="101.00")
    # the stop is counted at the limit it is worked with: 101.00 × 1.025 = 103.525
    assert _report(floor).buying_power == D("190100.00") - D("10353.00")
    floor.exchange.cancel(floor.me, order.id)
    assert _report(floor).buying_power == D("189647.00")


def test_what_fills_is_no_longer_held(floor):
    floor.submit("buy", "100", limit_price="99.00")
    floor.show("98.98", "99.00", "40", "40")
    report = _report(floor)
    # 40 bought at 99.00, worth 98.99; 60 still held at 99.00
    assert report.buying_power == 2 * (D("96040.00") + D("3959.60")) - D("3959.60") - D("5940.00")


def test_a_short_sale_holds_3_percent_more_than_the_ask(floor):
    floor.submit("sell", "100", limit_price="101.00")
    assert _report(floor).buying_power == D(200000) - 100 * D("100.02") * D("1.03")


def test_a_short_position_counts_against_equity(floor):
    floor.submit("sell", "100")
    floor.show("105.00", "105.02")
    report = _report(floor)
    assert report.cash == D("110000.00")
    assert report.short_market_value == D("-10501.00")
    assert report.equity == D("99499.00")
    assert report.buying_power == 2 * D("99499.00") - D("10501.00")


def test_shares_that_an_order_is_about_to_sell_cannot_be_sold_again(floor):
    floor.submit("buy", "100")
    first = floor.submit("sell", "60", limit_price="101.00")
    refusal = _refusal(floor, "sell", "41", limit_price="101.00")
    assert (refusal.http_status, refusal.code) == (403, 40310000)
    assert refusal.message == "insufficient qty available for order (requested: 41, available: 40)"
    assert refusal.extra == {
        "available": "40",
        "existing_qty": "100",
        "held_for_orders": "60",
        "symbol": "SPY",
        "related_orders": [first.id],
    }
    assert floor.exchange.position(floor.me, "SPY").qty_available == D(40)


def test_an_order_does_not_turn_a_position_over(floor):
    floor.submit("buy", "100")
    assert _refusal(floor, "sell", "150").message.startswith("insufficient qty available")
    floor.submit("sell", "100")
    floor.submit("sell", "100")
    assert floor.position() == D(-100)
    assert _refusal(floor, "buy", "150").message.startswith("insufficient qty available")


def test_the_exits_of_a_pair_hold_the_position_once(floor):
    floor.submit("buy", "100", order_class="bracket", target="101", stop="99", tif="gtc")
    report = floor.exchange.position(floor.me, "SPY")
    assert (report.qty, report.qty_available) == (D(100), D(0))
    refusal = _refusal(floor, "sell", "1")
    assert refusal.extra["held_for_orders"] == "100"


def test_a_position_is_reported_at_the_last_trade(floor):
    floor.submit("buy", "50")
    floor.submit("buy", "50")
    floor.prints("103.00")
    report = floor.exchange.position(floor.me, "SPY")
    assert (report.avg_entry_price, report.cost_basis) == (D("100.02"), D("10002.00"))
    assert (report.current_price, report.market_value) == (D("103.00"), D("10300.00"))
    assert (report.unrealized_pl, report.unrealized_plpc) == (D("298.00"), D("0.02979404"))


def test_a_short_position_is_reported_with_negative_numbers(floor):
    floor.submit("sell", "10")
    floor.prints("99.00")
    report = floor.exchange.position(floor.me, "SPY")
    assert (report.qty, report.qty_available, report.market_value) == (D(-10), D(-10), D("-990.00"))
    assert (report.cost_basis, report.unrealized_pl) == (D("-1000.00"), D("10.00"))


@pytest.mark.parametrize("kind", ["savings", ""])
def test_an_account_is_margin_or_cash(floor, kind):
    with pytest.raises(ValueError, match="margin or cash"):
        floor.open("third", kind=kind)


def test_accounts_are_listed_and_what_is_unknown_is_not_found(floor):
    other = floor.open("other")
    assert floor.exchange.account_ids() == [floor.me, other]
    for ask in (floor.exchange.asset, lambda word: floor.exchange.position(floor.me, word)):
        with pytest.raises(Rejection) as caught:
            ask("NOPE")
        assert (caught.value.http_status, caught.value.code) == (404, 40410000)
    with pytest.raises(Rejection, match="order not found for nothing"):
        floor.exchange.order_by_client_id(floor.me, "nothing")


def test_keys_open_their_account_and_no_other(floor):
    other = floor.open("other")
    assert floor.exchange.account_for("mine", "quiet") == floor.me
    assert floor.exchange.account_for("other", "quiet") == other
    assert floor.exchange.account_for("mine", "loud") is None
    floor.exchange.change_keys(floor.me, key_id="new", secret_key="louder")
    assert floor.exchange.account_for("mine", "quiet") is None
    assert floor.exchange.account_for("new", "louder") == floor.me
    with pytest.raises(ValueError, match="already opens"):
        floor.open("other")
    assert "louder" not in str(floor.exchange.dump())
