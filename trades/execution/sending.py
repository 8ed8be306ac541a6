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
from trades.execution.nudges import resolve_nudge
from trades.execution.transitions import transition
from trades.models import Order
from trenddojo.domain.order_state import OrderFact

log = logging.getLogger(__name__)

WORKER = "worker"
# While a broker names no opening time, a queued order is looked at again after this long.
CLOSED_FOR = timedelta(minutes=5)

Outcome = Callable[[Order, Any, datetime], None]


def outcome_record(order: Order, error: BrokerError, *, at: datetime) -> None:
    """Write down what an error means for an order that is being sent. What no row of the table knows is a doubt."""
    found = next((record for kind, record in OUTCOMES if isinstance(error, kind)), _doubted)
    log.info("order.outcome order=%s code=%s request=%s", order.pk, error.code, error.request_id)
    found(order, error, at)


def outcome_unexpected(order: Order, problem: BaseException, *, at: datetime) -> None:
    """Something broke after the order may have left: nobody knows, and it is asked for."""
    request_id = getattr(problem, "request_id", "")
    log.error("order.outcome.unexpected order=%s request=%s", order.pk, request_id, exc_info=problem)
    _doubted(order, OutcomeUnknown("The answer could not be read.", code="unexpected", request_id=request_id), at)


def _refused(order: Order, error: Refused, at: datetime) -> None:
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
