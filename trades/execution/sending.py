"""What each error of a broker means for an order that was being sent: the table of outcomes."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from brokers.errors import (
    BrokerError,
    CredentialsInvalid,
    MarketClosed,
    OutcomeUnknown,
    Refused,
    TryLater,
    Unsupported,
)
from brokers.services.connections import connection_failed
from brokers.services.live import live_is_armed
from trades.execution.nudges import resolve_nudge
from trades.execution.transitions import transition
from trades.models import Order
from trenddojo.domain.order_state import OrderFact, OrderState

log = logging.getLogger(__name__)

WORKER = "worker"
# While a broker names no opening time, a queued order is looked at again after this long.
CLOSED_FOR = timedelta(minutes=5)

_ON_THEIR_WAY = (OrderState.SUBMITTING, OrderState.IN_DOUBT)

Outcome = Callable[[Order, Any, datetime], None]


def outcome_record(order: Order, error: BrokerError, *, at: datetime) -> None:
    """Write down what an error means for an order that is being sent. What no row of the table knows is a doubt."""
    found = next((record for kind, record in OUTCOMES if isinstance(error, kind)), _doubted)
    log.info("order.outcome order=%s code=%s broker_request=%s", order.pk, error.code, error.request_id)
    found(order, error, at)
    if order.cancel_asked_at is not None:
        # It is ours alone again, and not wanted any more; where it may be at the broker this changes nothing.
        reason = {"reason_code": "cancelled_before_sending", "reason_detail": "It was cancelled before it was sent."}
        transition(order, OrderFact.ABANDON, source=WORKER, at=at, **reason)


def is_disarmed(order: Order, now: datetime) -> bool:
    """Whether the live switch keeps this order here; exits always leave."""
    connection = order.connection
    if connection is None or connection.is_paper or order.is_reducing:
        return False
    return not live_is_armed(connection, now)


def outcome_unexpected(order: Order, problem: BaseException, *, at: datetime) -> None:
    """Something broke after the order may have left: nobody knows, and it is asked for."""
    request_id = getattr(problem, "request_id", "")
    log.error("order.outcome.unexpected order=%s broker_request=%s", order.pk, request_id, exc_info=problem)
    _doubted(order, OutcomeUnknown("The answer could not be read.", code="unexpected", request_id=request_id), at)


def _refused(order: Order, error: Refused, at: datetime) -> None:
    order.refresh_from_db(fields=["status", "version", "cancel_asked_at"])
    if order.status not in _ON_THEIR_WAY:
        # Another worker's attempt got further: what the broker showed since outweighs an answer to this one.
        return
    detail = _detail(error) | {"figures": error.figures}
    transition(order, OrderFact.REJECT, source=WORKER, at=at, detail=detail, **_reason(error))


def _queued(order: Order, error: MarketClosed, at: datetime) -> None:
    opens = error.next_open or at + CLOSED_FOR
    transition(order, OrderFact.QUEUE, source=WORKER, at=at, detail=_detail(error), send_after=opens, **_reason(error))


def _denied(order: Order, error: Unsupported, at: datetime) -> None:
    transition(order, OrderFact.DENY, source=WORKER, at=at, detail=_detail(error), **_reason(error, "unsupported"))


def _returned(order: Order, error: BrokerError, at: datetime) -> None:
    transition(order, OrderFact.RETURN, source=WORKER, at=at, detail=_detail(error))
    if order.connection_id is not None:
        connection_failed(connection_id=order.connection_id, error=error, sealed=order.connection.credentials)


def _postponed(order: Order, error: TryLater, at: datetime) -> None:
    again = at + timedelta(seconds=max(error.after, 1))
    detail = _detail(error) | {"send_after": again}
    transition(order, OrderFact.RETURN, source=WORKER, at=at, detail=detail, send_after=again)


def _doubted(order: Order, error: BrokerError, at: datetime) -> None:
    if transition(order, OrderFact.DOUBT, source=WORKER, at=at, detail=_detail(error)):
        resolve_nudge(order.pk)


# The first row that fits decides.
OUTCOMES: tuple[tuple[type[BrokerError], Outcome], ...] = (
    (Refused, _refused),
    (MarketClosed, _queued),
    (Unsupported, _denied),
    (CredentialsInvalid, _returned),
    (TryLater, _postponed),
    (OutcomeUnknown, _doubted),
)


def _detail(error: BrokerError) -> dict[str, Any]:
    detail = {"code": error.code, "sentence": error.sentence, "request_id": error.request_id}
    return {name: value for name, value in detail.items() if value}


def _reason(error: BrokerError, code: str = "") -> dict[str, Any]:
    return {"reason_code": (error.code or code)[:60], "reason_detail": error.sentence[:500]}
