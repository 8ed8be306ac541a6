"""What the trader is told about orders: each fact once."""

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple
from uuid import UUID

from accounts.models import NotificationKind
from accounts.services.notifications import Told, notify, notify_all
from trades.execution.ledger import Step
from trades.models import Order
from trenddojo.domain.order_state import OrderFact, OrderState
from trenddojo.templatetags.numbers import trimmed

TRADER = "trader"


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

# An order in a backup that was restored: it may have been sent since.
RESTORED = Notice(
    NotificationKind.ORDER_IN_DOUBT,
    "{symbol}: has this order left?",
    "{order} was in the backup that the desk was restored from. The desk asks the broker whether it has it, and does"
    " not send it.",
)


def orders_tell(steps: Iterable[Step], *, source: str) -> None:
    """Notify the owners of what has just become of their orders; the caller's transaction decides whether it is so.

    What a trader has just done needs no telling.
    """
    told: dict[UUID, list[Step]] = defaultdict(list)
    for step in steps:
        if step.state in NOTICES and step.fact is not None and source != TRADER:
            told[step.order.owner_id].append(step)
    for mine in told.values():
        notify_all(user=mine[0].order.owner, told=[_told(step) for step in mine])


def _told(step: Step) -> Told:
    order, notice = step.order, RESTORED if step.fact is OrderFact.RESTORE else NOTICES[step.state]
    return Told(
        notice.kind,
        f"order:{order.pk}:{step.state.value}",
        _worded(notice.title, order),
        _worded(notice.text, order),
        f"/orders/{order.pk}/",
    )


def order_tell(order: Order, kind: NotificationKind, word: str, *, title: str, text: str) -> None:
    """Tell something about an order that is no state of it; `word` makes it known once."""
    notify(
        user=order.owner, kind=kind, key=f"order:{order.pk}:{word}", title=title, text=text, path=f"/orders/{order.pk}/"
    )


def describe(order: Order) -> str:
    """The order in words: “Buy 100 AAPL, limit 187.50”."""
    price = order.limit_price or order.stop_price
    at = f" {trimmed(price, 2):f}" if price else ""
    kind = order.type.replace("_", "-")
    return f"{order.side.capitalize()} {order.quantity.normalize():f} {order.symbol}, {kind}{at}"


def _worded(text: str, order: Order) -> str:
    price = order.filled_average_price
    return text.format(
        symbol=order.symbol,
        order=describe(order),
        reason=order.reason_detail,
        price=f"{trimmed(price, 2):f}" if price is not None else "an unknown price",
    ).strip()
