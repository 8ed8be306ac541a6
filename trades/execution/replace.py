"""Asking the broker to change an order. The change is a new order there: it is one here when the broker shows it."""

import logging
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Q
from django.utils import timezone

from accounts.models import NotificationKind
from brokers.base import BrokerAdapter, OrderChanges, OrderRef, OrderReport
from brokers.errors import (
    BrokerError,
    CredentialsInvalid,
    DuplicateOrder,
    MarketClosed,
    Refused,
    TryLater,
    Unsupported,
)
from brokers.registry import adapter_for
from brokers.services.connections import connection_failed
from brokers.services.nudges import poll_nudge
from brokers.vault import VaultError
from trades.execution.doubts import ARRIVES_WITHIN, PAUSES, PROOF
from trades.execution.evidence import asked
from trades.execution.notices import describe, order_tell
from trades.execution.sending import WORKER, is_disarmed
from trades.execution.track import reports_apply
from trades.execution.transitions import transition
from trades.models import CallVerb, Order
from trades.selectors.brakes import under_halt
from trenddojo import log_context
from trenddojo.domain.order_state import TERMINAL, OrderFact
from trenddojo.domain.orders import TimeInForce

log = logging.getLogger(__name__)

_NUMBERS = ("quantity", "limit_price", "stop_price", "trail_percent")
_NOT_DONE = (Refused, MarketClosed, Unsupported)
_NOT_ASKED = (TryLater, CredentialsInvalid)


def order_replace_send(order_id: UUID, *, now: datetime | None = None) -> None:
    """Ask the broker for the change wished of an order, or, after an answer got lost, what became of it.

    Safe to call at any time, from any worker: a change is sent once, and looked up by its own id when in doubt.
    """
    now = now or timezone.now()
    wished = Order.objects.filter(pk=order_id, pending_change__isnull=False, connection__is_active=True)
    order = wished.select_related("connection", "owner").first()
    if order is None or not _is_due(order, now):
        return
    log_context.add(connection=order.connection_id, user=order.owner_id)
    try:
        adapter = adapter_for(order.connection)
    except (VaultError, BrokerError) as problem:
        log.warning("order.replace.no_adapter order=%s problem=%s", order.pk, type(problem).__name__)
        return
    if "sent_at" in order.pending_change:
        _resolve(order, adapter, now)
    elif (end := _end_of(order, now)) is not None:
        _drop(order, *end, now)
    elif _claim(order, now):
        _send(order, adapter, now)


def change_ask(order: Order, *, now: datetime, by: str) -> None:
    """Ask at once what became of a change that was sent; nothing is sent, and no answer without a pause is counted."""
    if _is_due(order, now):
        order_replace_send(order.pk, now=now)
        return
    try:
        report = _look_change(order, adapter_for(order.connection), now, by=by)
    except (VaultError, BrokerError) as problem:
        log.info("order.replace.look.failed order=%s problem=%s", order.pk, type(problem).__name__)
        return
    if report is not None:
        _follow(order, report, now)


def replaces_to_send(now: datetime, limit: int) -> list[UUID]:
    """Orders with a change to send or to ask about, the longest waiting first."""
    wished = Order.objects.filter(pending_change__isnull=False, connection__is_active=True).order_by("updated_at")
    return [order.pk for order in wished[: 10 * limit] if _is_due(order, now)][:limit]


def _end_of(order: Order, now: datetime) -> tuple[str, str] | None:
    """Why the change must not be sent any more, looked at right before: much may have happened since it was asked."""
    if order.status in TERMINAL:
        return "order_over", "The order was over before the change was sent."
    if order.cancel_asked_at is not None:
        return "being_cancelled", "The order is being cancelled."
    if not order.is_reducing and Order.objects.filter(under_halt(), pk=order.pk).exists():
        return "halted", "Trading is halted: entries are not changed any more."
    if is_disarmed(order, now):
        return "not_armed", "Live trading is switched off: switch it on and change the order again."
    return None


def _is_due(order: Order, now: datetime) -> bool:
    change = order.pending_change
    since = change.get("tried_at") or change.get("sent_at")
    if since is None:
        return True
    pause = PAUSES[min(change.get("asked_count", 0), len(PAUSES) - 1)]
    return datetime.fromisoformat(since) + timedelta(seconds=change.get("pause", pause)) <= now


def _claim(order: Order, now: datetime) -> bool:
    """Take the change to send it, unless a halt came down since it was looked at."""
    return _note(order, Q(is_reducing=True) | ~under_halt(), sent_at=now, tried_at=None, pause=None)


