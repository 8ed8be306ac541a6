"""Orders as the blotter, one order's page and a trade's panel show them; queries do not grow with the rows."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import BooleanField, F, Func, Q, QuerySet, Value
from django.db.models.lookups import GreaterThan, LessThan
from django.http import Http404

from accounts.models import TradingAccount, User
from trades.models import Fill, Order, OrderEvent, Trade
from trades.models.order import WORKING
from trenddojo.domain.order_state import TERMINAL, OrderState

PAGE_SIZE = 50
WORKING_SHOWN = 200
# Where nobody knows what the broker has, the trader looks.
IN_DOUBT = OrderState.IN_DOUBT.value
DONE = sorted(TERMINAL)
BY_TIME = ("-created_at", "-id")
_WITH = ("account", "connection", "trade")
# What a line of a list shows of an order; the other half of the row is for the order's own page.
_LISTED = (
    *("account_id", "parent_id", "origin", "role", "symbol", "side", "type", "quantity", "time_in_force"),
    *("limit_price", "stop_price", "trail_percent", "trail_price", "extended_hours", "status", "reason_detail"),
    *("filled_quantity", "filled_average_price", "send_after", "send_before", "cancel_asked_at", "pending_change"),
    "created_at",
)


@dataclass(frozen=True, slots=True)
class OrderFilter:
    """What of the owner's orders is shown: in these accounts, of this symbol, in these states (empty: all)."""

    accounts: Sequence[TradingAccount]
    symbol: str = ""
    statuses: tuple[str, ...] = ()

    def narrow(self, orders: QuerySet[Order]) -> QuerySet[Order]:
        orders = orders.filter(account_id__in=[account.pk for account in self.accounts])
        if self.symbol:
            orders = orders.filter(symbol=self.symbol)
        return orders.filter(status__in=self.statuses) if self.statuses else orders


@dataclass(frozen=True, slots=True)
class OrderLine:
    """An order with the legs that belong to it; replaced legs are on the order's own page."""

    order: Order
    legs: list[Order] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class OrderPage:
    lines: list[OrderLine]
    previous: str = ""
    next: str = ""


@dataclass(frozen=True, slots=True)
class OrderDetail:
    """Everything one order's page shows."""

    order: Order
    legs: list[Order]
    events: list[OrderEvent]
    fills: list[Fill]

    @property
    def replaced_by(self) -> Order | None:
        return getattr(self.order, "replaced_by", None)


def order_for(owner: User, pk: UUID) -> Order:
    """The owner's order with account, connection and trade. Raises Http404."""
    order = _read(Order.objects.filter(owner=owner, pk=pk)).first()
    if order is None:
        raise Http404
    return order


def order_detail(owner: User, pk: UUID) -> OrderDetail:
    """An order with its legs, events and fills. Raises Http404."""
    found = _read(Order.objects.filter(owner=owner, pk=pk))
    order = found.select_related(*_WITH, "parent", "replaces", "replaced_by").first()
    if order is None:
        raise Http404
    return OrderDetail(
        order=order,
        legs=list(_read(order.legs.order_by("created_at", "role", "id"))),
        events=list(order.events.order_by("id")),
        fills=list(order.fills.all()),
    )


def orders_working(shown: OrderFilter) -> tuple[list[OrderLine], bool]:
    """Orders that work, or whose legs do, the newest first, and whether there are more than are shown. Two queries."""
    states = [status for status in WORKING if not shown.statuses or status in shown.statuses]
    found = OrderFilter(shown.accounts, shown.symbol, tuple(states)).narrow(Order.objects.all()) if states else None
    if found is None:
        return [], False
    pairs = list(found.order_by(*BY_TIME).values_list("pk", "parent_id")[: WORKING_SHOWN + 1])
    roots = list(dict.fromkeys(parent or pk for pk, parent in pairs[:WORKING_SHOWN]))
    return _lines(roots, shown.accounts), len(pairs) > WORKING_SHOWN


def orders_done(shown: OrderFilter, *, cursor: str = "", without: Iterable[UUID] = ()) -> OrderPage:
    """One page of orders that are over, the newest first; `without` leaves out those shown as working."""
    states = tuple(status for status in DONE if not shown.statuses or status in shown.statuses)
    if not states:
        return OrderPage([])
    narrowed = OrderFilter(shown.accounts, shown.symbol, states).narrow(Order.objects.filter(parent=None))
    done = narrowed.exclude(pk__in=list(without))
    at = _cursor_read(cursor)
    is_backward = at is not None and at[0]
    found = _beside(done, at)
    if is_backward and len(found) <= PAGE_SIZE:
        # Fewer than a page lie before: that is the first page.
        at, is_backward, found = None, False, _beside(done, None)
    has_more = len(found) > PAGE_SIZE
    found = found[:PAGE_SIZE]
    if is_backward:
        found.reverse()
    return OrderPage(
        lines=_lines([pk for _, pk in found], shown.accounts),
        previous=_cursor_write("b", found[0]) if found and (has_more if is_backward else at is not None) else "",
        next=_cursor_write("f", found[-1]) if found and (is_backward or has_more) else "",
    )


