"""What a broker's report changes of an order we know."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from brokers.base import OrderReport
from trades.execution.ledger import Step
from trades.execution.transitions import step_of
from trades.models import Order
from trenddojo.domain.money import rounded_price
from trenddojo.domain.order_state import TERMINAL, OrderFact, OrderState, told_fact

# The broker's word is one we do not know: it is kept, and changes nothing.
UNKNOWN_STATUS = "unknown_status"
# A split: as many times the shares at prices that much lower, of what is filled as well.
RESTATED = "restated"
# What the broker may change of an order by itself: a trailing stop moves, another program edits.
_TERMS = ("quantity", "limit_price", "stop_price", "trail_percent", "trail_price")
_WORKS_ON = frozenset({OrderFact.ACCEPT, OrderFact.PARTIAL})
# How far a price may be from what a split makes of it, for it lies on a tick.
_TICK = Decimal("0.01")


def step_from_report(order: Order, report: OrderReport, *, at: datetime) -> Step | None:
    """The step that makes the order what the report says; None when it says nothing new.

    A report older than the last one only ever adds to what is filled. One that restates the order says no more than
    that the first time it is given.
    """
    if is_restated(order, report):
        columns = _said(order, report) | _filled_by(report)
        return Step(order, OrderState(order.status), RESTATED, columns, _detail(report), report.updated_at)
    columns = _filled(order, report)
    if not is_old(order, report):
        columns |= _said(order, report)
        step = _step(order, report, columns, at)
        if step is not None:
            return step
    return Step(order, OrderState(order.status), None, columns) if columns else None


def _step(order: Order, report: OrderReport, columns: dict[str, Any], at: datetime) -> Step | None:
    """What has happened to the order by the report's state; None where nothing has."""
    fact, detail = _fact(order, report), _detail(report)
    if fact is None:
        is_news = report.state is None and "raw_status" in columns
        state = OrderState(order.status)
        return Step(order, state, UNKNOWN_STATUS, columns, detail, report.updated_at) if is_news else None
    columns = columns | _moments(order, report, fact)
    if order.status in TERMINAL:
        # Why it had ended is not so any more.
        columns |= {"reason_code": "", "reason_detail": report.reason[:500]}
    step = step_of(order, fact, at=at, detail=detail, happened_at=report.updated_at, columns=columns)
    is_news = step is not None and (step.state != order.status or "filled_quantity" in columns)
    return step if is_news else None


def is_old(order: Order, report: OrderReport) -> bool:
    """Whether the broker has spoken of the order since it said this."""
    if order.reported_at is None or report.updated_at is None:
        return False
    return report.updated_at < order.reported_at


def is_restated(order: Order, report: OrderReport) -> bool:
    """Whether the broker tells the order in other shares than before, for the same money at other prices."""
    if report.quantity in (None, order.quantity) or not _is_newer(order, report):
        return False
    pairs = [(getattr(order, name), getattr(report, name)) for name in ("limit_price", "stop_price")]
    told = [(ours, theirs) for ours, theirs in pairs if ours is not None and theirs is not None]
    return bool(told) and all(
        ours != theirs and abs(order.quantity * ours - report.quantity * theirs) <= report.quantity * _TICK
        for ours, theirs in told
    )


def _fact(order: Order, report: OrderReport) -> OrderFact | None:
    """What the report amounts to; None for a status we do not know, and for what comes too late to be said."""
    if report.state is None:
        return None
    fact = told_fact(OrderState(order.status), report.state, is_filled=report.filled_quantity > 0)
    if order.status == OrderState.CANCELLING and order.cancel_asked_at is None and fact in _WORKS_ON:
        # Somebody else asked for the cancellation, and it was refused.
        return OrderFact.CANCEL_REFUSED
    if order.status in TERMINAL and fact is not OrderFact.FILL and not _is_newer(order, report):
        # What was told as ended is something else only by a later word, never by one of the same moment or untimed.
        return None
    return fact


def _is_newer(order: Order, report: OrderReport) -> bool:
    if order.reported_at is None:
        return True
    return report.updated_at is not None and report.updated_at > order.reported_at


def _filled(order: Order, report: OrderReport) -> dict[str, Any]:
    if report.filled_quantity <= order.filled_quantity:
        return {}
    if is_old(order, report) and report.quantity not in (None, order.quantity):
        # It was said in other shares, before a split.
        return {}
    # An order for an amount of money is as large as what it has bought.
    size = {"quantity": report.filled_quantity} if report.quantity is None else {}
    return {**size, **_filled_by(report)}


def _filled_by(report: OrderReport) -> dict[str, Any]:
    return {"filled_quantity": report.filled_quantity, "filled_average_price": _average(report)}


def _average(report: OrderReport) -> Decimal | None:
    average = report.filled_average_price
    return None if average is None else rounded_price(average)


def _said(order: Order, report: OrderReport) -> dict[str, Any]:
    """The columns in which the report differs from what is kept."""
    said: dict[str, Any] = {name: getattr(report, name) for name in _TERMS if getattr(report, name) is not None}
    said |= {"raw_status": report.raw_status[:40], "reported_at": report.updated_at or order.reported_at}
    if not order.broker_order_id:
        said["broker_order_id"] = report.broker_order_id
    if order.asked_count:
        # The broker knows it: answers to the contrary are forgotten.
        said["asked_count"] = 0
    if report.reason:
        said["reason_detail"] = report.reason[:500]
    if report.filled_quantity == order.filled_quantity and report.filled_average_price is not None:
        said["filled_average_price"] = _average(report)
    return {name: value for name, value in said.items() if getattr(order, name) != value}


def _moments(order: Order, report: OrderReport, fact: OrderFact | None) -> dict[str, Any]:
    """The broker's own times are better than when we heard."""
    found: dict[str, Any] = {}
    if report.submitted_at is not None and order.submitted_at is None:
        found["submitted_at"] = report.submitted_at
    if fact is OrderFact.FILL and report.filled_at is not None and order.filled_at is None:
        found["filled_at"] = report.filled_at
    return found


def _detail(report: OrderReport) -> dict[str, Any]:
    detail: dict[str, Any] = {"status": report.raw_status}
    if report.filled_quantity:
        detail |= {"filled_quantity": report.filled_quantity, "filled_average_price": report.filled_average_price}
    if report.reason:
        detail["reason"] = report.reason
    return detail
