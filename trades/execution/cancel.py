"""Asking the broker to cancel. It has happened when a report says so, not before."""

import logging
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import F, Q, QuerySet
from django.utils import timezone

from accounts.models import NotificationKind
from brokers.base import BrokerAdapter, OrderRef
from brokers.errors import BrokerError, CredentialsInvalid, NotCancelable, TryLater, UnknownOrder
from brokers.registry import adapter_for
from brokers.services.connections import connection_failed
from brokers.services.nudges import poll_nudge
from brokers.vault import VaultError
from trades.execution.evidence import asked
from trades.execution.gone import gone_note
from trades.execution.notices import describe, order_tell
from trades.execution.sending import WORKER
from trades.execution.track import reports_apply
from trades.execution.transitions import SHOWN, transition
from trades.models import CallVerb, Order
from trenddojo import log_context
from trenddojo.domain.order_state import OrderFact, OrderState

log = logging.getLogger(__name__)

# A request whose answer is not in sight by then is made again: asking twice cancels once.
ASK_AGAIN = timedelta(seconds=20)


def order_cancel_send(order_id: UUID, *, now: datetime | None = None) -> None:
    """Ask the broker to cancel what the trader wants gone, if that is still to be asked. Safe to call at any time."""
    now = now or timezone.now()
    order = _wished(now).filter(pk=order_id).select_related("connection", "owner").first()
    if order is None:
        return
    log_context.add(connection=order.connection_id, user=order.owner_id)
    if order.status != OrderState.CANCELLING:
        # Wished while it was on its way, and whoever was to follow the wish is gone.
        transition(order, OrderFact.ASK_CANCEL, source=WORKER, at=now, asked_at=None)
    same = Order.objects.filter(pk=order.pk, status=OrderState.CANCELLING, asked_at=order.asked_at)
    if not same.update(asked_at=now):
        return
    try:
        adapter = adapter_for(order.connection)
        _ask(order, adapter, now)
    except VaultError as problem:
        log.warning("order.cancel.sealed order=%s problem=%s", order.pk, problem)
    except (TryLater, CredentialsInvalid) as error:
        # Not processed for certain: the next worker may ask at once.
        Order.objects.filter(pk=order.pk, asked_at=now).update(asked_at=None)
        connection_failed(connection_id=order.connection_id, error=error, sealed=order.connection.credentials)
    except BrokerError as error:
        log.info("order.cancel.unanswered order=%s code=%s broker_request=%s", order.pk, error.code, error.request_id)
        poll_nudge(order.connection_id)


def cancels_to_send(now: datetime, limit: int) -> list[UUID]:
    """Orders whose cancellation is wished and not in sight, the longest waiting first."""
    return list(_wished(now).order_by("cancel_asked_at").values_list("pk", flat=True)[:limit])


def _wished(now: datetime) -> QuerySet[Order]:
    # Asked long after the present: by a clock that was wrong.
    ago = Q(asked_at__lte=now - ASK_AGAIN) | Q(asked_at__gt=now + ASK_AGAIN)
    unasked = Q(asked_at=None) | Q(asked_at__lt=F("cancel_asked_at")) | ago
    waits = Q(status=OrderState.CANCELLING) & unasked
    return Order.objects.filter(waits | Q(status__in=SHOWN), cancel_asked_at__isnull=False, connection__is_active=True)


def _ask(order: Order, adapter: BrokerAdapter, now: datetime) -> None:
    ref = OrderRef(order.broker_order_id, order.client_order_id)
    try:
        with asked(order, CallVerb.CANCEL, ref=order.broker_order_id or order.client_order_id, now=now):
            adapter.cancel(ref)
    except (NotCancelable, UnknownOrder) as refused:
        _look(order, adapter, refused, now)
    else:
        poll_nudge(order.connection_id)


def _look(order: Order, adapter: BrokerAdapter, refused: BrokerError, now: datetime) -> None:
    """The broker would not cancel it: what it says of the order tells why."""
    with asked(order, CallVerb.LOOK, ref=order.broker_order_id or order.client_order_id, now=now) as answer:
        report = answer.found(adapter.order(OrderRef(order.broker_order_id, order.client_order_id)))
    if report is None:
        gone_note(order, now=now)
        return
    if reports_apply(order.connection, [report], source=WORKER, now=now).wants_pull:
        poll_nudge(order.connection_id)
    if report.state in (OrderState.ACCEPTED, OrderState.PARTIALLY_FILLED):
        detail = {"code": refused.code, "sentence": refused.sentence}
        order.refresh_from_db(fields=["status", "version"])
        if transition(order, OrderFact.CANCEL_REFUSED, source=WORKER, at=now, detail=detail, cancel_asked_at=None):
            title, text = f"{order.symbol}: order not cancelled", f"{describe(order)} works on. {refused.sentence}"
            order_tell(order, NotificationKind.ORDER_REJECTED, f"cancel:{now.timestamp():.0f}", title=title, text=text)
