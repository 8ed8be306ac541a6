"""The one place where an order's status changes: by the table, by a conditional UPDATE, with an event."""

import logging
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F

from trades.execution.ledger import Step, steps_write
from trades.execution.notices import NOTICES, orders_tell
from trades.execution.nudges import cancel_nudge, release_nudge
from trades.execution.stop_moves import stops_follow
from trades.execution.trade_columns import trades_follow
from trades.models import Order
from trenddojo import measures
from trenddojo.domain.order_state import TERMINAL, OrderFact, OrderState, next_state
from trenddojo.domain.orders import OrderClass, OrderRole
from trenddojo.statements import rows_of

log = logging.getLogger(__name__)

# Each attempt lost means that another process got the order a step further.
ATTEMPTS = 10
# The broker has it, and it works.
SHOWN = frozenset({OrderState.ACCEPTED, OrderState.PARTIALLY_FILLED})
# What an order from a restored backup says of itself until its broker has been asked (`trades.execution.restored`).
RESTORED = "restored"
# What a trade says of its entry changes with these.
_TOLD_BY_TRADE = frozenset({"broker_order_id", "filled_quantity", "filled_average_price", "trade_id", "role"})
_NOT_REREAD = frozenset({"id", "owner", "account", "connection", "trade", "parent", "replaces"})
_REREAD = [field.name for field in Order._meta.concrete_fields if field.name not in _NOT_REREAD]


class Contended(RuntimeError):
    """Others changed the order faster than this process could: nothing was written."""


def transition(
    order: Order,
    fact: OrderFact,
    *,
    source: str,
    at: datetime,
    detail: dict[str, Any] | None = None,
    happened_at: datetime | None = None,
    only_if: str = "",
    **columns: Any,
) -> bool:
    """Let a fact happen to an order; `columns` are written with it. Returns whether it happened.

    False: by the table the fact changes nothing in the state the order is in by now. The order in memory is brought up
    to date either way. Raises Contended. With `only_if` (see steps_write) it is tried once: False also says that the
    condition does not hold, or that somebody else wrote the order since it was read.
    """
    for _ in range(ATTEMPTS):
        step = step_of(order, fact, at=at, detail=detail, happened_at=happened_at, columns=columns)
        if step is None:
            return False
        if steps_apply([step], source=source, at=at, only_if=only_if):
            return True
        if only_if:
            return False
        order.refresh_from_db(fields=_REREAD)
    raise Contended(f"order {order.pk} kept changing")


def step_of(
    order: Order,
    fact: OrderFact,
    *,
    at: datetime,
    detail: dict[str, Any] | None = None,
    happened_at: datetime | None = None,
    columns: dict[str, Any],
) -> Step | None:
    """The step a fact makes, or None where the table knows none. What was filled never becomes less."""
    state = next_state(OrderState(order.status), fact)
    if state is None:
        return None
    columns = {**_times(order, state, fact, at), **columns}
    if columns.get("filled_quantity", order.filled_quantity) < order.filled_quantity:
        columns = {name: value for name, value in columns.items() if not name.startswith("filled_")}
    return Step(order, state, fact, columns, detail or {}, happened_at)


def steps_apply(steps: Sequence[Step], *, source: str, at: datetime, only_if: str = "") -> set[UUID]:
    """Write steps with what follows from them: trades and notifications, all or nothing.

    Returns the ids of the orders written; the others were changed by somebody else since they were read.
    """
    trades = {step.order.pk: trade_id for step in steps if (trade_id := _trade_changed(step))}
    stops = {step.order.pk: trade_id for step in steps if (trade_id := _stop_moved(step))}
    # Two that write many of the same orders would otherwise wait for each other.
    needs_lock = bool(trades or stops) or len(steps) > 1
    needs_more = needs_lock or any(map(_says_more, steps))
    with transaction.atomic(savepoint=False) if needs_more else nullcontext():
        if needs_lock:
            accounts_lock(step.order.account_id for step in steps)
        written = steps_write(steps, source=source, at=at, only_if=only_if)
        done = [step for step in steps if step.order.pk in written]
        _legs_end([step for step in done if _ends_legs(step)], source=source, at=at)
        _wishes_move([step.order for step in done if _takes_wish_along(step)])
        orders_tell(done, source=source)
        _steps_log(done, source=source)
        for step in done:
            if step.was != step.state:
                transaction.on_commit(partial(measures.count, "trenddojo_orders_moved_total", step.state), robust=True)
        if any(step.order.cancel_asked_at is not None and step.state in TERMINAL for step in done):
            release_nudge()
        trades_follow({trade for order, trade in trades.items() if order in written}, at=at)
        stops_follow({trade for order, trade in stops.items() if order in written}, at=at)
    return written


def accounts_lock(account_ids: Iterable[UUID]) -> None:
    """Lock accounts until the end of the transaction, always in the same order: whoever writes a trade does."""
    rows_of("SELECT id FROM accounts WHERE id = ANY(%(ids)s) ORDER BY id FOR UPDATE", {"ids": list(set(account_ids))})


