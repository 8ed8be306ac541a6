"""What the trader is told about orders: each fact once."""

from collections.abc import Iterable
from typing import NamedTuple

from accounts.models import NotificationKind
from accounts.services.notifications import notify
from trades.execution.ledger import Step
from trades.models import Order
from trenddojo.domain.order_state import OrderState


class Notice(NamedTuple):
    kind: NotificationKind
    title: str
    text: str


# What is said about an order that comes to this state; {order} and {reason} are put in.
NOTICES: dict[OrderState, Notice] = {
    OrderState.FILLED: Notice(
        NotificationKind.ORDER_FILLED, "{symbol} is filled", "{order} is filled at {price} on average."
    ),
    OrderState.REJECTED: Notice(
        NotificationKind.ORDER_REJECTED, "{symbol}: order rejected", "{order} was not taken. {reason}"
    ),
    OrderState.DENIED: Notice(
        NotificationKind.ORDER_REJECTED, "{symbol}: order not sent", "{order} was not sent. {reason}"
    ),
    OrderState.IN_DOUBT: Notice(
        NotificationKind.ORDER_IN_DOUBT,
        "{symbol}: nobody knows whether the order arrived",
        "{order} was sent, and the broker gave no certain answer. The desk asks again until it knows, and does not"
        " send it twice.",
    ),
    OrderState.QUEUED: Notice(
        NotificationKind.ORDER_QUEUED, "{symbol}: order waits for the open", "{order} is kept until the market opens."
    ),
}


def orders_tell(steps: Iterable[Step], *, source: str) -> None:
    """Notify the owners of what has just become of their orders; the caller's transaction decides whether it is so.

    What a trader has just done needs no telling.
    """
    for step in steps:
        notice = NOTICES.get(step.state)
        if notice is None or step.fact is None or source == "trader":
            continue
        order = step.order
        _notify(
            order, notice.kind, step.state.value, title=_worded(notice.title, order), text=_worded(notice.text, order)
        )


def order_tell(order: Order, kind: NotificationKind, word: str, *, title: str, text: str) -> None:
    """Tell something about an order that is no state of it; `word` makes it known once."""
    _notify(order, kind, word, title=title, text=text)


def describe(order: Order) -> str:
    """The order in words: “Buy 100 AAPL, limit 187.50”."""
    price = order.limit_price or order.stop_price
    at = f" {price.normalize():f}" if price else ""
    kind = order.type.replace("_", "-")
    return f"{order.side.capitalize()} {order.quantity.normalize():f} {order.symbol}, {kind}{at}"


def _worded(text: str, order: Order) -> str:
    price = order.filled_average_price
    return text.format(
        symbol=order.symbol,
        order=describe(order),
        reason=order.reason_detail,
        price=f"{price.normalize():f}" if price is not None else "an unknown price",
    ).strip()


def _notify(order: Order, kind: NotificationKind, word: str, *, title: str, text: str) -> None:
    notify(
        user=order.owner,
        kind=kind,
        key=f"order:{order.pk}:{word}",
        title=title[:120],
        text=text[:500],
        path=f"/orders/{order.pk}/",
    )
