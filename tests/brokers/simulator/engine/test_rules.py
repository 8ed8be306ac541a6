"""What is refused, in Alpaca's words, and changes nothing."""

from decimal import Decimal as D

import pytest

from brokers.simulator.engine.types import Rejection
from tests.brokers.simulator.engine.conftest import CLOSE, Floor, draft

MALFORMED, RULE, FORBIDDEN = (422, 40010001), (422, 42210000), (403, 40310000)
BRACKET = {"order_class": "bracket", "target": "101.00", "stop": "99.00"}
SUB_PENNY = "sub-penny increment does not fulfill minimum pricing criteria"

FORM = [
    ("neither quantity nor dollars", {"qty": None}, MALFORMED, "qty or notional is required"),
    ("both", {"notional": "5"}, MALFORMED, "only one of qty or notional is accepted"),
    ("nothing", {"qty": "0"}, MALFORMED, "qty must be > 0"),
    ("less than nothing", {"qty": "-5"}, MALFORMED, "qty must be > 0"),
    ("too fine", {"qty": "0.0000000001"}, RULE, "qty must have no more than 9 decimal places"),
    ("not a number", {"qty": "NaN"}, MALFORMED, "qty must be > 0"),
    ("less than a dollar", {"qty": None, "notional": "0.99"}, FORBIDDEN, "cost basis must be >= minimal amount of order 1"),
    ("long id", {"client_order_id": "x" * 129}, MALFORMED, "client_order_id must be no more than 128 characters"),
    ("more than anybody has", {"qty": "1000000001"}, MALFORMED, "qty must be <= 1000000000"),
    ("no dollars", {"qty": None, "notional": "0"}, MALFORMED, "notional must be > 0"),
    ("too many dollars", {"qty": None, "notional": "1E10"}, MALFORMED, "notional must be <= 1000000000"),
    ("dollars too fine", {"qty": None, "notional": "1.0000000001"}, RULE, "notional must have no more than 9 decimal places"),
    ("a price of nothing", {"limit_price": "0"}, MALFORMED, "limit_price must be > 0"),
    ("a price beyond reason", {"limit_price": "1E10"}, MALFORMED, "limit_price must be <= 1000000000"),
    ("trail of everything", {"type": "trailing_stop", "trail_percent": "100"}, MALFORMED, "trail_percent must be > 0 and < 100"),
    ("extended bracket", {**BRACKET, "limit_price": "100", "extended_hours": True}, RULE, "extended hours orders must be simple orders"),
    ("oto of a stop", {"order_class": "oto", "stop": "99", "type": "stop", "stop_price": "101"}, MALFORMED, "oto orders must be market or limit orders"),
    ("market oco", {"order_class": "oco", "stop": "99", "target": "101"}, MALFORMED, "oco orders must be limit orders"),
    ("limit without price", {"type": "limit"}, MALFORMED, "limit orders require limit_price"),
    ("stop without price", {"type": "stop"}, MALFORMED, "stop orders require stop_price"),
    ("market with price", {"type": "market", "limit_price": "100"}, MALFORMED, "market orders require no limit_price"),
    ("trail of both kinds", {"type": "trailing_stop", "trail_price": "1", "trail_percent": "1"}, MALFORMED, "trailing_stop orders require either trail_price or trail_percent"),
    ("sub-penny limit", {"limit_price": "290.123"}, RULE, f"invalid limit_price 290.123. {SUB_PENNY}"),
    ("sub-penny stop", {"type": "stop", "stop_price": "290.123"}, RULE, f"invalid stop_price 290.123. {SUB_PENNY}"),
    ("too fine below a dollar", {"limit_price": "0.12345"}, RULE, f"invalid limit_price 0.12345. {SUB_PENNY}"),
    ("stop-limit bracket", {**BRACKET, "type": "stop_limit", "stop_price": "101", "limit_price": "102"}, MALFORMED, "bracket orders must be market or limit orders"),
    ("bracket without stop", {"order_class": "bracket", "target": "101"}, MALFORMED, "bracket orders require stop_loss.stop_price"),
    ("bracket without target", {"order_class": "bracket", "stop": "99"}, MALFORMED, "bracket orders require take_profit.limit_price"),
    ("oto with both", {**BRACKET, "order_class": "oto"}, MALFORMED, "oto orders require either take_profit or stop_loss"),
    ("exits on a simple order", {"target": "101"}, MALFORMED, "take_profit and stop_loss are only allowed for bracket, oco and oto orders"),
    ("sub-penny exit", {**BRACKET, "target": "101.001"}, RULE, f"invalid take_profit.limit_price 101.001. {SUB_PENNY}"),
    ("extended market order", {"extended_hours": True}, MALFORMED, 'only type="limit" is allowed for extended hours orders'),
    ("extended gtc", {"extended_hours": True, "limit_price": "99", "tif": "gtc"}, RULE, "extended hours orders must be DAY limit orders"),
    ("fraction till cancelled", {"qty": "0.5", "limit_price": "99", "tif": "gtc"}, RULE, "fractional orders must be DAY orders"),
    ("bracket of a fraction", {**BRACKET, "qty": "0.5"}, RULE, "fractional orders must be simple orders"),
    ("trailing fraction", {"qty": "0.5", "type": "trailing_stop", "trail_price": "1"}, RULE, "fractional orders cannot be trailing_stop orders"),
    ("immediate stop", {"type": "stop", "stop_price": "101", "tif": "ioc"}, RULE, "ioc orders must be market or limit orders"),
    ("auction bracket", {**BRACKET, "tif": "cls"}, RULE, "complex orders must be day or gtc orders, not cls"),
]  # fmt: skip

