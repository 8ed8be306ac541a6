"""The difference between what we keep and what the broker says."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal as D

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trenddojo.domain.order_state import AT_BROKER, TERMINAL, OrderState
from trenddojo.domain.reconciliation import (
    OrderVerdict,
    OwnOrder,
    PositionState,
    order_verdict,
    order_verdicts,
    position_differences,
    position_state,
)

NOW = datetime(2026, 3, 4, 15, 0, tzinfo=UTC)
QUIET = NOW - timedelta(seconds=10)
LONG_AGO = NOW - timedelta(hours=1)


def own(
    state: OrderState = OrderState.ACCEPTED,
    *,
    filled: str = "0",
    booked: str = "0",
    broker_order_id: str = "b-1",
    touched_at: datetime = LONG_AGO,
) -> OwnOrder:
    return OwnOrder("one", broker_order_id, state, D(filled), D(booked), touched_at)


@pytest.mark.parametrize(
    ("order", "listed", "verdict"),
    [
        (own(), {"b-1"}, OrderVerdict.SAME),
        (own(), set(), OrderVerdict.ASK),
        (own(touched_at=NOW), set(), OrderVerdict.SAME),
        (own(touched_at=QUIET), set(), OrderVerdict.ASK),
        (own(broker_order_id=""), set(), OrderVerdict.SAME),
        (own(OrderState.FILLED, filled="100", booked="100"), set(), OrderVerdict.SAME),
        (own(OrderState.FILLED, filled="100", booked="60"), {"b-1"}, OrderVerdict.PULL_FILLS),
        (own(OrderState.FILLED, filled="100", booked="60", touched_at=NOW), {"b-1"}, OrderVerdict.SAME),
        (own(filled="10", booked="60"), {"b-1"}, OrderVerdict.OVERBOOKED),
    ],
)
def test_an_order_is_asked_for_when_a_listing_leaves_it_out(
    order: OwnOrder, listed: set[str], verdict: OrderVerdict
) -> None:
    assert order_verdict(order, listed, quiet_since=QUIET) is verdict


def test_the_verdicts_name_every_order_once() -> None:
    orders = [own(), own(OrderState.CANCELLED)]
    found = order_verdicts(orders, set(), quiet_since=QUIET)
    assert found == {
        OrderVerdict.SAME: ["one"],
        OrderVerdict.ASK: ["one"],
        OrderVerdict.PULL_FILLS: [],
        OrderVerdict.OVERBOOKED: [],
    }


@pytest.mark.parametrize(
    ("journal", "broker", "covered", "state"),
    [
        ("100", "100", "100", PositionState.MATCHED),
        ("-100", "-100", "100", PositionState.MATCHED),
        ("100", "100", "99", PositionState.UNPROTECTED),
        ("100", "100", "0", PositionState.UNPROTECTED),
        ("100", None, "100", PositionState.MATCHED),
        ("100", None, "0", PositionState.UNPROTECTED),
        ("100", "60", "100", PositionState.DRIFT),
        ("100", "-100", "100", PositionState.DRIFT),
        ("100", "0", "100", PositionState.DRIFT),
        ("0", "100", "100", PositionState.EXTERNAL),
    ],
)
def test_a_position_stands_as_both_sides_say(
    journal: str, broker: str | None, covered: str, state: PositionState
) -> None:
    told = None if broker is None else D(broker)
    assert position_state(D(journal), told, covered=D(covered)) is state


def test_differences_name_what_the_journal_lacks() -> None:
    found = position_differences(
        {"AAPL": D(100), "IBM": D(-5), "SPY": D(1)},
        {"AAPL": D(40), "BAC": D(7), "SPY": D(1), "T": D(3)},
        unsettled={"T"},
    )
    assert [(one.symbol, one.difference, one.state) for one in found] == [
        ("AAPL", D(-60), PositionState.DRIFT),
        ("BAC", D(7), PositionState.EXTERNAL),
        ("IBM", D(5), PositionState.DRIFT),
    ]


quantities = st.dictionaries(st.sampled_from("ABCDEF"), st.integers(-5, 5).map(D), max_size=6)


@given(quantities, quantities, st.sets(st.sampled_from("ABCDEF")))
def test_the_differences_added_to_the_journal_are_what_the_broker_holds(
    journal: dict[str, D], broker: dict[str, D], unsettled: set[str]
) -> None:
    found = position_differences(journal, broker, unsettled=unsettled)
    mended = dict(journal)
    for one in found:
        mended[one.symbol] = mended.get(one.symbol, D(0)) + one.difference
    for symbol in (journal.keys() | broker.keys()) - unsettled:
        assert mended.get(symbol, D(0)) == broker.get(symbol, D(0))
    assert not {one.symbol for one in found} & unsettled
    assert position_differences(mended, broker, unsettled=unsettled) == []


amounts = st.integers(0, 3).map(D)
moments = st.sampled_from([LONG_AGO, QUIET, NOW])


@given(
    st.sampled_from(OrderState),
    amounts,
    amounts,
    st.sampled_from(["", "b-1"]),
    moments,
    st.sampled_from([set(), {"b-1"}]),
)
def test_nothing_is_concluded_of_an_order_that_was_just_touched_or_never_had_an_id(
    state: OrderState, filled: D, booked: D, broker_id: str, touched_at: datetime, listed: set[str]
) -> None:
    order = OwnOrder("one", broker_id, state, filled, booked, touched_at)
    verdict = order_verdict(order, listed, quiet_since=QUIET)
    if touched_at == NOW:
        assert verdict is OrderVerdict.SAME
    if verdict is OrderVerdict.ASK:
        assert state in AT_BROKER
        assert broker_id
        assert broker_id not in listed
    if state in TERMINAL and filled == booked:
        assert verdict is OrderVerdict.SAME
