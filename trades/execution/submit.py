"""Sending an order: claimed, sent once, and what came of it written down. Safe to call twice, from any worker."""

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import cache
from uuid import UUID

from django.db.models import F, Q
from django.utils import timezone

from brokers.base import BrokerAdapter, OrderRef
from brokers.errors import BrokerError, CredentialsInvalid, DuplicateOrder, OutcomeUnknown, Refused
from brokers.models import BrokerConnection
from brokers.registry import adapter_for
from brokers.services.nudges import poll_nudge
from brokers.vault import VaultError
from trades.execution.evidence import asked, not_sent_note
from trades.execution.matching import has_legs, is_same_order
from trades.execution.nudges import resolve_nudge
from trades.execution.restored import HELD
from trades.execution.sending import WORKER, is_disarmed, outcome_record, outcome_unexpected
from trades.execution.shapes import request_of
from trades.execution.track import answer_apply
from trades.execution.transitions import ATTEMPTS, transition
from trades.execution.unsent import exit_shrink, order_end
from trades.models import CallVerb, Order
from trades.selectors.brakes import (
    LOOK_COLUMNS,
    NOT_HALTED,
    broker_is_silent,
    desk_is_silent,
    halt_brake,
    known_connections,
)
from trenddojo import log_context, measures
from trenddojo.domain.order_state import OrderFact, OrderState
from trenddojo.domain.orders import OrderError
from trenddojo.statements import columns_of, made_from, rows_of

log = logging.getLogger(__name__)

# Longer than the longest a single request may take: what is still being sent then has lost its sender.
SEND_TIMEOUT = timedelta(seconds=60)
# A worker that was stopped for longer after its claim sends nothing: others decide about the order by then.
SEND_WITHIN = timedelta(seconds=15)
# What is held was looked at when the order was written, no longer ago than this.
JUST_CHECKED = timedelta(seconds=30)
# A connection whose keys cannot be opened is looked at again after this long.
KEYLESS_FOR = timedelta(minutes=5)


def order_submit(order_id: UUID, *, now: datetime | None = None) -> None:
    """Send the order if it still may leave, and record the outcome. Does nothing for one that is not there to send.

    1. look whether it may leave at all, and open the connection;
    2. claim it: new becomes submitting for one worker only, committed before anything is sent;
    3. send it once; 4. record what the broker said, or that nobody knows.
    """
    now = now or timezone.now()
    for _ in range(ATTEMPTS):
        order = _read(order_id)
        if order is None or not _may_leave(order, now):
            return
        log_context.add(connection=order.connection_id, user=order.owner_id)
        legs = list(order.legs.all()) if has_legs(order) else []
        adapter, began = _adapter(order, now), time.monotonic()
        if adapter is None:
            return
        if transition(order, OrderFact.CLAIM, source=WORKER, at=now, only_if=NOT_HALTED):
            _send(order, legs, adapter, began=began)
            return
        # Somebody wrote it since it was read, or a halt came down: look again.


def orders_to_submit(now: datetime, limit: int, *, placed_by: datetime | None = None) -> list[UUID]:
    """New orders that nobody sent yet, exits first, then the longest waiting; with `placed_by` only those that were
    placed by then, or waited for a time of their own."""
    due = Order.objects.filter(
        Q(send_after=None) | Q(send_after__lte=now),
        Q(is_reducing=True) | known_connections(now),
        status=OrderState.NEW,
        parent=None,
        connection__is_active=True,
    )
    if placed_by is not None:
        due = due.filter(Q(created_at__lte=placed_by) | Q(send_after__isnull=False))
    return list(due.order_by("-is_reducing", "created_at").values_list("pk", flat=True)[:limit])


def submitting_sweep(now: datetime) -> list[UUID]:
    """Doubt what has been on its way for longer than any request takes: its sender was killed. Returns their ids."""
    # Claimed so long after the present: the sender's clock is wrong, and says nothing of how long it has been.
    is_lost = Q(claimed_at__lt=now - SEND_TIMEOUT) | Q(claimed_at__gt=now + SEND_TIMEOUT)
    lost = Order.objects.filter(is_lost, status=OrderState.SUBMITTING)
    doubted = []
    for order in lost.select_related("owner").order_by("claimed_at")[:500]:
        if transition(order, OrderFact.DOUBT, source=WORKER, at=now, detail={"code": "sender_lost"}):
            resolve_nudge(order.pk)
            doubted.append(order.pk)
    return doubted


_ORDER = """
SELECT a.halted_at, a.halt_reason, {look}, {order}, {connection}
FROM orders o JOIN accounts a ON a.id = o.account_id LEFT JOIN broker_connections c ON c.id = o.connection_id
WHERE o.id = %(order)s AND o.status = 'new' AND o.parent_id IS NULL
"""


@cache
def _statement() -> str:
    return _ORDER.format(look=LOOK_COLUMNS, order=columns_of(Order, "o"), connection=columns_of(BrokerConnection, "c"))


def _read(order_id: UUID) -> Order | None:
    """The order, if it is there to send, with its connection and what holds entries back: `halted_at` of its account,
    the levels of the `halts` over it, and `silent_for`, the seconds since the least lively process was heard of."""
    for halted_at, reason, halts, silent_for, *columns in rows_of(_statement(), {"order": order_id}):
        row = iter(columns)
        order, connection = made_from(row, Order), made_from(row, BrokerConnection)
        order.halted_at, order.halt_reason, order.connection = halted_at, reason, connection
        order.halts, order.silent_for = halts, silent_for
        return order
    return None