EXITS = [
    ("target too near", {"target": "100.02"}, (422, 42210000), "take_profit.limit_price must be >= base_price + 0.01"),
    ("stop at the ask", {"stop": "100.02"}, (422, None), "stop price must be less than base_price - 0.01"),
    ("stop at the bid", {"stop": "100.00"}, (422, None), "stop price must be less than base_price - 0.01"),
    ("stop above the limit", {"stop": "99.60", "limit_price": "99.50"}, (422, None), "stop price must be less than base_price - 0.01"),
    ("stop already reached", {"stop": "100.50", "limit_price": "100.60"}, (422, None), "stop price must be less than base_price - 0.01"),
]  # fmt: skip


@pytest.mark.parametrize(("_case", "fields", "code", "sentence"), FORM, ids=[case for case, *_ in FORM])
def test_a_malformed_order_is_refused_in_a_sentence(floor, _case, fields, code, sentence):
    asked = {"qty": "10", **fields}
    assert floor.refused("buy", asked.pop("qty"), **asked) == (*code, sentence)


@pytest.mark.parametrize(("_case", "fields", "code", "sentence"), EXITS, ids=[case for case, *_ in EXITS])
def test_exits_lie_on_their_sides_of_entry_and_price(floor, _case, fields, code, sentence):
    assert floor.refused("buy", "10", **{**BRACKET, **fields}) == (*code, sentence)


def test_exits_a_cent_away_are_taken(floor):
    order = floor.submit("buy", "10", **{**BRACKET, "target": "100.03", "stop": "99.99"})
    assert order.status == "filled"


def test_exits_of_a_short_lie_the_other_way(floor):
    assert floor.refused("sell", "10", order_class="bracket", target="100.00", stop="101") == (
        422,
        42210000,
        "take_profit.limit_price must be <= base_price - 0.01",
    )
    assert floor.refused("sell", "10", order_class="bracket", target="99", stop="100.02") == (
        422,
        None,
        "stop price must be greater than base_price + 0.01",
    )


def test_a_bracket_is_an_entry_and_a_pair_of_exits_is_not(floor):
    assert floor.refused("sell", "10", order_class="oco", type="limit", target="101", stop="99") == (
        *RULE,
        "oco orders must be exit orders",
    )
    floor.submit("buy", "10")
    floor.news()
    assert floor.refused("sell", "10", order_class="bracket", target="99", stop="101") == (
        *RULE,
        "bracket orders must be entry orders",
    )


def test_a_client_order_id_is_taken_once_and_for_ever(floor):
    order = floor.submit("buy", "10", limit_price="90", client_order_id="mine-1")
    floor.exchange.cancel(floor.me, order.id)
    floor.news()
    assert floor.refused("buy", "10", client_order_id="mine-1") == (*MALFORMED, "client_order_id must be unique")
    assert floor.exchange.order_by_client_id(floor.me, "mine-1").status == "canceled"
    other = floor.open("other")
    assert floor.submit("buy", "10", account=other, client_order_id="mine-1").status == "filled"


