"""What a well-formed order is."""

from decimal import Decimal as D
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trenddojo.domain.errors import DomainError
from trenddojo.domain.fills import Side
from trenddojo.domain.instruments import AssetClass, Fractions, Instrument, instrument_for
from trenddojo.domain.orders import (
    NEAREST_EXIT,
    OrderClass,
    OrderError,
    OrderTerms,
    OrderType,
    StopLoss,
    TakeProfit,
    TimeInForce,
    class_with,
    validate_terms,
)

SHARE = instrument_for("AAPL", AssetClass.STOCK, fractions=Fractions.ALLOWED)
WHOLE_SHARE = instrument_for("AAPL", AssetClass.STOCK)
COIN = instrument_for("BTC/USD", AssetClass.CRYPTO)
STOP, TARGET = StopLoss(D(95)), TakeProfit(D(110))
EXITS = {"stop_loss": STOP, "take_profit": TARGET}


def terms(**changes: Any) -> OrderTerms:
    """Buy 100 AAPL at 100 for the day."""
    given = {
        "symbol": "AAPL",
        "side": Side.BUY,
        "type": OrderType.LIMIT,
        "quantity": D(100),
        "limit_price": D(100),
        **changes,
    }
    return OrderTerms(**given)


def plain(kind: OrderType, **changes: Any) -> OrderTerms:
    return terms(**{"type": kind, "limit_price": None, **changes})


def bracket(**changes: Any) -> OrderTerms:
    return terms(**{**EXITS, "order_class": OrderClass.BRACKET, **changes})


def oco(**changes: Any) -> OrderTerms:
    """Sell what is held at the target or at the stop."""
    return terms(**{**EXITS, "side": Side.SELL, "limit_price": None, "order_class": OrderClass.OCO, **changes})


def refusal(asked: OrderTerms, instrument: Instrument = SHARE, market_price: D | None = None) -> tuple[str, str] | None:
    try:
        validate_terms(asked, instrument=instrument, market_price=market_price)
    except DomainError as problem:
        return problem.code, problem.field
    return None


@pytest.mark.parametrize(
    "asked",
    [
        terms(),
        terms(limit_price=D("0.1234")),
        terms(quantity=D("0.5")),
        terms(extended_hours=True),
        terms(time_in_force=TimeInForce.CLS),
        terms(time_in_force=TimeInForce.FOK),
        plain(OrderType.MARKET, time_in_force=TimeInForce.OPG),
        plain(OrderType.STOP, stop_price=D(101)),
        plain(OrderType.STOP_LIMIT, stop_price=D(101), limit_price=D(102)),
        plain(OrderType.TRAILING_STOP, trail_percent=D("1.5"), time_in_force=TimeInForce.GTC),
        plain(OrderType.TRAILING_STOP, trail_price=D("0.50")),
        bracket(),
        bracket(time_in_force=TimeInForce.GTC, stop_loss=StopLoss(D(95), D("94.90"))),
        bracket(stop_loss=StopLoss(D(95), D(95))),
        bracket(side=Side.SELL, stop_loss=StopLoss(D(105), D(106)), take_profit=TakeProfit(D(90))),
        bracket(stop_loss=StopLoss(D("99.99")), take_profit=TakeProfit(D("100.01"))),
        bracket(type=OrderType.MARKET, limit_price=None),
        bracket(type=OrderType.STOP, limit_price=None, stop_price=D(100)),
        terms(order_class=OrderClass.OTO, stop_loss=STOP),
        terms(order_class=OrderClass.OTO, take_profit=TARGET),
        oco(),
        oco(side=Side.BUY, stop_loss=StopLoss(D(110)), take_profit=TakeProfit(D(95)), time_in_force=TimeInForce.GTC),
    ],
)
def test_orders_as_they_should_be_pass(asked: OrderTerms) -> None:
    assert refusal(asked) is None


