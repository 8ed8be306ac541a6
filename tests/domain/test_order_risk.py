"""The gate: every limit an order breaks, at once, with its numbers; what only reduces always passes."""

from dataclasses import replace
from decimal import Decimal as D
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trenddojo.domain.fills import Side
from trenddojo.domain.order_risk import (
    GateState,
    OrderFacts,
    OrderLimits,
    QuoteState,
    check_order,
    closable,
    collar_breach,
    is_reducing,
)
from trenddojo.domain.orders import OrderType
from trenddojo.domain.risk import AccountState, RiskLimits

LIMITS = OrderLimits(
    RiskLimits(
        risk_per_trade_percent=D(1),
        max_position_percent=D(30),
        max_open_risk_percent=D(6),
        max_daily_loss_percent=D(3),
        max_weekly_loss_percent=D(6),
        max_open_positions=5,
    ),
    max_orders_per_minute=10,
    price_collar_percent=D(5),
)
NO_LIMITS = OrderLimits(RiskLimits(max_position_percent=None))
QUOTE = QuoteState(D("99.99"), D("100.01"), D(0))
RICH = AccountState(equity=D(100_000), buying_power=D(200_000))


def state(**changes: Any) -> GateState:
    given = {"account": RICH, "quote": QUOTE, **changes}
    return GateState(**given)


def buy(quantity: Any = 100, **changes: Any) -> OrderFacts:
    """A limit of 100, risking 5 a unit."""
    given = {
        "side": Side.BUY,
        "type": OrderType.LIMIT,
        "quantity": D(quantity),
        "unit_price": D(100),
        "limit_price": D(100),
        "risk_amount": 5 * D(quantity),
        **changes,
    }
    return OrderFacts(**given)


def sell(quantity: Any, **changes: Any) -> OrderFacts:
    given = {"side": Side.SELL, "type": OrderType.MARKET, "quantity": D(quantity), "unit_price": None, **changes}
    return OrderFacts(**given)


def codes(facts: OrderFacts, given: GateState, limits: OrderLimits = LIMITS) -> list[str]:
    return [breach.code for breach in check_order(facts, limits, given)]


def test_an_order_within_all_limits_passes() -> None:
    assert codes(buy(), state()) == []


def test_a_limit_that_is_used_exactly_up_is_not_broken() -> None:
    account = replace(RICH, position_value_in_symbol=D(20_000), open_risk=D(5_500), open_positions=4)
    account = replace(account, loss_today=D(2_500), loss_this_week=D(5_500), buying_power=D(10_000))
    assert codes(buy(100), state(account=account, orders_last_minute=9)) == []
    more = check_order(buy(101), LIMITS, state(account=account, orders_last_minute=10))
    assert [(breach.code, breach.limit, breach.actual) for breach in more] == [
        ("orders_per_minute", D(10), D(11)),
        ("max_position", D(30), D("30.1")),
        ("open_risk", D(6), D("6.005")),
        ("daily_loss", D(3), D("3.005")),
        ("weekly_loss", D(6), D("6.005")),
        ("insufficient_buying_power", D(10_000), D(10_100)),
    ]


def test_all_reasons_come_at_once_in_words() -> None:
    given = state(
        account=replace(RICH, open_positions=5),
        halted="enough for today",
        is_armed=False,
        is_integrated=False,
        quote=replace(QUOTE, age_seconds=D("61.4")),
    )
    found = check_order(buy(), LIMITS, given)
    assert [breach.sentence for breach in found] == [
        "The account is halted (enough for today): resume it before you send new orders.",
        "Live orders are switched off on this desk by its administrator.",
        "Live trading is not switched on for this account: switch it on first.",
        "The last quote is 61 seconds old; 60 is the most.",
        "It would be open position number 6; 5 is the most.",
    ]
    assert [breach.code for breach in found] == [
        "halted",
        "integrations_disabled",
        "not_armed",
        "stale_quote",
        "max_open_positions",
    ]


def test_a_halt_without_a_reason_says_so_plainly() -> None:
    (breach,) = check_order(buy(), LIMITS, state(halted=""))
    assert breach.sentence == "The account is halted: resume it before you send new orders."