@pytest.mark.parametrize(
    ("symbol", "qty", "code", "sentence"),
    [
        ("NOPE", "1", RULE, 'could not find asset "NOPE"'),
        ("TWTR", "1", RULE, 'asset "TWTR" is not tradable'),
        ("MSFT", "1", RULE, 'asset "MSFT" is not tradable'),
        ("BRK.A", "0.5", FORBIDDEN, 'asset "BRK.A" is not fractionable'),
    ],
    ids=["unknown", "delisted", "without prices", "in whole shares only"],
)
def test_an_asset_that_cannot_be_traded_is_refused(floor, symbol, qty, code, sentence):
    floor.show("700000.00", "700500.00", symbol="BRK.A")
    assert floor.refused("buy", qty, symbol) == (*code, sentence)


@pytest.mark.parametrize(
    ("symbol", "qty", "fields", "code", "sentence"),
    [
        ("UVXY", "1", {}, RULE, 'asset "UVXY" cannot be sold short'),
        ("SPY", "0.5", {}, RULE, "fractional orders cannot be sold short"),
        ("GME", "1", {"limit_price": "21", "tif": "gtc"}, RULE, "only day orders are allowed for hard-to-borrow asset GME"),
    ],
    ids=["not shortable", "a fraction", "hard to borrow"],
)  # fmt: skip
def test_a_short_sale_has_its_rules(floor, symbol, qty, fields, code, sentence):
    floor.show("20.00", "20.02", symbol=symbol) if symbol != "SPY" else None
    assert floor.refused("sell", qty, symbol, **fields) == (*code, sentence)


@pytest.mark.parametrize("setting", [{"cash": "1999.99"}, {"kind": "cash"}], ids=["too small", "a cash account"])
def test_not_every_account_may_sell_short(setting):
    floor = Floor(**setting)
    floor.show("100.00", "100.02")
    assert floor.refused("sell", "1") == (*FORBIDDEN, "account is not allowed to short")
    assert floor.position() == D(0)


WASHES = [
    ("market against a resting limit", {"limit_price": "101.00"}, {}, "opposite side limit order exists"),
    ("limit that would cross it", {"limit_price": "101.00"}, {"limit_price": "101.00"}, "opposite side limit order exists"),
    ("limit against a stop", {"type": "stop", "stop_price": "99.00"}, {"limit_price": "98.00"}, "opposite side stop order exists"),
]  # fmt: skip


@pytest.mark.parametrize(("_case", "resting", "sent", "reason"), WASHES, ids=[case for case, *_ in WASHES])
def test_orders_that_could_trade_with_each_other_are_refused(floor, _case, resting, sent, reason):
    floor.submit("buy", "10")
    sale = floor.submit("sell", "10", **resting)
    with pytest.raises(Rejection) as caught:
        floor.exchange.submit(floor.me, draft("buy", "5", **sent))
    refused = caught.value
    assert (refused.http_status, refused.code) == FORBIDDEN
    assert refused.message == "potential wash trade detected. use complex orders"
    assert refused.extra == {"existing_order_id": sale.id, "reject_reason": reason}


def test_orders_that_cannot_meet_and_complex_orders_are_no_wash_trade(floor):
    floor.submit("buy", "10")
    floor.submit("sell", "10", limit_price="101.00")
    assert floor.submit("buy", "5", limit_price="100.99").status == "filled"
    assert floor.submit("buy", "5", **BRACKET).status == "filled"


def test_a_blocked_account_places_no_orders(floor):
    floor.exchange.block_trading(floor.me)
    assert floor.refused("buy", "1") == (*FORBIDDEN, "trading is blocked for this account")
    floor.exchange.unblock_trading(floor.me)
    assert floor.submit("buy", "1").status == "filled"


def test_immediate_orders_need_an_open_market(floor):
    floor.until(CLOSE.replace(hour=23))
    assert floor.refused("buy", "1", limit_price="100", tif="ioc") == (
        *RULE,
        "ioc orders are only accepted during market hours",
    )
