"""Which of our orders a broker's report is about: by the broker's id, by ours, or as the leg of one we know."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from brokers.base import OrderReport
from trades.models import Order
from trenddojo.domain.order_state import OrderState
from trenddojo.domain.orders import OrderClass, OrderRole, OrderType
from trenddojo.statements import models_of

_ON_THEIR_WAY = frozenset({OrderState.SUBMITTING, OrderState.IN_DOUBT})
_STOPS = frozenset({OrderType.STOP, OrderType.STOP_LIMIT, OrderType.TRAILING_STOP})
# Asked for every report of a stream. Of the empty ids the index knows nothing.
_NAMED = "account_id = %(account)s AND {column} = ANY(%(ids)s) AND {column} <> ''"


@dataclass(frozen=True, slots=True)
class Told:
    """A report with the report it was inside of."""

    report: OrderReport
    parent: OrderReport | None = None


@dataclass(slots=True)
class Matches:
    """`known` are reports with their orders, `strangers` those of orders nobody here placed or knows yet.

    `unclear` may be legs of an order that is on its way: the next report tells.
    """

    known: list[tuple[Order, OrderReport]] = field(default_factory=list)
    strangers: list[Told] = field(default_factory=list)
    unclear: list[Told] = field(default_factory=list)


def flattened(reports: Iterable[OrderReport]) -> Iterator[Told]:
    for report in reports:
        yield Told(report)
        for leg in report.legs:
            yield Told(leg, report)


def matches_of(account_id: UUID, reports: Sequence[OrderReport]) -> Matches:
    """Find the orders of an account that the reports are about, in at most four queries."""
    told = list(flattened(reports))
    finder = _Finder(account_id, told)
    found = Matches()
    for one in told:
        order = finder.find(one)
        if order is not None:
            found.known.append((order, one.report))
        elif finder.may_be_on_its_way(one.report):
            found.unclear.append(one)
        else:
            found.strangers.append(one)
    return found


def order_matches(order: Order, report: OrderReport, legs: Sequence[Order]) -> Matches:
    """As `matches_of` for the answer to an order that was just sent, without a question to the database."""
    found = Matches(known=[(order, report)])
    free = [leg for leg in legs if not leg.broker_order_id]
    for one in report.legs:
        leg = next((leg for leg in legs if leg.broker_order_id == one.broker_order_id), None) or _take_leg(free, one)
        if leg is None:
            found.strangers.append(Told(one, report))
        else:
            found.known.append((leg, one))
    return found


def is_same_order(order: Order, report: OrderReport) -> bool:
    """Whether an order at the broker is what we sent: an id alone does not prove it."""
    if report.symbol != order.symbol or not _is_side(order, report):
        return False
    if report.type is not None and _kind(report.type) != _kind(OrderType(order.type)):
        return False
    return report.quantity is None or report.quantity == order.quantity


def _kind(order_type: OrderType) -> OrderType:
    # Brokers turn stops into stop-limits to protect the buyer.
    return OrderType.STOP if order_type is OrderType.STOP_LIMIT else order_type


def _is_side(order: Order, report: OrderReport) -> bool:
    """A word of the broker's that we do not know says nothing to the contrary."""
    return report.side is None or report.side.value == order.side


def plainest_type(report: OrderReport) -> OrderType:
    """The order's type; for a word that we do not know, the plainest order with these prices."""
    if report.type is not None:
        return report.type
    if report.trail_percent is not None or report.trail_price is not None:
        return OrderType.TRAILING_STOP
    if report.stop_price is not None:
        return OrderType.STOP if report.limit_price is None else OrderType.STOP_LIMIT
    return OrderType.MARKET if report.limit_price is None else OrderType.LIMIT


def role_of_leg(report: OrderReport) -> OrderRole:
    return OrderRole.STOP_LOSS if plainest_type(report) in _STOPS else OrderRole.TAKE_PROFIT


def _take_leg(free: list[Order], report: OrderReport) -> Order | None:
    """The leg row without a broker's id that this is, taken out of `free`."""
    role = role_of_leg(report)
    for leg in free:
        if leg.role == role and _is_side(leg, report):
            free.remove(leg)
            return leg
    return None


class _Finder:
    def __init__(self, account_id: UUID, told: Sequence[Told]) -> None:
        self.account_id = account_id
        self.by_broker_id = self._by("broker_order_id", [one.report.broker_order_id for one in told])
        missing = [one.report for one in told if one.report.broker_order_id not in self.by_broker_id]
        self.by_client_id = self._by("client_order_id", [report.client_order_id for report in missing])
        self.free_legs = self._legs_without_ids(missing)

    def find(self, one: Told) -> Order | None:
        report = one.report
        found = self.by_broker_id.get(report.broker_order_id)
        if found is None:
            named = self.by_client_id.get(report.client_order_id)
            found = named if named is not None and _may_be(named, report) else self._leg(one)
        if found is not None and report.broker_order_id:
            self.by_broker_id[report.broker_order_id] = found
        return found

    def may_be_on_its_way(self, report: OrderReport) -> bool:
        """Whether it may be a leg of an order whose sender has not heard the broker's answer yet."""
        return any(
            leg.parent is not None
            and not leg.parent.broker_order_id
            and leg.parent.status in _ON_THEIR_WAY
            and (leg.symbol, leg.quantity) == (report.symbol, report.quantity)
            and _is_side(leg, report)
            for leg in self.free_legs
        )

    def _by(self, column: str, ids: Iterable[str]) -> dict[str, Order]:
        wanted = {one for one in ids if one}
        if not wanted:
            return {}
        given = {"account": self.account_id, "ids": list(wanted)}
        return {getattr(row, column): row for row in models_of(Order, _NAMED.format(column=column), given)}

    def _legs_without_ids(self, missing: Sequence[OrderReport]) -> list[Order]:
        unknown = [report for report in missing if report.client_order_id not in self.by_client_id]
        if not unknown:
            return []
        symbols = {report.symbol for report in unknown}
        mine = Order.objects.filter(account_id=self.account_id, parent__isnull=False, symbol__in=symbols)
        legs = mine.filter(broker_order_id="", done_at=None)
        return list(legs.select_related("parent").order_by("created_at", "id"))

    def _leg(self, one: Told) -> Order | None:
        parent = one.parent and self.by_broker_id.get(one.parent.broker_order_id)
        if parent:
            mine = [leg for leg in self.free_legs if leg.parent_id == parent.pk]
            found = _take_leg(mine, one.report)
        else:
            found = self._lonely_leg(one.report)
        if found is not None:
            self.free_legs.remove(found)
        return found

    def _lonely_leg(self, report: OrderReport) -> Order | None:
        """A leg told of without its parent: only where no other leg could be meant."""
        role = role_of_leg(report)
        price = (report.stop_price, report.limit_price)
        fits = [
            leg
            for leg in self.free_legs
            if leg.parent is not None
            and leg.parent.broker_order_id
            and (leg.symbol, leg.role) == (report.symbol, role)
            and _is_side(leg, report)
            and (leg.quantity, leg.stop_price, leg.limit_price) == (report.quantity, *price)
        ]
        return fits[0] if len(fits) == 1 else None


def _may_be(order: Order, report: OrderReport) -> bool:
    """Whether an order found by our own id may be bound to this report: not to a second broker order."""
    if order.broker_order_id and order.broker_order_id != report.broker_order_id:
        return False
    return is_same_order(order, report)


def has_legs(order: Order) -> bool:
    return order.order_class != OrderClass.SIMPLE and order.parent_id is None