def test_every_brake_is_named_after_the_account_s_own_and_stops_entries_alone() -> None:
    brakes = (("desk_halted", "The desk is halted."), ("silent", "No worker has answered for 61 seconds."))
    found = check_order(buy(), LIMITS, state(halted="", brakes=brakes))
    assert [breach.code for breach in found] == ["halted", "desk_halted", "silent"]
    assert [breach.sentence for breach in found[1:]] == [sentence for _, sentence in brakes]
    assert codes(sell(10), state(position=D(10), brakes=brakes)) == []


def test_adding_to_a_position_takes_no_new_place() -> None:
    full = replace(RICH, open_positions=5)
    assert codes(buy(), state(account=full, opens_position=False, position=D(10))) == []


def test_an_account_without_equity_buys_nothing() -> None:
    assert codes(buy(), state(account=replace(RICH, equity=D(0)))) == ["no_equity"]


def test_what_a_trade_may_risk_is_the_plans_business() -> None:
    assert codes(buy(100, risk_amount=D(1_500)), state()) == []


def test_without_limits_only_money_counts() -> None:
    given = state(account=replace(RICH, buying_power=D(9_999)), orders_last_minute=1000)
    assert codes(buy(limit_price=D(500)), given, NO_LIMITS) == ["insufficient_buying_power"]
    assert codes(buy(), state(account=replace(RICH, buying_power=None)), NO_LIMITS) == []


# Quotes and prices


@pytest.mark.parametrize(("age", "found"), [(D(60), []), (D("60.001"), ["stale_quote"])])
def test_a_quote_may_be_so_old(age: D, found: list[str]) -> None:
    assert codes(buy(), state(quote=replace(QUOTE, age_seconds=age))) == found


def test_no_quote_is_no_price() -> None:
    assert codes(buy(), state(quote=None)) == ["missing_quote"]
    assert codes(buy(type=OrderType.MARKET, unit_price=None, limit_price=None), state(quote=None)) == ["missing_quote"]


def test_at_the_open_there_will_be_a_quote() -> None:
    waiting = state(waits_for_open=True, quote=replace(QUOTE, age_seconds=D(60_000)))
    assert codes(buy(), waiting) == []
    assert codes(buy(), replace(waiting, quote=None)) == []
    unpriced = buy(type=OrderType.MARKET, unit_price=None, limit_price=None)
    assert codes(unpriced, replace(waiting, quote=None)) == ["missing_quote"]


@pytest.mark.parametrize(
    ("changes", "is_refused"),
    [
        # A limit beyond the market gives away; one that rests gives nothing away, however far.
        ({"limit_price": D(105)}, False),
        ({"limit_price": D("105.01")}, True),
        ({"limit_price": D(1)}, False),
        ({"side": Side.SELL, "limit_price": D(95)}, False),
        ({"side": Side.SELL, "limit_price": D("94.99")}, True),
        ({"side": Side.SELL, "limit_price": D(1000)}, False),
        # A stop ahead of the market waits; one behind it is met at once.
        ({"type": OrderType.STOP, "limit_price": None, "stop_price": D(200)}, False),
        ({"type": OrderType.STOP, "limit_price": None, "stop_price": D("94.99")}, True),
        ({"type": OrderType.STOP, "limit_price": None, "stop_price": D(96)}, False),
        ({"side": Side.SELL, "type": OrderType.STOP, "limit_price": None, "stop_price": D("105.01")}, True),
        # The limit of a stop-limit is held against its stop.
        ({"type": OrderType.STOP_LIMIT, "limit_price": D(210), "stop_price": D(200)}, False),
        ({"type": OrderType.STOP_LIMIT, "limit_price": D(211), "stop_price": D(200)}, True),
        # A market order is held against the spread it crosses.
        ({"type": OrderType.MARKET, "limit_price": None}, False),
    ],
)
def test_prices_that_give_too_much_away(changes: dict[str, Any], is_refused: bool) -> None:  # noqa: FBT001 - a table
    assert codes(buy(1, **changes), state()) == (["price_collar"] if is_refused else [])


