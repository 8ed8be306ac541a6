"""Whatever happens on the way, in whatever order: each intent is at most one order at the broker, each order there has
one row here, and both say the same once the desk has looked."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from functools import partialmethod
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from brokers.base import OrderReport, OrderRequest
from brokers.mock.adapter import MockAdapter
from brokers.mock.book import Book, Outcome
from brokers.models import BrokerConnection
from tests.trades.execution.recording_kit import D, book, desk, fresh, order_of, plan_of
from trades.execution.cancel import cancels_to_send, order_cancel_send
from trades.execution.doubts import doubts_due, doubts_resolve
from trades.execution.submit import SEND_TIMEOUT, order_submit, orders_to_submit, submitting_sweep
from trades.execution.sync import connection_sync
from trades.execution.transitions import transition
from trades.models import Fill, Order
from trades.selectors.positions import positions_compared
from trenddojo.domain.fills import Side
from trenddojo.domain.order_state import TERMINAL, UNSENT, OrderFact, OrderState
from trenddojo.domain.orders import OrderTerms, OrderType

pytestmark = pytest.mark.django_db

__all__ = ["book", "desk"]


class Killed(BaseException):
    """The worker is gone at this point."""


class World:
    """A desk, its broker, and what may befall them."""

    def __init__(self, desk: BrokerConnection, book: Book, *, is_strict: bool) -> None:
        self.desk, self.book, self.is_strict = desk, book, is_strict
        self.now = timezone.now()
        self.kill = ""
        self.sent: list[str] = []
        book.now = timezone.now

    def submit(self, adapter: MockAdapter, request: OrderRequest) -> OrderReport:
        if self.kill == "before":
            raise Killed
        known = len(self.book.orders)
        if not self.is_strict and request.client_order_id in self.sent:
            # This broker would take it for another order.
            self.sent.append(request.client_order_id)
        try:
            return SUBMIT(adapter, request)
        finally:
            if len(self.book.orders) > known:
                self.sent.append(request.client_order_id)
            if self.kill == "after":
                raise Killed

    # --- what happens ------------------------------------------------------------------------------------------------

    def place(self, outcome: Outcome | None, *, kill: str, with_plan: bool) -> None:
        given: dict[str, Any] = {"trade": plan_of(self.desk), "stop_loss": "95"} if with_plan else {}
        order = order_of(self.desk, quantity="10", **given)
        if outcome is not None:
            self.book.script("submit", outcome)
        self.kill = kill
        self._send(order)
        self.kill = ""

    def fill(self, quantity: int) -> None:
        for key, report in list(self.book.orders.items()):
            if report.state not in TERMINAL:
                self.book.fill(key, D(quantity))
                return

    def cancel(self) -> None:
        order = Order.objects.filter(parent=None).exclude(status__in=TERMINAL).order_by("?").first()
        if order is not None and not transition(order, OrderFact.ABANDON, source="trader", at=self.now):
            transition(order, OrderFact.ASK_CANCEL, source="trader", at=self.now, cancel_asked_at=self.now)

    def elsewhere(self, side: Side) -> None:
        self.book.fill(self.book.place_external(OrderTerms("AAPL", side, OrderType.MARKET, D(3))).broker_order_id)

    def look(self) -> None:
        """A turn of the sweeps and a sync, some time later."""
        self.now += SEND_TIMEOUT + timedelta(seconds=1)
        submitting_sweep(self.now)
        for find, step in ((doubts_due, doubts_resolve), (cancels_to_send, order_cancel_send)):
            for key in find(self.now, 100):
                step(key, now=self.now)
        for key in orders_to_submit(self.now, 100):
            self._send(Order.objects.get(pk=key))
        connection_sync(fresh(self.desk), now=self.now)

    def _send(self, order: Order) -> None:
        try:
            order_submit(order.pk, now=self.now)
        except Killed:
            return

    # --- the oracle --------------------------------------------------------------------------------------------------

    def agrees(self) -> None:
        assert max(Counter(self.sent).values(), default=1) == 1, "an intent was sent twice"
        rows = {row.broker_order_id: row for row in Order.objects.exclude(broker_order_id="")}
        assert rows.keys() == self.book.orders.keys()
        for key, report in self.book.orders.items():
            assert (rows[key].status, rows[key].filled_quantity) == (report.state.value, report.filled_quantity)
        unsent = Order.objects.filter(broker_order_id="", parent=None)
        assert {OrderState(row.status) for row in unsent} <= TERMINAL | UNSENT
        assert set(Fill.objects.values_list("execution_id", flat=True)) == {one.execution_id for one in self.book.fills}
        held = {one.symbol: one.quantity for one in self.book.positions()}
        lines = positions_compared(self.desk.user, now=self.now)
        assert {line.symbol: line.journal_quantity for line in lines if line.journal_quantity} == held


SUBMIT = MockAdapter.submit
outcomes = st.sampled_from([
    *(None, Outcome.ACCEPT, Outcome.PARTIAL, Outcome.REJECT, Outcome.REJECT_LATER, Outcome.CLOSED),
    *(Outcome.TIMEOUT_BEFORE, Outcome.TIMEOUT_AFTER, Outcome.RATE_LIMITED, Outcome.UNREACHABLE),
])  # fmt: skip
happenings = st.lists(
    st.one_of(
        st.tuples(st.just("place"), outcomes, st.sampled_from(["", "", "before", "after"]), st.booleans()),
        st.tuples(st.just("fill"), st.integers(1, 10)),
        st.tuples(st.just("cancel")),
        st.tuples(st.just("elsewhere"), st.sampled_from(Side)),
        st.tuples(st.just("look")),
    ),
    min_size=1,
    max_size=8,
)


@pytest.mark.parametrize("refuses", ["twice refused", "twice taken"])
@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(told=happenings)
def test_both_sides_say_the_same_in_the_end(
    desk: BrokerConnection, book: Book, monkeypatch: pytest.MonkeyPatch, refuses: str, told: list[tuple[Any, ...]]
) -> None:
    is_strict = refuses == "twice refused"
    world = World(desk, book, is_strict=is_strict)
    with monkeypatch.context() as patch, transaction.atomic():
        patch.setattr(MockAdapter, "submit", partialmethod(_through, world))
        patch.setattr(MockAdapter, "capabilities", replace(MockAdapter.capabilities, refuses_duplicate_ids=is_strict))
        for word, *given_ in told:
            if word == "place":
                outcome, kill, with_plan = given_
                world.place(outcome, kill=kill, with_plan=with_plan)
            else:
                getattr(world, word)(*given_)
        for _ in range(5):
            world.look()
        world.agrees()
        transaction.set_rollback(True)
    _empty(book)


def _through(adapter: MockAdapter, world: World, request: OrderRequest) -> OrderReport:
    return world.submit(adapter, request)


def _empty(book: Book) -> None:
    book.orders.clear()
    book.fills.clear()
    book._script.clear()
