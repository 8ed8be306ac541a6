"""A desk and its broker with bad weather between them: words are lost, repeated, overtaken and held up, answers do not
come, workers are killed, and the broker does what brokers do."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from accounts.models import Notification
from brokers.base import FillReport, OrderRef, OrderReport, OrderRequest, OrderUpdate
from brokers.mock.adapter import MockAdapter
from brokers.mock.book import Book, Outcome
from brokers.models import BrokerConnection
from tests.trades.execution.recording_kit import NOW, D, fresh, order_of, plan_of
from trades.execution.cancel import cancels_to_send, order_cancel_send
from trades.execution.changing import cancel_ask
from trades.execution.doubts import doubts_due, doubts_resolve
from trades.execution.fills import fills_apply
from trades.execution.hints import hints_apply
from trades.execution.poll import connection_poll
from trades.execution.replace import order_replace_send, replaces_to_send
from trades.execution.shapes import client_id_of
from trades.execution.submit import order_submit, orders_to_submit, submitting_sweep
from trades.execution.sync import connection_sync
from trades.execution.track import reports_apply
from trades.execution.transitions import transition
from trades.models import Fill, Order, OrderEvent, Trade
from trades.selectors.positions import positions_compared
from trenddojo.domain.fills import Side
from trenddojo.domain.order_state import TERMINAL, TRANSITIONS, UNSENT, OrderFact, OrderState
from trenddojo.domain.orders import OrderTerms, OrderType

S = OrderState
TICK = timedelta(milliseconds=1)
COST = D("0.35")
SUBMIT, ORDER, ORDERS, FIND = MockAdapter.submit, MockAdapter.order, MockAdapter.orders, MockAdapter._find
# Steps that no row of the table stands for.
BESIDE_THE_TABLE = {"adopted", "unknown_status"}


class Killed(BaseException):
    """The worker is gone at this point."""


class Weather:
    """Both sides and the wire. Every moment is another one, so that nothing hangs on ids that are drawn."""

    def __init__(self, desk: BrokerConnection, book: Book) -> None:
        self.desk, self.book = desk, book
        self.moment = NOW
        book.now = self.now
        self.kill = ""
        self.frames: list[OrderUpdate] = []
        self.listings: list[list[OrderReport]] = []
        self.pulls: list[tuple[BrokerConnection, list[FillReport]]] = []
        self.hidden: set[str] = set()
        self.filled: dict[Any, D] = defaultdict(D)
        self._said: dict[str, OrderReport] = {}

    def now(self) -> datetime:
        self.moment += TICK
        return self.moment

    @contextmanager
    def blowing(self) -> Iterator[None]:
        """The desk's clock and the broker's door are this world's while it lasts."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(timezone, "now", self.now)
            patch.setattr(MockAdapter, "submit", _bound(self._submit))
            patch.setattr(MockAdapter, "_find", _bound(self._find))
            patch.setattr(MockAdapter, "orders", _bound(self._orders))
            yield

    # --- the trader and the workers ----------------------------------------------------------------------------------

    def place(self, outcome: Outcome | None, kill: str, side: Side, exits: bool, plan: bool) -> None:  # noqa: FBT001
        sign = side.sign
        given: dict[str, Any] = {"side": side.value, "quantity": "10", "created_at": self.now()}
        if plan and side is Side.BUY and not Trade.objects.filter(status="active").exists():
            given["trade"] = plan_of(self.desk)
        if exits:
            given |= {"stop_loss": str(100 - 5 * sign), "take_profit": str(100 + 10 * sign)}
        order = order_of(self.desk, **given)
        self._script("submit", outcome)
        self.send(order, kill)

    def send(self, order: Order, kill: str = "") -> None:
        self.kill = kill
        try:
            order_submit(order.pk, now=self.now())
        except Killed:
            pass
        finally:
            self.kill = ""
            self.note()

    def cancel(self, number: int, outcome: Outcome | None) -> None:
        order = self._row(number)
        if order is None or (order.parent_id and order.status in UNSENT):
            return
        cancel_ask(order, now=self.now())
        self._script("cancel", outcome)
        order_cancel_send(order.pk, now=self.now())
        self.note()

    def change(self, number: int, outcome: Outcome | None) -> None:
        order = self._row(number)
        if order is None or order.pending_change or order.cancel_asked_at or order.limit_price is None:
            return
        change = {"client_order_id": client_id_of(uuid4()), "creation_key": str(uuid4()), "limit_price": "99"}
        if transition(order, OrderFact.ASK_REPLACE, source="trader", at=self.now(), pending_change=change):
            self._script("replace", outcome)
            order_replace_send(order.pk, now=self.now())
            self.note()

    def sweep(self, seconds: float) -> None:
        """A turn of the sweeps, some time later."""
        self.moment += timedelta(seconds=seconds)
        submitting_sweep(self.now())
        for find, step in (
            (doubts_due, doubts_resolve),
            (cancels_to_send, order_cancel_send),
            (replaces_to_send, order_replace_send),
        ):
            for key in find(self.now(), 100):
                step(key, now=self.now())
        for key in orders_to_submit(self.now(), 100):
            self.send(Order.objects.get(pk=key))
        self.note()

    def sync(self) -> None:
        connection_sync(fresh(self.desk), now=self.now())

    def poll(self) -> None:
        connection_poll(fresh(self.desk))

    # --- the broker --------------------------------------------------------------------------------------------------

    def fill(self, number: int, quantity: int) -> None:
        report = self._working(number)
        if report is not None:
            self.book.fill(report.broker_order_id, D(quantity))
        self.note()

    def end(self, number: int, state: OrderState) -> None:
        report = self._working(number)
        if report is not None and (state is not S.REJECTED or not report.filled_quantity):
            self.book.end(report.broker_order_id, state)
        self.note()

    def fill_late(self, number: int) -> None:
        """A cancelled order had filled before the cancellation arrived; so both of two exits may fill."""
        ended = [one for one in self.book.orders.values() if one.state in (S.CANCELLED, S.EXPIRED)]
        if ended:
            report = ended[number % len(ended)]
            self.book._keep(report, S.ACCEPTED)
            self.book.fill(report.broker_order_id)
        self.note()

    def mark(self, number: int, state: OrderState | None) -> None:
        """Being cancelled at somebody's wish, in a state nobody knows, or working as before."""
        report = self._working(number)
        if report is not None:
            works = S.PARTIALLY_FILLED if report.filled_quantity else S.ACCEPTED
            state = works if state is S.ACCEPTED else state
            changes = {} if state else {"raw_status": "under_consideration"}
            self.book._keep(report, state, **changes)
        self.note()

    def elsewhere(self, side: Side, quantity: int) -> None:
        report = self.book.place_external(OrderTerms("AAPL", side, OrderType.LIMIT, D(5), limit_price=D(101)))
        self.note()
        self.book.fill(report.broker_order_id, D(quantity))
        self.note()

    def supersede(self, number: int) -> None:
        """Another program changes an order."""
        old = self._working(number)
        if old is None or old.order_class != "simple" or old.state is None:
            return
        terms = OrderTerms(old.symbol, old.side, OrderType.LIMIT, old.quantity or D(0), limit_price=D(98))
        new = self.book.add(OrderRequest(f"other-{len(self.book.orders)}", terms), replaces=old.broker_order_id)
        self.book.supersede(old, new)
        self.note()

    def hide(self, number: int) -> None:
        """The broker does not find an order any more, with all that belongs to it."""
        report = self._working(number)
        if report is not None:
            self.hidden |= {report.broker_order_id, *(leg.broker_order_id for leg in report.legs)}

    # --- the wire ----------------------------------------------------------------------------------------------------

    def note(self) -> None:
        """What is new at the broker is said once; what becomes of that is the wire's affair."""
        for place, fill in enumerate(self.book.fills):
            if not fill.commission:
                self.book.fills[place] = replace(fill, commission=COST)
        for key, report in self.book.orders.items():
            before = self._said.get(key)
            if before != report:
                is_execution = report.filled_quantity > (before.filled_quantity if before else 0)
                self._said[key] = report
                self.frames.append(OrderUpdate(report.raw_status, replace(report, legs=()), is_execution))

    def hear(self, numbers: list[int]) -> None:
        if self.frames:
            hints_apply(self.desk.pk, [self.frames[number % len(self.frames)] for number in numbers])

    def hold_up(self) -> None:
        """A listing and the executions are pulled, and the worker who did stops for a while."""
        with self.book.lock:
            self.listings.append([one for one in self.book.parents() if one.broker_order_id not in self.hidden])
            connection = fresh(self.desk)
            cursor = connection.fills_cursor
            self.pulls.append((connection, [fill for fill in self.book.fills if fill.cursor > cursor]))

    def let_on(self, number: int) -> None:
        if self.listings:
            reports_apply(self.desk, self.listings[number % len(self.listings)], source="poll", now=self.now())
            connection, fills = self.pulls[number % len(self.pulls)]
            fills_apply(connection, fills, now=self.now())

    def clears(self) -> None:
        """The weather is over, and the desk has looked some times."""
        self.hidden.clear()
        for verb in ("submit", "cancel", "replace", "order", "orders", "fills"):
            self.book.unscript(verb)
        for report in list(self.book.orders.values()):
            if report.state is None:
                self.book._keep(report, S.PARTIALLY_FILLED if report.filled_quantity else S.ACCEPTED)
        self.note()
        for _ in range(6):
            self.sweep(61)
            self.sync()

    # --- what must hold ----------------------------------------------------------------------------------------------

    def grows(self) -> None:
        """What is filled never becomes less, and no row stands for two orders."""
        for key, filled in Order.objects.values_list("pk", "filled_quantity"):
            assert filled >= self.filled[key]
            self.filled[key] = filled
        sent = Counter(one.client_order_id for one in self.book.orders.values() if one.client_order_id)
        assert max(sent.values(), default=1) == 1

    def agrees(self) -> None:
        rows = {row.broker_order_id: row for row in Order.objects.exclude(broker_order_id="")}
        theirs = {key: (one.state, one.filled_quantity) for key, one in self.book.orders.items()}
        assert {key: (row.status, row.filled_quantity) for key, row in rows.items()} == theirs
        unsent = Order.objects.filter(broker_order_id="").values_list("status", "parent__status")
        assert all(own in TERMINAL | UNSENT for own, _ in unsent)
        self._money(rows)
        held = {one.symbol: one.quantity for one in self.book.positions()}
        lines = positions_compared(self.desk.user, now=self.now())
        assert {line.symbol: line.journal_quantity for line in lines if line.journal_quantity} == held
        _trails()

    def _money(self, rows: dict[str, Order]) -> None:
        fills = list(Fill.objects.all())
        assert {fill.execution_id for fill in fills} == {fill.execution_id for fill in self.book.fills}
        ours, told = Counter[Any](), Counter[Any]()
        for fill in fills:
            ours[fill.order_id, fill.execution_id] += fill.quantity
            ours["cash"] -= fill.quantity * fill.price * Side(fill.side).sign
        for one in self.book.fills:
            told[rows[one.broker_order_id].pk, one.execution_id] += one.quantity
            told["cash"] -= one.quantity * one.price * one.side.sign
        assert ours == told
        assert sum(fill.commission for fill in fills) == COST * len(self.book.fills)
        paid = Counter(one.broker_order_id for one in self.book.fills)
        assert {key: row.commission for key, row in rows.items()} == {key: COST * paid[key] for key in rows}

    def state(self) -> dict[str, Any]:
        """Everything a reconciliation may write, but for when it looked."""
        trades = Trade.objects.order_by("pk").values("pk", "status", "version", "open_quantity", "net_pnl", "costs")
        return {
            "orders": list(Order.objects.order_by("pk").values("pk", "version", "status", "filled_quantity", "trade")),
            "events": OrderEvent.objects.count(),
            "fills": list(Fill.objects.order_by("pk").values("pk", "quantity", "commission", "trade", "order")),
            "trades": list(trades),
            "told": Notification.objects.count(),
            "cursor": fresh(self.desk).fills_cursor,
        }

    # --- how ---------------------------------------------------------------------------------------------------------

    def _script(self, verb: str, outcome: Outcome | None) -> None:
        if outcome is not None:
            self.book.script(verb, outcome)

    def _row(self, number: int) -> Order | None:
        rows = list(Order.objects.exclude(status__in=TERMINAL).select_related("owner").order_by("created_at", "role"))
        return rows[number % len(rows)] if rows else None

    def _working(self, number: int) -> OrderReport | None:
        """An order at the broker that works and may trade: legs wait for their entry."""
        waiting = {
            leg.broker_order_id for one in self.book.orders.values() for leg in one.legs if one.state is not S.FILLED
        }
        found = [one for key, one in self.book.orders.items() if one.state not in TERMINAL and key not in waiting]
        return found[number % len(found)] if found else None

    def _submit(self, adapter: MockAdapter, request: OrderRequest) -> OrderReport:
        if self.kill == "before":
            raise Killed
        try:
            return SUBMIT(adapter, request)
        finally:
            if self.kill == "after":
                raise Killed

    def _find(self, adapter: MockAdapter, ref: OrderRef) -> OrderReport | None:
        found = FIND(adapter, ref)
        return None if found is None or found.broker_order_id in self.hidden else found

    def _orders(self, adapter: MockAdapter, since: datetime | None = None) -> list[OrderReport]:
        return [one for one in ORDERS(adapter, since) if one.broker_order_id not in self.hidden]


def _bound(mine: Callable[..., Any]) -> Callable[..., Any]:
    """As a method of the adapter, which hands itself on."""

    def method(adapter: MockAdapter, *words: Any, **named: Any) -> Any:
        return mine(adapter, *words, **named)

    return method


def _trails() -> None:
    """Every trail is one way through the table."""
    for order in Order.objects.prefetch_related("events"):
        steps = list(order.events.all())
        for one, following in pairwise(steps):
            assert one.to_status == following.from_status
        for one in steps:
            if one.fact not in BESIDE_THE_TABLE:
                assert TRANSITIONS[S(one.from_status), OrderFact(one.fact)] == one.to_status
        if steps:
            assert steps[-1].to_status == order.status