def _says_more(step: Step) -> bool:
    """Whether more than the order itself is written."""
    return step.state in NOTICES or _ends_legs(step) or _takes_wish_along(step)


def _takes_wish_along(step: Step) -> bool:
    """Whether an order was replaced while its trader wanted it gone."""
    return step.state is OrderState.REPLACED and step.order.cancel_asked_at is not None


def _wishes_move(replaced: Iterable[Order]) -> None:
    """What took the place of an order that is not wanted is not wanted either."""
    for order in replaced:
        wish = {"cancel_asked_at": order.cancel_asked_at, "version": F("version") + 1}
        found = Order.objects.filter(replaces=order, status__in=SHOWN, cancel_asked_at=None)
        for key in found.values_list("pk", flat=True):
            if found.filter(pk=key).update(**wish):
                cancel_nudge(key)


def _ends_legs(step: Step) -> bool:
    """Whether an order with legs ended without ever being wholly filled."""
    order = step.order
    return order.order_class != OrderClass.SIMPLE and order.parent_id is None and step.state in _ENDED_EARLY


_ENDED_EARLY = TERMINAL - {OrderState.FILLED, OrderState.REPLACED}


def _legs_end(parents: Sequence[Step], *, source: str, at: datetime) -> None:
    """Legs the broker never showed end as their parent did."""
    facts = {step.order.pk: step.fact for step in parents}
    if not facts:
        return
    steps = []
    for leg in Order.objects.filter(parent_id__in=facts, status=OrderState.NEW):
        told = facts[leg.parent_id]
        fact = OrderFact.ABANDON if told is None or told == OrderFact.NEVER_ARRIVED else OrderFact(told)
        step = step_of(leg, fact, at=at, columns={"reason_code": "parent_ended"})
        if step is not None:
            steps.append(step)
    written = steps_write(steps, source=source, at=at)
    _steps_log((step for step in steps if step.order.pk in written), source=source)


def _steps_log(steps: Iterable[Step], *, source: str) -> None:
    """A line for each step of the trail, once it is committed; what is rolled back never was."""
    if not log.isEnabledFor(logging.INFO):
        return
    for step in steps:
        if step.fact is not None and (source, step.was, step.fact) not in _LOGGED_BY_SENDER:
            told = (step.order.pk, step.was, step.state.value, str(step.fact), source)
            transaction.on_commit(partial(_step_log, *told), robust=True)


def _step_log(*told: object) -> None:
    log.info("order.step order=%s from=%s to=%s fact=%s source=%s", *told)


# A worker that sends an order has lines of its own: order.answered, order.outcome.
_SENDER = "worker"
_LOGGED_BY_SENDER = frozenset(
    {(_SENDER, OrderState.NEW, OrderFact.CLAIM), (_SENDER, OrderState.SUBMITTING, OrderFact.ACCEPT)}
)


def _trade_changed(step: Step) -> UUID | None:
    """The trade that says something else of its entry after the step."""
    trade_id: UUID | None = step.columns.get("trade_id", step.order.trade_id)
    if trade_id is None or step.columns.get("role", step.order.role) != OrderRole.ENTRY:
        return None
    says_more = _standing(step.was) != _standing(step.state) or not _TOLD_BY_TRADE.isdisjoint(step.columns)
    return trade_id if says_more else None


def _stop_moved(step: Step) -> UUID | None:
    """The trade whose working stop may lie elsewhere after the step."""
    if step.order.role != OrderRole.STOP_LOSS:
        return None
    is_shown = step.state in SHOWN and step.was != step.state
    return step.order.trade_id if is_shown or "stop_price" in step.columns else None


def _standing(status: str) -> str:
    """As far as the trade tells states apart."""
    return status if status in TERMINAL else "works"


def _times(order: Order, state: OrderState, fact: OrderFact, at: datetime) -> dict[str, Any]:
    """The moments kept beside the state, in the order's own columns."""
    found: dict[str, Any] = {}
    if fact is OrderFact.CLAIM:
        found["claimed_at"] = at
    if fact in (OrderFact.DOUBT, OrderFact.RESTORE):
        found |= {"doubted_at": at, "asked_at": None, "asked_count": 0}
    if order.reason_code == RESTORED and state is not OrderState.IN_DOUBT:
        found |= {"reason_code": "", "reason_detail": ""}
    if fact in _SEEN and order.submitted_at is None:
        found["submitted_at"] = at
    if state is OrderState.FILLED and order.filled_at is None:
        found["filled_at"] = at
    if (state in TERMINAL) != (order.done_at is not None):
        found["done_at"] = at if state in TERMINAL else None
    return found


# The broker has it.
_SEEN = frozenset({OrderFact.ACCEPT, OrderFact.PARTIAL, OrderFact.FILL})
