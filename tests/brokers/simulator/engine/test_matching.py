"""Orders against the quote."""

from decimal import Decimal as D

import pytest

from brokers.simulator.engine.exchange import Exchange
from tests.brokers.simulator.engine.conftest import Floor, draft


def test_a_market_order_buys_at_the_ask_and_sells_at_the_bid(floor):
    bought = floor.submit("buy", "10")
    sold = floor.submit("sell", "4")
    assert (bought.status, bought.filled_qty, bought.filled_avg_price) == ("filled", D(10), D("100.02"))
    assert (sold.status, sold.filled_qty, sold.filled_avg_price) == ("filled", D(4), D(100))
    assert floor.cash() == D(100000) - D("1000.20") + D("400.00")
    assert floor.position() == D(6)


def test_the_answer_is_the_order_as_accepted_and_the_fill_comes_as_an_update(floor):
    order = floor.exchange.submit(floor.me, draft("buy", "10"))
    assert (order.status, order.filled_qty) == ("pending_new", D(0))
    assert floor.news() == [("new", "buy market"), ("fill", "buy market", D(10), D("100.02"))]
    assert floor.exchange.drain() == []


def test_a_marketable_limit_gets_the_better_price_of_the_quote(floor):
    assert floor.submit("buy", "10", limit_price="100.50").filled_avg_price == D("100.02")
    assert floor.submit("sell", "10", limit_price="99.00").filled_avg_price == D("100.00")


def test_a_limit_waits_until_the_quote_reaches_it(floor):
    order = floor.submit("buy", "10", limit_price="99.95")
    assert order.status == "new"
    assert floor.show("99.95", "99.96") == []
    assert floor.show("99.94", "99.95") == [("fill", "buy limit", D(10), D("99.95"))]


def test_an_order_takes_no_more_than_the_quote_shows_and_goes_on_with_the_next(floor):
    order = floor.submit("buy", "1900")
    assert (order.status, order.filled_qty) == ("partially_filled", D(1000))
    assert floor.show("100.00", "100.10", "900", "500") == [("partial_fill", "buy market", D(500), D("100.10"))]
    assert floor.show("100.00", "100.20") == [("fill", "buy market", D(400), D("100.20"))]
    done = floor.order(order)
    assert (done.filled_qty, done.filled_value) == (D(1900), D("100020.00") + D("50050.00") + D("40080.00"))
    # 190 150 / 1 900
    assert done.filled_avg_price == D("100.078947368")


def test_what_one_order_leaves_of_a_quote_is_there_for_the_next(floor):
    other = floor.open("other")
    floor.submit("buy", "700")
    order = floor.submit("buy", "700", account=other)
    assert (order.status, order.filled_qty) == ("partially_filled", D(300))


def test_the_better_limit_comes_first_then_the_older_order(floor):
    other = floor.open("other", cash="1000000")
    early = floor.submit("buy", "600", limit_price="99.90")
    second = floor.submit("buy", "600", account=other, limit_price="99.90")
    late_but_better = floor.submit("buy", "600", limit_price="99.92")
    floor.show("99.88", "99.90", "1000", "1000")
    assert [floor.order(each).filled_qty for each in (late_but_better, early, second)] == [D(600), D(400), D(0)]
    floor.show("99.88", "99.90", "1000", "300")
    assert [floor.order(each).filled_qty for each in (early, second)] == [D(600), D(100)]


@pytest.mark.parametrize(
    ("bid", "ask"), [("0", "99.00"), ("98.00", "0"), ("99.02", "99.00")], ids=["no bid", "no ask", "crossed"]
)
def test_nothing_trades_on_a_quote_without_two_sides_in_order(floor, bid, ask):
    order = floor.submit("buy", "10", limit_price="99.50")
    assert floor.show(bid, ask) == []
    assert floor.order(order).status == "new"
    assert floor.show("99.00", "99.00") == [("fill", "buy limit", D(10), D("99.00"))]


def test_an_immediate_order_takes_what_is_there_and_is_cancelled_for_the_rest(floor):
    order = floor.submit("buy", "1200", limit_price="100.02", tif="ioc")
    assert (order.status, order.filled_qty) == ("canceled", D(1000))
    assert floor.news() == [
        ("new", "buy limit"),
        ("partial_fill", "buy limit", D(1000), D("100.02")),
        ("canceled", "buy limit"),
    ]


def test_a_fill_or_kill_order_is_filled_whole_or_not_at_all(floor):
    killed = floor.submit("buy", "1001", limit_price="100.02", tif="fok")
    filled = floor.submit("buy", "1000", limit_price="100.02", tif="fok")
    assert (killed.status, killed.filled_qty) == ("canceled", D(0))
    assert (filled.status, filled.filled_qty) == ("filled", D(1000))


def test_an_order_in_dollars_buys_down_to_a_billionth_of_a_share(floor):
    order = floor.submit("buy", None, notional="1000")
    # 1000 / 100.02 = 9.998000399…
    assert (order.status, order.qty, order.filled_qty) == ("filled", None, D("9.998000399"))
    assert floor.cash() == D(100000) - D("9.998000399") * D("100.02")


def test_a_sale_in_dollars_never_sells_more_than_there_is(floor):
    floor.submit("buy", "10")
    sale = floor.submit("sell", None, notional="1000", limit_price="100.10")
    assert floor.show("100.10", "100.12", "5", "5") == [("partial_fill", "sell limit", D(5), D("100.10"))]
    floor.exchange.cancel(floor.me, sale.id)
    again = floor.submit("sell", None, notional="500", limit_price="100.10")
    assert again.status == "new"
    assert floor.position() == D(5)


def test_fractions_that_one_order_leaves_do_not_break_up_whole_orders(floor):
    floor.submit("buy", "0.5")
    order = floor.submit("buy", "1000")
    assert (order.status, order.filled_qty) == ("partially_filled", D(999))


def test_a_halted_symbol_does_not_trade_until_it_is_resumed(floor):
    floor.exchange.halt("SPY")
    order = floor.submit("buy", "10")
    assert order.status == "new"
    assert floor.exchange.is_halted("SPY")
    assert floor.show("100.00", "100.01") == []
    floor.exchange.resume("SPY")
    assert floor.news() == [("fill", "buy market", D(10), D("100.01"))]


def test_every_fill_has_its_own_execution_and_the_position_after_it(floor):
    floor.submit("buy", "1500")
    floor.show("100.00", "100.02")
    fills = floor.lines("FILL")
    assert [(line.qty, line.leaves_qty, line.cum_qty, str(line.fill_kind)) for line in fills] == [
        (D(1000), D(500), D(1000), "partial_fill"),
        (D(500), D(0), D(1500), "fill"),
    ]
    assert len({line.execution_id for line in fills}) == 2
    assert floor.position() == D(1500)


def test_two_exchanges_with_different_seeds_share_no_identity():
    one, two = Floor(), Floor()
    assert one.me == two.me
    three = Exchange(one.market, now=one.exchange.now, seed="3")
    assert three.open_account(key_id="mine", secret_key="quiet", cash=D(1)).id != one.me