@pytest.mark.parametrize(
    ("asked", "code", "field"),
    [
        (terms(quantity=D(0)), "not_positive", "quantity"),
        (terms(quantity=D("NaN")), "not_finite", "quantity"),
        (terms(quantity=D("0.0000000001")), "too_many_decimals", "quantity"),
        # Each type has its prices and no others.
        (terms(limit_price=None), "required", "limit_price"),
        (plain(OrderType.MARKET, limit_price=D(100)), "not_used", "limit_price"),
        (terms(stop_price=D(100)), "not_used", "stop_price"),
        (terms(trail_percent=D(1)), "not_used", "trail_percent"),
        (plain(OrderType.STOP), "required", "stop_price"),
        (plain(OrderType.STOP_LIMIT, stop_price=D(100)), "required", "limit_price"),
        (plain(OrderType.TRAILING_STOP), "one_trail", "trail_percent"),
        (plain(OrderType.TRAILING_STOP, trail_percent=D(1), trail_price=D(1)), "one_trail", "trail_percent"),
        (oco(limit_price=D(110)), "not_used", "limit_price"),
        # Prices have steps.
        (terms(limit_price=D("100.001")), "bad_tick", "limit_price"),
        (terms(limit_price=D("0.12345")), "bad_tick", "limit_price"),
        (terms(limit_price=D(-1)), "not_positive", "limit_price"),
        (terms(limit_price=D("1E+12")), "too_many_digits", "limit_price"),
        (plain(OrderType.STOP, stop_price=D("100.005")), "bad_tick", "stop_price"),
        (plain(OrderType.TRAILING_STOP, trail_price=D("1.001")), "bad_tick", "trail_price"),
        (bracket(stop_loss=StopLoss(D("95.001"))), "bad_tick", "stop_loss"),
        (bracket(stop_loss=StopLoss(D(95), D("94.001"))), "bad_tick", "stop_loss_limit"),
        (bracket(take_profit=TakeProfit(D("110.001"))), "bad_tick", "take_profit"),
        (plain(OrderType.TRAILING_STOP, trail_percent=D(0)), "not_positive", "trail_percent"),
        (plain(OrderType.TRAILING_STOP, trail_percent=D("1.001")), "too_many_decimals", "trail_percent"),
        (plain(OrderType.TRAILING_STOP, trail_percent=D(100)), "bad_trail", "trail_percent"),
        # Classes have their shapes.
        (terms(stop_loss=STOP), "not_used", "order_class"),
        (terms(order_class=OrderClass.OTO), "one_exit", "order_class"),
        (terms(order_class=OrderClass.OTO, **EXITS), "one_exit", "order_class"),
        (bracket(stop_loss=None), "required", "stop_loss"),
        (bracket(take_profit=None), "required", "take_profit"),
        (oco(stop_loss=None), "required", "stop_loss"),
        (oco(type=OrderType.MARKET), "bad_type", "type"),
        (bracket(type=OrderType.TRAILING_STOP, limit_price=None, trail_percent=D(1)), "bad_type", "type"),
        # Times in force.
        (bracket(time_in_force=TimeInForce.IOC), "bad_time_in_force", "time_in_force"),
        (oco(time_in_force=TimeInForce.FOK), "bad_time_in_force", "time_in_force"),
        (plain(OrderType.STOP, stop_price=D(1), time_in_force=TimeInForce.OPG), "bad_time_in_force", "time_in_force"),
        (
            plain(OrderType.TRAILING_STOP, trail_percent=D(1), time_in_force=TimeInForce.IOC),
            "bad_time_in_force",
            "time_in_force",
        ),
        (terms(extended_hours=True, time_in_force=TimeInForce.GTC), "bad_extended_hours", "extended_hours"),
        (plain(OrderType.MARKET, extended_hours=True), "bad_extended_hours", "extended_hours"),
        (bracket(extended_hours=True), "bad_extended_hours", "extended_hours"),
        # Parts of a share.
        (terms(quantity=D("0.5"), time_in_force=TimeInForce.GTC), "fraction_not_day", "time_in_force"),
        (bracket(quantity=D("0.5")), "fraction_not_simple", "quantity"),
        (
            plain(OrderType.TRAILING_STOP, trail_percent=D(1), quantity=D("0.5")),
            "fraction_not_simple",
            "quantity",
        ),
        # Exits lie on their sides.
        (bracket(stop_loss=StopLoss(D(100))), "stop_wrong_side", "stop_loss"),
        (bracket(take_profit=TakeProfit(D(100))), "target_wrong_side", "take_profit"),
        (bracket(side=Side.SELL), "stop_wrong_side", "stop_loss"),
        (bracket(stop_loss=StopLoss(D(95), D("95.01"))), "limit_wrong_side", "stop_loss_limit"),
        (oco(take_profit=TakeProfit(D(95))), "target_wrong_side", "take_profit"),
        (oco(side=Side.BUY), "target_wrong_side", "take_profit"),
    ],
)
def test_what_is_wrong_is_told_at_its_field(asked: OrderTerms, code: str, field: str) -> None:
    assert refusal(asked) == (code, field)


def test_whole_shares_stay_whole() -> None:
    assert refusal(terms(quantity=D("0.5")), WHOLE_SHARE) == ("too_many_decimals", "quantity")


def test_coins_come_in_parts_and_never_sleep() -> None:
    coin = terms(symbol="BTC/USD", quantity=D("0.001"), time_in_force=TimeInForce.GTC, limit_price=D("63000.5"))
    assert refusal(coin, COIN) is None
    assert refusal(terms(extended_hours=True), COIN) == ("bad_extended_hours", "extended_hours")


def test_exits_of_a_market_order_are_held_against_the_market() -> None:
    asked = bracket(type=OrderType.MARKET, limit_price=None)
    assert refusal(asked, market_price=D(100)) is None
    assert refusal(asked, market_price=D(95)) == ("stop_wrong_side", "stop_loss")
    assert refusal(oco(), market_price=D(111)) == ("target_wrong_side", "take_profit")


def test_a_price_between_two_steps_names_both() -> None:
    with pytest.raises(OrderError, match=r"steps of 0.01: use 100.12 or 100.13\."):
        validate_terms(terms(limit_price=D("100.125")), instrument=SHARE)


def test_the_exits_given_make_the_class() -> None:
    assert class_with(STOP, TARGET) is OrderClass.BRACKET
    assert class_with(STOP, None) is OrderClass.OTO
    assert class_with(None, TARGET) is OrderClass.OTO
    assert class_with(None, None) is OrderClass.SIMPLE


PRICES = st.decimals(min_value=D("0.01"), max_value=D(100_000), places=2)


@given(entry=PRICES, stop=PRICES, target=PRICES, side=st.sampled_from(Side))
def test_a_bracket_that_passes_loses_at_its_stop_and_wins_at_its_target(
    entry: D, stop: D, target: D, side: Side
) -> None:
    asked = bracket(side=side, limit_price=entry, stop_loss=StopLoss(stop), take_profit=TakeProfit(target))
    is_right = side.sign * (entry - stop) >= NEAREST_EXIT and side.sign * (target - entry) >= NEAREST_EXIT
    assert (refusal(asked) is None) == is_right


@given(price=st.decimals(min_value=D("0.0001"), max_value=D(1000), places=4))
def test_every_price_that_passes_is_a_whole_number_of_steps(price: D) -> None:
    step = D("0.0001") if price < 1 else D("0.01")
    assert (refusal(terms(limit_price=price)) is None) == (price % step == 0)
