"""What stays undecided for unusually long is told to its trader, once for each time it happens."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from accounts.models import Notification, NotificationKind, User
from accounts.services.notifications import Told, notify_all
from brokers.models import BrokerConnection
from trades.execution.notices import describe
from trades.selectors.stuck import OrderMatter, orders_stuck

MOST = 500
# A new connection may take so long until everything was read once.
READ_WITHIN = timedelta(minutes=5)


class Notice(NamedTuple):
    """`since` names the column that makes it another time; none: it is told once of an order."""

    kind: NotificationKind
    title: str
    text: str
    since: str = ""


NOTICES = {
    OrderMatter.SENDING: Notice(
        NotificationKind.ORDER_IN_DOUBT,
        "{symbol}: an order is on its way for too long",
        "{order} was taken to be sent, and nobody has said what became of it.",
        "claimed_at",
    ),
    OrderMatter.CANCEL: Notice(
        NotificationKind.ORDER_IN_DOUBT,
        "{symbol}: no answer to the cancellation",
        "{order}: you asked to cancel it and the broker has not said that it did. It may still fill.",
        "cancel_asked_at",
    ),
    OrderMatter.CHANGE: Notice(
        NotificationKind.ORDER_IN_DOUBT,
        "{symbol}: no answer to the change",
        "{order}: you asked to change it and the broker has not shown the new order. It works on as it was.",
        "change_asked_at",
    ),
    OrderMatter.UNSENT: Notice(
        NotificationKind.ORDER_QUEUED,
        "{symbol}: an order has not left",
        "{order} is ready to be sent and has not left yet.",
    ),
    OrderMatter.QUEUED: Notice(
        NotificationKind.ORDER_QUEUED,
        "{symbol}: an order waits past its time",
        "{order} waited for a moment that is over, and has not left yet.",
        "send_after",
    ),
}


def stuck_tell(now: datetime) -> int:
    """Tell traders of orders that are stuck, and of connections that were never read; how many things were new."""
    told: dict[User, list[Told]] = defaultdict(list)
    for order in orders_stuck(now).select_related("owner").order_by("created_at")[:MOST]:
        told[order.owner].append(_of_order(order))
    for connection in _never_read(now):
        told[connection.user].append(_of_connection(connection))
    known = _known(told.items())
    fresh = {user: [one for one in mine if (user.pk, one.key) not in known] for user, mine in told.items()}
    for user, mine in fresh.items():
        if mine:
            notify_all(user=user, told=mine)
    return sum(map(len, fresh.values()))


def _never_read(now: datetime) -> Iterable[BrokerConnection]:
    """One that was read once and fell silent is told of by the watch over silences."""
    failing = BrokerConnection.objects.filter(is_active=True, account__isnull=False, last_sync=None)
    failing = failing.filter(last_error_at__isnull=False, created_at__lte=now - READ_WITHIN)
    return failing.select_related("user").order_by("created_at")[:MOST]


def _of_order(order: Any) -> Told:
    notice = NOTICES[OrderMatter(order.matter)]
    since = getattr(order, notice.since).isoformat() if notice.since else "once"
    words = {"symbol": order.symbol, "order": describe(order)}
    return Told(
        notice.kind,
        f"order:{order.pk}:stuck:{order.matter}:{since}",
        notice.title.format(**words),
        f"{notice.text.format(**words)} See what is known of it, and what you can do.",
        f"/orders/{order.pk}/",
    )


def _of_connection(connection: BrokerConnection) -> Told:
    return Told(
        NotificationKind.CONNECTION,
        f"connection:{connection.pk}:never_read",
        f"{connection.label} was never read",
        f"Its orders and positions are not known here. {connection.last_error}".strip(),
        f"/connections/{connection.pk}/",
    )


def _known(told: Iterable[tuple[User, list[Told]]]) -> set[tuple[Any, str]]:
    """What was told before, of all of it in one query."""
    pairs = [(user.pk, one.key) for user, mine in told for one in mine]
    users, keys = {user for user, _key in pairs}, {key for _user, key in pairs}
    if not keys:
        return set()
    return set(Notification.objects.filter(user__in=users, key__in=keys).order_by().values_list("user_id", "key"))
