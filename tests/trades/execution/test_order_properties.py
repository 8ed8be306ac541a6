"""Whatever the weather between desk and broker: in the end both say the same, to the cent, and looking again changes
nothing."""

import itertools
import os
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from brokers.mock.book import Book, Outcome
from brokers.models import BrokerConnection
from tests.trades.execution.recording_kit import NOW, D, book, desk, fresh, later, order_of
from tests.trades.execution.weather_kit import Weather
from trades.execution.transitions import transition
from trades.models import Order, OrderEvent
from trenddojo.domain.fills import Side
from trenddojo.domain.order_state import TRANSITIONS, OrderFact, OrderState

pytestmark = pytest.mark.django_db

__all__ = ["book", "desk"]

S = OrderState
SETTINGS = settings(
    max_examples=int(os.environ.get("ORDER_EXAMPLES", "25")),
    stateful_step_count=16,
    phases=(Phase.explicit, Phase.generate, Phase.shrink),
    suppress_health_check=list(HealthCheck),
)
sent = st.sampled_from([
    *(None, Outcome.ACCEPT, Outcome.ACCEPT, Outcome.PARTIAL, Outcome.REJECT, Outcome.REJECT_LATER),
    *(Outcome.TIMEOUT_BEFORE, Outcome.TIMEOUT_AFTER, Outcome.RATE_LIMITED, Outcome.UNKNOWN_STATUS),
])  # fmt: skip
asked = st.sampled_from([None, Outcome.TIMEOUT_BEFORE, Outcome.TIMEOUT_AFTER, Outcome.RATE_LIMITED, Outcome.REJECT])
numbers = st.integers(0, 7)
sides = st.sampled_from(Side)
yes = st.booleans()


class TwoSides(RuleBasedStateMachine):
    """Each example in a transaction of its own that never was."""

    desk: BrokerConnection
    book: Book

    def __init__(self) -> None:
        super().__init__()
        self.never = transaction.atomic()
        self.never.__enter__()
        self.weather = Weather(self.desk, self.book)
        self.blowing = self.weather.blowing()
        self.blowing.__enter__()

    def teardown(self) -> None:
        try:
            self.weather.clears()
            self.weather.grows()
            self.weather.agrees()
            before = self.weather.state()
            self.weather.sync()
            self.weather.poll()
            self.weather.let_on(0)
            self.weather.hear(list(range(len(self.weather.frames))))
            self.weather.sync()
            assert self.weather.state() == before, "a second look changed something"
        finally:
            self.blowing.__exit__(None, None, None)
            transaction.set_rollback(True)
            self.never.__exit__(None, None, None)
            for kept in (self.book.orders, self.book.fills, self.book._script, self.book.calls):
                kept.clear()

    @initialize(seconds=st.sampled_from([-90, 0, 90]))
    def clocks(self, seconds: int) -> None:
        """The broker's clock is another one."""
        self.book.now = lambda: self.weather.now() + timedelta(seconds=seconds)

    @rule(outcome=sent, kill=st.sampled_from(["", "", "", "before", "after"]), side=sides, exits=yes, plan=yes)
    def place(self, **given: Any) -> None:
        self.weather.place(**given)

    @rule(number=numbers, outcome=asked)
    def cancel(self, number: int, outcome: Outcome | None) -> None:
        self.weather.cancel(number, outcome)

    @rule(number=numbers, outcome=asked)
    def change(self, number: int, outcome: Outcome | None) -> None:
        self.weather.change(number, outcome)

    @rule(number=numbers, quantity=st.integers(1, 10))
    def fill(self, number: int, quantity: int) -> None:
        self.weather.fill(number, quantity)

    @rule(number=numbers)
    def fill_late(self, number: int) -> None:
        self.weather.fill_late(number)

    @rule(number=numbers, state=st.sampled_from([S.CANCELLED, S.EXPIRED, S.REJECTED]))
    def end(self, number: int, state: OrderState) -> None:
        self.weather.end(number, state)

    @rule(number=numbers, state=st.sampled_from([S.CANCELLING, S.ACCEPTED, None]))
    def mark(self, number: int, state: OrderState | None) -> None:
        self.weather.mark(number, state)

    @rule(number=numbers)
    def another_program_changes(self, number: int) -> None:
        self.weather.supersede(number)

    @rule(side=sides, quantity=st.integers(0, 5))
    def another_program_trades(self, side: Side, quantity: int) -> None:
        self.weather.elsewhere(side, quantity)

    @rule(number=numbers)
    def hide(self, number: int) -> None:
        self.weather.hide(number)

    @rule()
    def show(self) -> None:
        self.weather.hidden.clear()

    @rule(heard=st.lists(st.integers(0, 40), min_size=1, max_size=4))
    def hear(self, heard: list[int]) -> None:
        self.weather.hear(heard)

    @rule()
    def hold_up(self) -> None:
        self.weather.hold_up()

    @rule(number=numbers)
    def let_on(self, number: int) -> None:
        self.weather.let_on(number)

    @rule(seconds=st.sampled_from([1, 25, 61]))
    def sweep(self, seconds: int) -> None:
        self.weather.sweep(seconds)

    @rule()
    def poll(self) -> None:
        self.weather.poll()

    @rule()
    def sync(self) -> None:
        self.weather.sync()

    @invariant()
    def nothing_is_lost(self) -> None:
        self.weather.grows()


def test_when_the_weather_clears_both_sides_say_the_same(desk: BrokerConnection, book: Book) -> None:
    here = type("TwoSidesHere", (TwoSides,), {"desk": desk, "book": book})
    run_state_machine_as_test(here, settings=SETTINGS)


@pytest.mark.parametrize("state", S)
def test_an_order_takes_the_steps_of_the_table_and_no_others(desk: BrokerConnection, state: OrderState) -> None:
    moments = {"doubted_at": NOW} if state is S.IN_DOUBT else {}
    for number, fact in enumerate(OrderFact):
        order = order_of(desk, status=state.value, filled_quantity=D(3), **moments)
        less = {"filled_quantity": D(2), "filled_average_price": D(1)}
        happened = transition(order, fact, source="worker", at=later(number), raw_status="told", **less)
        to = TRANSITIONS.get((state, fact))
        kept = fresh(order)
        assert happened is (to is not None), (state, fact)
        assert kept.status == (to or state), (state, fact)
        assert (kept.version, kept.raw_status) == ((2, "told") if happened else (1, ""))
        assert (kept.filled_quantity, kept.filled_average_price) == (3, None)
        trail = OrderEvent.objects.filter(order=order).values_list("fact", "from_status", "to_status")
        assert list(trail) == ([(fact.value, state.value, to.value)] if to else [])


def test_no_way_leads_past_the_table() -> None:
    """What is written by hand here is written in the table, and the other way round."""
    assert set(TRANSITIONS) <= set(itertools.product(S, OrderFact))
    assert {state for state, _ in TRANSITIONS} | {S.FILLED} == set(S)
    assert Order._meta.get_field("status").choices == [(s.value, s.value.replace("_", " ").capitalize()) for s in S]
