"""From one state of an order to another."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trenddojo.domain.order_state import (
    AT_BROKER,
    REPORTED,
    TERMINAL,
    TRANSITIONS,
    UNSENT,
    WORKING,
    OrderFact,
    OrderState,
    next_state,
)

S, F = OrderState, OrderFact
BROKERS_WORDS = set(REPORTED.values())


def test_every_state_is_reached_from_a_new_order() -> None:
    reached = {S.NEW}
    seen: set[OrderState] = set()
    while reached - seen:
        state = (reached - seen).pop()
        seen.add(state)
        reached |= {to for (start, _), to in TRANSITIONS.items() if start is state}
    assert seen == set(S)


def test_every_fact_is_used() -> None:
    assert {fact for _, fact in TRANSITIONS} == set(F)


def test_a_state_works_or_is_done() -> None:
    assert set(S) == WORKING | TERMINAL
    assert not WORKING & TERMINAL
    assert not UNSENT & AT_BROKER


def test_every_state_that_is_not_the_end_can_end() -> None:
    for state in WORKING:
        assert {to for (start, _), to in TRANSITIONS.items() if start is state} & TERMINAL


def test_only_what_a_broker_says_leaves_the_end() -> None:
    assert {fact for start, fact in TRANSITIONS if start in TERMINAL} <= BROKERS_WORDS


@pytest.mark.parametrize("fact", F)
def test_filled_orders_stay_so(fact: OrderFact) -> None:
    assert next_state(S.FILLED, fact) is None


@pytest.mark.parametrize("state", [S.DENIED, S.CANCELLED, S.EXPIRED, S.REPLACED, S.REJECTED])
def test_a_fill_that_is_told_late_counts(state: OrderState) -> None:
    assert next_state(state, F.FILL) is S.FILLED


@pytest.mark.parametrize(
    ("state", "fact", "to"),
    [
        (S.NEW, F.CLAIM, S.SUBMITTING),
        (S.SUBMITTING, F.CLAIM, None),
        (S.QUEUED, F.CLAIM, None),
        (S.QUEUED, F.RELEASE, S.NEW),
        (S.SUBMITTING, F.RETURN, S.NEW),
        (S.SUBMITTING, F.QUEUE, S.QUEUED),
        (S.SUBMITTING, F.DOUBT, S.IN_DOUBT),
        (S.SUBMITTING, F.NEVER_ARRIVED, None),
        (S.IN_DOUBT, F.CLAIM, None),
        (S.IN_DOUBT, F.ACCEPT, S.ACCEPTED),
        (S.IN_DOUBT, F.NEVER_ARRIVED, S.REJECTED),
        (S.IN_DOUBT, F.ABANDON, None),
        (S.REJECTED, F.ACCEPT, S.ACCEPTED),
        (S.REJECTED, F.REJECT, None),
        (S.ACCEPTED, F.ACCEPT, None),
        (S.ACCEPTED, F.ABANDON, None),
        (S.ACCEPTED, F.ASK_CANCEL, S.CANCELLING),
        (S.CANCELLING, F.PARTIAL, S.CANCELLING),
        (S.CANCELLING, F.ACCEPT, None),
        (S.CANCELLING, F.FILL, S.FILLED),
        (S.CANCELLING, F.CANCEL_REFUSED, S.ACCEPTED),
        (S.PARTIALLY_FILLED, F.CANCEL, S.CANCELLED),
        (S.PARTIALLY_FILLED, F.ACCEPT, None),
        (S.CANCELLED, F.CANCEL, None),
    ],
)
def test_steps_of_an_order(state: OrderState, fact: OrderFact, to: OrderState | None) -> None:
    assert next_state(state, fact) is to


@given(st.lists(st.sampled_from([F.CLAIM, F.DOUBT, F.ASK_CANCEL, *BROKERS_WORDS]), max_size=12))
def test_an_order_that_was_claimed_is_never_claimed_again_unless_it_came_back(facts: list[OrderFact]) -> None:
    state, claims = S.NEW, 0
    for fact in facts:
        to = next_state(state, fact)
        claims += fact is F.CLAIM and to is S.SUBMITTING
        state = to or state
    assert claims <= 1


def test_what_never_was_at_a_broker_is_not_cancelled_there() -> None:
    for state, fact in itertools.product(UNSENT | TERMINAL, [F.ASK_CANCEL, F.CANCEL_REFUSED]):
        assert next_state(state, fact) is None