def _may_leave(order: Order, now: datetime) -> bool:
    """Whether it may be sent at this moment; what never may is ended here."""
    end = _end_of(order, now)
    if end is not None:
        _end(order, *end, now=now)
        return False
    connection = order.connection
    is_due = order.send_after is None or order.send_after <= now
    is_open = is_due and connection is not None and connection.is_active
    return is_open and not _is_held(order, now) and _is_needed(order, now)


def _is_held(order: Order, now: datetime) -> bool:
    """Whether an entry waits until the desk, and its broker, are heard of again."""
    return not order.is_reducing and (desk_is_silent(order.silent_for) or broker_is_silent(order.connection, now))


def _is_needed(order: Order, now: datetime) -> bool:
    """An exit that had to wait sells no more than is left, and ends when that is nothing."""
    if not order.is_reducing or order.created_at > now - JUST_CHECKED:
        return True
    try:
        exit_shrink(order, now=now)
    except OrderError as refusal:
        order_end(order, OrderFact.ABANDON, refusal.code, refusal.sentence, now=now)
        return False
    return True


def _end(order: Order, fact: OrderFact, code: str, sentence: str, *, now: datetime) -> None:
    if fact is OrderFact.LAPSE:
        order_end(order, fact, code, sentence, now=now)
    else:
        transition(order, fact, source=WORKER, at=now, reason_code=code, reason_detail=sentence)


def _end_of(order: Order, now: datetime) -> tuple[OrderFact, str, str] | None:
    """Why it must not leave any more, looked at right before the claim: much may have happened since it was asked."""
    if order.cancel_asked_at is not None:
        return OrderFact.ABANDON, "cancelled_before_sending", "It was cancelled before it was sent."
    if order.send_before is not None and order.send_before <= now:
        return OrderFact.LAPSE, "lapsed", "Its time to be sent had passed."
    if order.halted_at is not None and order.halt_reason == HELD:
        return OrderFact.DENY, "halted", f"{HELD} Place it again then."
    if order.halted_at is not None and not order.is_reducing:
        return OrderFact.DENY, "halted", "The account is halted: only exits are sent."
    if order.halts and not order.is_reducing:
        brake = halt_brake(order.halts[0])
        return OrderFact.DENY, brake.code, brake.sentence
    if is_disarmed(order, now):
        sentence = "Live trading is switched off: switch it on and send the order again."
        return OrderFact.DENY, "not_armed", sentence
    return None


def _adapter(order: Order, now: datetime) -> BrokerAdapter | None:
    """The broker of an order, opened before the claim: what goes wrong here happens before anything is sent."""
    try:
        return adapter_for(order.connection)
    except CredentialsInvalid:
        return None
    except VaultError as problem:
        log.warning("order.connection.sealed order=%s problem=%s", order.pk, problem)
        Order.objects.filter(pk=order.pk, status=OrderState.NEW).update(
            send_after=now + KEYLESS_FOR, version=F("version") + 1
        )
    except BrokerError as error:
        reason = {"reason_code": error.code or "unsupported", "reason_detail": error.sentence}
        transition(order, OrderFact.DENY, source=WORKER, at=now, **reason)
    return None


def _send(order: Order, legs: Sequence[Order], adapter: BrokerAdapter, *, began: float) -> None:
    request = request_of(order, legs)
    if time.monotonic() - began > SEND_WITHIN.total_seconds():
        log.warning("order.sender.stopped order=%s", order.pk)
        sentence = "The worker stood still after it had taken the order, and sent nothing any more."
        not_sent_note(order, code="sender_stopped", sentence=sentence, now=timezone.now())
        return
    try:
        with _measured(order, began):
            report = adapter.submit(request)
        applied = answer_apply(order, legs, report, source=WORKER, now=timezone.now())
    except DuplicateOrder as error:
        _adopt(order, legs, adapter, error)
    except BrokerError as error:
        outcome_record(order, error, at=timezone.now())
    except Exception as problem:  # noqa: BLE001 - whatever it is, the order may have left
        outcome_unexpected(order, problem, at=timezone.now())
    else:
        if applied.wants_pull:
            poll_nudge(order.connection_id)


@contextmanager
def _measured(order: Order, began: float) -> Iterator[None]:
    """How long it took from the claim to the answer, and what kind of answer it was."""
    broker, outcome = order.connection.broker, "unexpected"
    try:
        yield
        outcome = "answered"
    except BrokerError as error:
        outcome = type(error).__name__
        raise
    finally:
        took = time.monotonic() - began
        measures.observe("trenddojo_order_submit_seconds", took, broker)
        measures.count("trenddojo_order_outcomes_total", broker, outcome)
    log.info("order.answered order=%s ms=%.1f", order.pk, took * 1000)


def _adopt(order: Order, legs: Sequence[Order], adapter: BrokerAdapter, refused: DuplicateOrder) -> None:
    """The broker knows this id already: what it knows is ours if it is the same order, and else must be looked at."""
    now = timezone.now()
    try:
        with asked(order, CallVerb.LOOK, ref=order.client_order_id, now=now) as answer:
            report = answer.found(adapter.order(OrderRef(client_order_id=order.client_order_id)))
    except BrokerError as error:
        outcome_record(order, OutcomeUnknown(error.sentence, code="duplicate", request_id=error.request_id), at=now)
        return
    if report is None:
        # Refused as known, and not to be found: it shows up later, or somebody has to look.
        outcome_record(order, OutcomeUnknown(refused.sentence, code="duplicate", request_id=refused.request_id), at=now)
    elif is_same_order(order, report):
        answer_apply(order, legs, report, source=WORKER, now=now)
    else:
        sentence = "The broker has another order under this order's id, so this one was not taken. Look at both."
        outcome_record(order, Refused(sentence, code="id_taken", request_id=refused.request_id), at=now)
