"""Holding both sides against each other until nothing differs: it ends, it ends where the broker is, and then is silent."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal as D

from hypothesis import given
from hypothesis import strategies as st

from tests.domain.streams import fill_streams
from trenddojo.domain.fills import Fill
from trenddojo.domain.order_state import AT_BROKER, TERMINAL, OrderState
from trenddojo.domain.positions import build_trades
from trenddojo.domain.reconciliation import (
    OrderVerdict,
    OwnOrder,
    PositionState,
    order_verdicts,
    position_differences,
    position_state,
)

NOW = datetime(2026, 3, 4, 15, 0, tzinfo=UTC)
LONG_AGO = NOW - timedelta(hours=1)
V = OrderVerdict
QUANTITY = 10

states = st.sampled_from(sorted(AT_BROKER | TERMINAL - {OrderState.DENIED}))
amounts = st.integers(0, QUANTITY).map(D)
# The broker's own: an order in a state, filled so far.
theirs = st.dictionaries(st.sampled_from("abcdef"), st.tuples(states, amounts), min_size=1)
# What the desk believes of each: a state, filled, and booked from executions.
beliefs = st.tuples(states, amounts, amounts)


@given(theirs, st.data())
def test_it_ends_with_both_sides_saying_the_same_and_then_says_nothing(
    broker: dict[str, tuple[OrderState, D]], data: st.DataObject
) -> None:
    desk = {key: _own(key, *_before(data.draw(beliefs), filled)) for key, (_, filled) in broker.items()}
    listed = {key for key, (state, _) in broker.items() if state not in TERMINAL}
    for _ in range(3):
        found = order_verdicts(desk.values(), listed, quiet_since=NOW)
        assert sorted(key for keys in found.values() for key in keys) == sorted(desk)
        for key in (*found[V.ASK], *found[V.OVERBOOKED], *_changed(desk, broker, listed)):
            state, filled = broker[key]
            desk[key] = replace(desk[key], state=state, filled=filled)
        for key in found[V.PULL_FILLS]:
            desk[key] = replace(desk[key], booked=broker[key][1])
    assert {key: (own.state, own.filled, own.booked) for key, own in desk.items()} == {
        key: (state, filled, filled) for key, (state, filled) in broker.items()
    }
    silent = order_verdicts(desk.values(), listed, quiet_since=NOW)
    assert sorted(silent[V.SAME]) == sorted(desk)


@given(theirs, st.sets(st.sampled_from("abcdef")))
def test_what_was_just_touched_is_left_for_the_next_time(
    broker: dict[str, tuple[OrderState, D]], touched: set[str]
) -> None:
    desk = [
        _own(key, OrderState.ACCEPTED, D(0), D(3), touched_at=NOW if key in touched else LONG_AGO) for key in broker
    ]
    found = order_verdicts(desk, set(), quiet_since=NOW - timedelta(seconds=5))
    assert set(found[V.SAME]) == touched & set(broker)


@given(fill_streams(places=2), st.randoms(use_true_random=False), st.integers(0, 12))
def test_a_journal_that_has_every_execution_once_holds_what_the_broker_holds(
    fills: list[Fill], random: object, repeated: int
) -> None:
    """However often and in whatever order they were told: each is one by its key."""
    told = [*fills, *fills[:repeated]]
    random.shuffle(told)  # type: ignore[attr-defined]
    known = {fill.key: fill for fill in told}
    trades = build_trades(known.values())
    held = sum((trade.open_quantity * trade.direction.sign for trade in trades), D(0))
    broker = {"AAPL": sum((fill.signed_quantity for fill in fills), D(0))}
    assert position_differences({"AAPL": held}, broker, unsettled=()) == []
    assert trades == build_trades(fills)


@given(fill_streams(min_size=2, places=2), st.data())
def test_an_execution_that_is_missing_is_exactly_the_difference(fills: list[Fill], data: st.DataObject) -> None:
    lost = data.draw(st.sampled_from(fills))
    trades = build_trades(fill for fill in fills if fill is not lost)
    held = sum((trade.open_quantity * trade.direction.sign for trade in trades), D(0))
    broker = sum((fill.signed_quantity for fill in fills), D(0))
    (found,) = position_differences({"AAPL": held}, {"AAPL": broker}, unsettled=())
    assert found.difference == lost.signed_quantity
    assert position_differences({"AAPL": held}, {"AAPL": broker}, unsettled={"AAPL"}) == []


@given(st.integers(-5, 5).map(D), st.one_of(st.none(), st.integers(-5, 5).map(D)), st.integers(0, 9).map(D))
def test_a_position_is_called_by_exactly_one_name(journal: D, broker: D | None, covered: D) -> None:
    found = position_state(journal, broker, covered=covered)
    differs = broker is not None and broker != journal
    assert (found in (PositionState.DRIFT, PositionState.EXTERNAL)) is differs
    assert (found is PositionState.EXTERNAL) is (differs and journal == 0)
    assert (found is PositionState.UNPROTECTED) is (not differs and covered < abs(journal))


def _own(key: str, state: OrderState, filled: D, booked: D, *, touched_at: datetime = LONG_AGO) -> OwnOrder:
    return OwnOrder(key, key, state, filled, booked, touched_at)


def _before(belief: tuple[OrderState, D, D], filled: D) -> tuple[OrderState, D, D]:
    """Nothing is believed filled or booked that the broker has not filled: executions are facts."""
    state, seen, booked = belief
    return state, min(seen, filled), min(booked, filled)


def _changed(desk: dict[str, OwnOrder], broker: dict[str, tuple[OrderState, D]], listed: set[str]) -> list[str]:
    """A listing says of what it lists how it stands; ended orders are listed for a while."""
    seen = listed | {key for key, own in desk.items() if own.state in TERMINAL}
    return [key for key in seen if (desk[key].state, desk[key].filled) != broker[key]]