def _note(order: Order, *only_if: Q, **changes: Any) -> bool:
    """Write down what was done about the change, unless somebody else did something meanwhile."""
    noted = {name: value for name, value in (order.pending_change | changes).items() if value is not None}
    kept = Order.objects.filter(*only_if, pk=order.pk, version=order.version, pending_change__isnull=False)
    if not kept.update(pending_change=noted, version=order.version + 1):
        return False
    order.refresh_from_db(fields=["pending_change", "version"])
    return True


def _send(order: Order, adapter: BrokerAdapter, now: datetime) -> None:
    try:
        with asked(order, CallVerb.REPLACE, ref=order.pending_change["client_order_id"], now=now) as answer:
            report = adapter.replace(_ref(order), _changes(order.pending_change))
            answer.found(report)
        _follow(order, report, now)
    except DuplicateOrder:
        _resolve(order, adapter, now)
    except _NOT_DONE as refused:
        _refused(order, adapter, refused, now)
    except _NOT_ASKED as error:
        _note(order, sent_at=None, tried_at=now, pause=max(1, int(getattr(error, "after", 1))))
        connection_failed(connection_id=order.connection_id, error=error, sealed=order.connection.credentials)
    except BrokerError as error:
        log.info("order.replace.in_doubt order=%s code=%s broker_request=%s", order.pk, error.code, error.request_id)
        poll_nudge(order.connection_id)
    except Exception:
        # The change stays as sent: what became of it is looked up by its id.
        log.exception("order.replace.unexpected order=%s", order.pk)


def _ref(order: Order) -> OrderRef:
    return OrderRef(order.broker_order_id, order.client_order_id)


def _changes(change: dict[str, Any]) -> OrderChanges:
    tif = change.get("time_in_force")
    numbers = {name: Decimal(change[name]) for name in _NUMBERS if change.get(name) is not None}
    return OrderChanges(change["client_order_id"], time_in_force=TimeInForce(tif) if tif else None, **numbers)


def _follow(order: Order, report: OrderReport, now: datetime) -> None:
    """The broker shows the replacement: it becomes a row, and the old order is told of by the next report."""
    told = replace(report, replaces=report.replaces or order.broker_order_id)
    told = replace(told, client_order_id=told.client_order_id or order.pending_change["client_order_id"])
    reports_apply(order.connection, [told], source=WORKER, now=now)
    poll_nudge(order.connection_id)


def _refused(order: Order, adapter: BrokerAdapter, refused: BrokerError, now: datetime) -> None:
    _drop(order, refused.code or "replace_refused", refused.sentence, now)
    try:
        with asked(order, CallVerb.LOOK, ref=order.broker_order_id or order.client_order_id, now=now) as answer:
            report = answer.found(adapter.order(_ref(order)))
    except BrokerError:
        report = None
    if report is None or reports_apply(order.connection, [report], source=WORKER, now=now).wants_pull:
        poll_nudge(order.connection_id)


def _drop(order: Order, code: str, sentence: str, now: datetime) -> None:
    """The change did not happen; the order is what it was."""
    word = f"replace:{order.pending_change['client_order_id']}"
    detail = {"code": code, "sentence": sentence}
    if not transition(order, OrderFact.REPLACE_REFUSED, source=WORKER, at=now, detail=detail, pending_change=None):
        Order.objects.filter(pk=order.pk, version=order.version).update(pending_change=None, version=order.version + 1)
    title, text = f"{order.symbol}: order not changed", f"{describe(order)} stays as it was. {sentence}"
    order_tell(order, NotificationKind.ORDER_REJECTED, word, title=title, text=text)


def _look_change(order: Order, adapter: BrokerAdapter, now: datetime, *, by: str) -> OrderReport | None:
    ref = order.pending_change["client_order_id"]
    with asked(order, CallVerb.LOOK_CHANGE, ref=ref, now=now, by=by) as answer:
        return answer.found(adapter.order(OrderRef(client_order_id=ref)))


def _resolve(order: Order, adapter: BrokerAdapter, now: datetime) -> None:
    """Ask for the replacement by its own id; what the broker does not know, asked often enough, never happened."""
    change = order.pending_change
    if not adapter.capabilities.finds_client_order_id or not _note(order, tried_at=now):
        return
    try:
        report = _look_change(order, adapter, now, by=WORKER)
    except BrokerError as error:
        log.info("order.replace.unanswered order=%s code=%s broker_request=%s", order.pk, error.code, error.request_id)
        connection_failed(connection_id=order.connection_id, error=error, sealed=order.connection.credentials)
        return
    if report is not None:
        _follow(order, report, now)
        return
    count = change.get("asked_count", 0) + 1
    sent_at = datetime.fromisoformat(change["sent_at"])
    if _note(order, asked_count=count) and count >= PROOF and sent_at <= now - ARRIVES_WITHIN:
        _drop(order, "never_arrived", "The broker knows nothing of the change: it never arrived.", now)
