"""Ending a doubt by evidence alone: the broker shows the order, or says more than once that it does not know it."""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import F, Q
from django.utils import timezone

from brokers.base import BrokerAdapter, OrderRef, OrderReport
from brokers.errors import BrokerError
from brokers.registry import adapter_for
from brokers.services.connections import connection_failed
from brokers.services.nudges import poll_nudge
from brokers.vault import VaultError
from trades.execution.evidence import asked
from trades.execution.matching import has_legs, is_same_order
from trades.execution.nudges import order_nudge
from trades.execution.sending import WORKER
from trades.execution.standing import CLOCKS_APART
from trades.execution.track import answer_apply
from trades.execution.transitions import RESTORED, transition
from trades.models import CallVerb, Order
from trenddojo import log_context
from trenddojo.domain.order_state import OrderFact, OrderState

log = logging.getLogger(__name__)

# Seconds to wait after so many answers “I do not know it”: a broker's memory may lag behind what it took.
PAUSES = (2, 10, 20, 60, 300)
# So many such answers prove that it never arrived, and not before it has had this long to arrive.
PROOF = 3
ARRIVES_WITHIN = timedelta(seconds=30)
# An order may be sent again no later than this after it was first to leave.
SEND_WINDOW = timedelta(minutes=10)

ABSENT = "The broker does not know this order: it never arrived."
_ABSENT = {
    RESTORED: "The broker does not know this order, and since the desk was restored from a backup it is not sent any "
    "more: place it again if you still want it."
}


def doubts_resolve(order_id: UUID, *, now: datetime | None = None, by: str = WORKER) -> None:
    """Ask the broker about an order in doubt, if it is time to, and act on the answer. Safe to call at any time.

    Known: it is adopted. Not known, asked often enough with pauses: it is sent again under the same id where the broker
    refuses a second order with it and its time has not passed, and else it ends as never arrived.
    """
    now = now or timezone.now()
    order = _read(order_id)
    if order is None or not _is_due(order, now) or not _question_take(order, now):
        return
    log_context.add(connection=order.connection_id, user=order.owner_id)
    report, is_known = _ask(order, now, by=by)
    if report is not None:
        _adopt(order, report, now)
    elif is_known is False:
        _not_known(order, now)


def doubt_ask(order: Order, *, now: datetime, by: str) -> None:
    """Ask at once, because the trader wants to know: an answer that shows the order is acted on.

    “I do not know it” counts as evidence only where the question was due: answers without a pause prove nothing more.
    """
    if _is_due(order, now):
        doubts_resolve(order.pk, now=now, by=by)
        return
    report, _is_known = _ask(order, now, by=by)
    if report is not None:
        _adopt(order, report, now)


def doubts_due(now: datetime, limit: int) -> list[UUID]:
    """Orders in doubt whose next question is due, the longest waiting first."""
    ready = Q(asked_at=None)
    for count, pause in enumerate(PAUSES[:-1]):
        ready |= Q(asked_count=count, asked_at__lte=now - timedelta(seconds=pause))
    # Asked long after the present: by a clock that was wrong.
    ready |= Q(asked_at__lte=now - timedelta(seconds=PAUSES[-1])) | Q(asked_at__gt=now + CLOCKS_APART)
    due = Order.objects.filter(ready, status=OrderState.IN_DOUBT, connection__is_active=True)
    return list(due.order_by("claimed_at").values_list("pk", flat=True)[:limit])


def _read(order_id: UUID) -> Order | None:
    doubted = Order.objects.filter(pk=order_id, status=OrderState.IN_DOUBT, connection__is_active=True)
    return doubted.select_related("connection", "account", "owner").first()


def _is_due(order: Order, now: datetime) -> bool:
    is_from_ahead = order.asked_at is not None and order.asked_at > now + CLOCKS_APART
    return is_from_ahead or now >= _next_question(order)


def _next_question(order: Order) -> datetime:
    if order.asked_at is None:
        return order.doubted_at or order.created_at
    return order.asked_at + timedelta(seconds=PAUSES[min(order.asked_count, len(PAUSES) - 1)])


def _question_take(order: Order, now: datetime) -> bool:
    """Whether this worker asks the next question: two at once would count as two answers with a pause."""
    same = Order.objects.filter(pk=order.pk, status=OrderState.IN_DOUBT, asked_at=order.asked_at)
    return bool(same.update(asked_at=now))


def _ask(order: Order, now: datetime, *, by: str) -> tuple[OrderReport | None, bool | None]:
    """The broker's report, or False when it positively does not know the order; None, None for no answer."""
    try:
        adapter = adapter_for(order.connection)
        if not adapter.capabilities.finds_client_order_id:
            return None, None
        with asked(order, CallVerb.LOOK, ref=order.client_order_id, now=now, by=by) as answer:
            report = answer.found(adapter.order(OrderRef(client_order_id=order.client_order_id)))
    except VaultError as problem:
        log.warning("order.doubt.sealed order=%s problem=%s", order.pk, problem)
        return None, None
    except BrokerError as error:
        log.info("order.doubt.unanswered order=%s code=%s broker_request=%s", order.pk, error.code, error.request_id)
        connection_failed(connection_id=order.connection_id, error=error, sealed=order.connection.credentials)
        return None, None
    return report, report is not None


def _adopt(order: Order, report: OrderReport, now: datetime) -> None:
    if not is_same_order(order, report):
        sentence = "The broker has another order under this order's id, so this one was not taken. Look at both."
        _never_arrived(order, "id_taken", sentence, now)
        return
    legs: Sequence[Order] = list(order.legs.all()) if has_legs(order) else []
    if answer_apply(order, legs, report, source=WORKER, now=now).wants_pull:
        poll_nudge(order.connection_id)


def _not_known(order: Order, now: datetime) -> None:
    Order.objects.filter(pk=order.pk, status=OrderState.IN_DOUBT, asked_at=now).update(asked_count=F("asked_count") + 1)
    order.refresh_from_db(fields=["asked_count", "asked_at", "doubted_at", "cancel_asked_at", "status", "version"])
    if order.doubted_at is not None and order.doubted_at > now + CLOCKS_APART:
        # Dated by a clock that was wrong: the proof begins anew.
        Order.objects.filter(pk=order.pk, status=OrderState.IN_DOUBT).update(doubted_at=now, asked_count=0)
        return
    is_proven = order.asked_count >= PROOF and (order.doubted_at or now) <= now - ARRIVES_WITHIN
    if order.status != OrderState.IN_DOUBT or not is_proven:
        return
    if _may_go_again(order, adapter_for(order.connection), now):
        if transition(order, OrderFact.RETURN, source=WORKER, at=now, detail={"asked": order.asked_count}):
            order_nudge(order.pk)
        return
    _never_arrived(order, "never_arrived", _ABSENT.get(order.reason_code, ABSENT), now)


def _may_go_again(order: Order, adapter: BrokerAdapter, now: datetime) -> bool:
    if not adapter.capabilities.refuses_duplicate_ids or order.cancel_asked_at is not None:
        return False
    if order.reason_code == RESTORED:
        # What its trader decided after the backup was made, nobody knows any more.
        return False
    ends = order.send_before or (order.send_after or order.created_at) + SEND_WINDOW
    return now < ends


def _never_arrived(order: Order, code: str, sentence: str, now: datetime) -> None:
    reason = {"reason_code": code, "reason_detail": sentence}
    transition(order, OrderFact.NEVER_ARRIVED, source=WORKER, at=now, detail={"asked": order.asked_count}, **reason)
