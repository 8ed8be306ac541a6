"""Pages of orders and of the statement."""

from collections.abc import Callable, Iterator

from brokers.simulator.engine.sessions import new_york_day
from brokers.simulator.engine.state import Account, State
from brokers.simulator.engine.types import LISTED_OPEN, Activity, ActivityQuery, Order, OrderQuery

STATUSES: dict[str, Callable[[Order], bool]] = {
    "open": lambda order: order.status in LISTED_OPEN,
    "closed": lambda order: order.is_done,
    "all": lambda _: True,
}


def orders(state: State, account: Account, query: OrderQuery) -> list[Order]:
    """The orders asked for, by the time they were submitted, then by their place in the queue."""
    found = [order for order in _candidates(state, account, query) if _fits(order, query)]
    if query.nested:
        shown = {order.id for order in found}
        found = [order for order in found if order.parent_id not in shown]
    found.sort(key=lambda order: order.sequence, reverse=query.direction == "desc")
    return found[: query.limit]


def activities(account: Account, query: ActivityQuery) -> list[Activity]:
    """The page after the line the token names; the first page when it names none of the lines."""
    lines = [line for line in account.activities if _matches(line, query)]
    if query.direction == "desc":
        lines.reverse()
    start = next((place + 1 for place, line in enumerate(lines) if line.id == query.page_token), 0)
    return lines[start : start + query.page_size]


def _candidates(state: State, account: Account, query: OrderQuery) -> Iterator[Order]:
    ids = account.open_ids if query.status == "open" else account.order_ids
    after, before = (state.memory.orders.get(each or "") for each in (query.after_order_id, query.before_order_id))
    for order in map(state.memory.orders.__getitem__, ids):
        is_late_enough = after is None or order.sequence > after.sequence
        if is_late_enough and (before is None or order.sequence < before.sequence):
            yield order


def _fits(order: Order, query: OrderQuery) -> bool:
    if not STATUSES[query.status](order):
        return False
    if query.symbols and order.symbol not in query.symbols:
        return False
    if query.side is not None and order.side is not query.side:
        return False
    if query.after is not None and order.submitted_at <= query.after:
        return False
    return query.until is None or order.submitted_at < query.until


def _matches(line: Activity, query: ActivityQuery) -> bool:
    if query.types and line.type not in query.types:
        return False
    if query.day is not None and new_york_day(line.at) != query.day:
        return False
    if query.after is not None and line.at <= query.after:
        return False
    return query.until is None or line.at < query.until