def orders_of_trade(trade: Trade) -> list[OrderLine]:
    """All orders of a trade with their legs, the newest first. Two queries."""
    pairs = Order.objects.filter(trade=trade).order_by(*BY_TIME).values_list("pk", "parent_id")
    return _lines(list(dict.fromkeys(parent or pk for pk, parent in pairs)), [trade.account])


def working_counts(accounts: Sequence[TradingAccount]) -> tuple[int, int]:
    """How many orders work in these accounts, each with its legs, and how many are in doubt. One query."""
    found = Order.objects.filter(account_id__in=[account.pk for account in accounts], status__in=WORKING)
    rows = list(found.order_by().values_list("pk", "parent_id", "status"))
    doubted = sum(1 for _pk, _parent, status in rows if status == IN_DOUBT)
    return len({parent or pk for pk, parent, _status in rows}), doubted


def working_ids(accounts: Sequence[TradingAccount], *, symbol: str = "") -> list[UUID]:
    """The orders a "cancel all" means, entries before their legs; those asked to go already are left out."""
    found = OrderFilter(accounts, symbol, tuple(WORKING)).narrow(Order.objects.filter(cancel_asked_at=None))
    return list(found.order_by(F("parent_id").asc(nulls_first=True), "created_at", "id").values_list("pk", flat=True))


def symbols_of(accounts: Sequence[TradingAccount]) -> list[str]:
    """Every symbol these accounts have orders in."""
    found = Order.objects.filter(account_id__in=[account.pk for account in accounts]).order_by("symbol")
    return list(found.values_list("symbol", flat=True).distinct())


def _read(orders: QuerySet[Order]) -> QuerySet[Order]:
    return orders.select_related(*_WITH).defer("trade__search")


def _lines(roots: list[UUID], accounts: Iterable[TradingAccount]) -> list[OrderLine]:
    """The orders of these accounts with these keys, in this order, each with its legs. One query."""
    if not roots:
        return []
    of = {account.pk: account for account in accounts}
    wanted = Order.objects.filter(Q(pk__in=roots) | Q(parent_id__in=roots)).order_by("created_at", "role", "id")
    found = list(wanted.only(*_LISTED))
    for order in found:
        order.account = of[order.account_id]
    lines = {order.pk: OrderLine(order) for order in found if order.parent_id is None}
    for order in found:
        if order.parent_id in lines and order.status != OrderState.REPLACED:
            lines[order.parent_id].legs.append(order)
    return [lines[pk] for pk in roots if pk in lines]


class _Row(Func):
    """A row of values: PostgreSQL compares rows field by field and can walk an index of these fields."""

    function = "ROW"
    output_field = BooleanField()


def _beside(orders: QuerySet[Order], at: tuple[bool, datetime, UUID] | None) -> list[tuple[datetime, UUID]]:
    """One row more than a page, from the cursor on, in the direction it says."""
    is_backward = at is not None and at[0]
    if at is not None:
        compare = GreaterThan if is_backward else LessThan
        orders = orders.filter(compare(_Row(F("created_at"), F("id")), _Row(Value(at[1]), Value(at[2]))))
    ordered = orders.order_by(*(("created_at", "id") if is_backward else BY_TIME))
    return list(ordered.values_list("created_at", "id")[: PAGE_SIZE + 1])


def _cursor_write(way: str, row: tuple[datetime, Any]) -> str:
    return f"{way}_{row[0].isoformat()}_{row[1]}"


def _cursor_read(text: str) -> tuple[bool, datetime, UUID] | None:
    """(backward, time, id) of a cursor in a page's address, or None for one that cannot be read."""
    try:
        way, at, pk = text.split("_")
        moment = datetime.fromisoformat(at)
        key = UUID(pk)
    except ValueError:
        return None
    is_usable = moment.tzinfo is not None and 1 < moment.year < 9999 and way in ("b", "f")  # noqa: PLR2004
    return (way == "b", moment, key) if is_usable else None
