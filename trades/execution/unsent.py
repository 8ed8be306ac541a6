"""Orders that have not left: cut to what is still held, or ended with a word to the trader."""

from datetime import datetime
from typing import Any

from django.db import transaction

from accounts.models import NotificationKind
from trades.execution.notices import describe, order_tell
from trades.execution.sending import WORKER
from trades.execution.transitions import transition
from trades.models import Order
from trades.selectors.holdings import holding_of
from trenddojo.domain.fills import Side
from trenddojo.domain.order_state import OrderFact
from trenddojo.domain.orders import OrderClass, OrderError


def order_end(order: Order, fact: OrderFact, code: str, sentence: str, *, now: datetime, **columns: Any) -> None:
    """End an order that never left, and say so."""
    with transaction.atomic():
        if not transition(order, fact, source=WORKER, at=now, reason_code=code, reason_detail=sentence, **columns):
            return
        order_tell(
            order,
            NotificationKind.ORDER_QUEUED,
            "ended",
            title=f"{order.symbol}: order was not sent",
            text=f"{describe(order)} is not sent. {sentence}",
        )


def exit_shrink(order: Order, *, now: datetime) -> None:
    """What closed meanwhile need not be closed again. Raises OrderError (nothing_left) when all of it did."""
    held = holding_of(order.account, order.connection, order.symbol).quantity
    left = -held * Side(order.side).sign
    if left <= 0:
        raise OrderError("nothing_left", "The position is closed already.")
    if left < order.quantity:
        transition(order, OrderFact.REWRITE, source=WORKER, at=now, detail={"left": left}, quantity=left)
        if order.order_class != OrderClass.SIMPLE:
            Order.objects.filter(parent=order).update(quantity=left)