def test_the_collar_says_how_far() -> None:
    (breach,) = check_order(buy(1, limit_price=D(1000)), LIMITS, state())
    assert breach.sentence == (
        "The limit of 1000 is 900.00 % on the wrong side of 100; 5 % is the most. Check the price."
    )
    assert (breach.limit, breach.actual) == (D(5), D(900))


@pytest.mark.parametrize(("side", "name"), [(Side.BUY, "ask"), (Side.SELL, "bid")])
def test_a_market_order_through_a_wide_spread_is_refused(side: Side, name: str) -> None:
    wide = QuoteState(D(90), D(110), D(0))
    facts = buy(1, side=side, type=OrderType.MARKET, limit_price=None)
    (breach,) = check_order(facts, LIMITS, state(quote=wide))
    assert (breach.code, f"The {name} of" in breach.sentence) == ("price_collar", True)


# Exits


EVERYTHING_SAYS_NO = state(
    account=AccountState(equity=D(0), buying_power=D(0), open_positions=99, loss_today=D(99_999)),
    position=D(100),
    halted="stop",
    is_armed=False,
    is_integrated=False,
    quote=None,
    orders_last_minute=999,
)


def test_an_exit_passes_whatever_says_no() -> None:
    assert codes(sell(100), EVERYTHING_SAYS_NO) == []
    short = replace(EVERYTHING_SAYS_NO, position=D(-100))
    assert codes(buy(100), short) == []


def test_an_exit_never_turns_a_position_round() -> None:
    (breach,) = check_order(sell(101), LIMITS, EVERYTHING_SAYS_NO)
    assert (breach.code, breach.limit, breach.actual) == ("exceeds_position", D(100), D(101))
    assert breach.sentence == ("You hold 100: at most 100 can be closed. An order never turns a position round.")


def test_exits_that_work_hold_their_units() -> None:
    given = replace(EVERYTHING_SAYS_NO, closing=D(70))
    assert codes(sell(30), given) == []
    (breach,) = check_order(sell(31), LIMITS, given)
    assert breach.sentence == (
        "You hold 100 and exits for 70 work already: at most 30 can be closed. An order never turns a position round."
    )
    assert closable(replace(given, closing=D(500))) == 0


def test_an_exit_at_a_strange_price_passes_and_is_worth_a_warning() -> None:
    facts = sell(100, type=OrderType.LIMIT, unit_price=D(10), limit_price=D(10))
    given = state(position=D(100))
    assert codes(facts, given) == []
    warning = collar_breach(facts, LIMITS, given)
    assert warning is not None
    assert warning.code == "price_collar"


QUANTITIES = st.decimals(min_value=D(1), max_value=D(1000), places=0)


@given(
    position=st.decimals(min_value=D(-1000), max_value=D(1000), places=0),
    closing=st.decimals(min_value=D(0), max_value=D(1200), places=0),
    quantity=QUANTITIES,
    side=st.sampled_from(Side),
)
def test_what_passes_as_an_exit_leaves_no_position_the_other_way(
    position: D, closing: D, quantity: D, side: Side
) -> None:
    facts = buy(quantity, side=side)
    given = replace(EVERYTHING_SAYS_NO, position=position, closing=closing)
    if is_reducing(facts, given):
        rest = abs(position) - closing - quantity
        assert rest >= 0
        assert codes(facts, given) == []
    elif position * side.sign < 0:
        assert codes(facts, given) == ["exceeds_position"]


@given(quantity=QUANTITIES, more=QUANTITIES, value=st.decimals(min_value=D(0), max_value=D(50_000), places=2))
def test_a_larger_order_breaks_every_limit_a_smaller_one_does(quantity: D, more: D, value: D) -> None:
    given = state(account=replace(RICH, position_value_in_symbol=value, open_risk=value / 10))
    small, large = set(codes(buy(quantity), given)), set(codes(buy(quantity + more), given))
    assert small <= large


@given(quantity=QUANTITIES, held=st.decimals(min_value=D(0), max_value=D(60_000), places=2))
def test_an_entry_that_passes_keeps_the_position_within_its_limit(quantity: D, held: D) -> None:
    given = state(account=replace(RICH, position_value_in_symbol=held))
    if not codes(buy(quantity), given):
        assert held + quantity * 100 <= D(30_000)
