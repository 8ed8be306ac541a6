"""Both sides of the truth, read afresh: what the exchange did, and what the desk's database says."""

from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any

from tests.fault.lab import Lab, Row
from tests.fault.traders import Trader

UNDECIDED = ("new", "queued", "submitting", "in_doubt", "cancelling")
# The exchange's word for an order, and what the desk may call it.
SAME: dict[str, tuple[str, ...]] = {
    "new": ("accepted",), "accepted": ("accepted",), "pending_new": ("accepted",), "held": ("accepted",),
    "partially_filled": ("partially_filled",), "filled": ("filled",), "canceled": ("cancelled",),
    "expired": ("expired",), "rejected": ("rejected",), "replaced": ("replaced",),
}  # fmt: skip
# While an order is in one of these, the broker need not show its legs.
WAITED_FOR = ("accepted", "partially_filled")
# Of a working order that has filled in part.
WORKS = ("new", "accepted", "held")
ORDERS = "SELECT * FROM orders WHERE account_id = %s ORDER BY created_at"
EVENTS = """
SELECT e.* FROM order_events e JOIN orders o ON o.id = e.order_id WHERE o.account_id = %s ORDER BY e.id
"""
FILLS = """
SELECT f.*, t.symbol FROM fills f JOIN trades t ON t.id = f.trade_id WHERE f.account_id = %s ORDER BY f.executed_at
"""
NOTICES = "SELECT key, created_at FROM notifications WHERE user_id = %s"
POSITIONS = "SELECT symbol, quantity FROM broker_positions WHERE connection_id = %s"
CONNECTION = "SELECT * FROM broker_connections WHERE id = %s"
# What a request's key became: what it makes is made with this id.
KEYS = "SELECT key, id FROM idempotency_keys WHERE user_id = %s"


@dataclass
class Truth:
    """Of one trader's account."""

    trader: Trader
    # At the exchange.
    theirs: dict[str, Row]
    executions: list[Row]
    positions: dict[str, Decimal]
    # In the database.
    orders: list[Row]
    events: dict[Any, list[Row]]
    fills: list[Row]
    notices: dict[str, Any]
    told_positions: dict[str, Decimal]
    connection: Row
    keys: dict[str, str]

    @cached_property
    def by_broker_id(self) -> dict[str, list[Row]]:
        return _grouped(self.orders, "broker_order_id")

    @cached_property
    def by_client_id(self) -> dict[str, list[Row]]:
        return _grouped(self.orders, "client_order_id")

    @cached_property
    def theirs_by_client_id(self) -> dict[str, list[Row]]:
        return _grouped(list(self.theirs.values()), "client_order_id")

    def told(self, order: object, word: str) -> int:
        """How many notifications about an order begin with a word."""
        return sum(key.startswith(f"order:{order}:{word}") for key in self.notices)

    def undecided(self) -> list[Row]:
        """Orders of which somebody still has to find out, or to do, something. Legs of a working order wait with it."""
        return [
            row
            for row in self.orders
            if (row["status"] in UNDECIDED or row["pending_change"] is not None) and not self._waits_for_parent(row)
        ]

    def _waits_for_parent(self, row: Row) -> bool:
        return row["status"] == "new" and self._statuses.get(row["parent_id"]) in WAITED_FOR

    @cached_property
    def _statuses(self) -> dict[Any, str]:
        return {row["id"]: row["status"] for row in self.orders}


def _grouped(rows: list[Row], name: str) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if row[name]:
            found[row[name]].append(row)
    return found


def truths(lab: Lab) -> list[Truth]:
    """The exchange first: what happens between the two readings only makes the desk know more."""
    dump = lab.control.call("dump")
    with lab.looking() as link:
        return [_truth(trader, dump[trader.exchange], link) for trader in lab.traders]


def _truth(trader: Trader, dump: Row, link: Any) -> Truth:
    def rows(statement: str, key: str) -> list[Row]:
        return list(link.execute(statement, [key]))

    events: dict[Any, list[Row]] = defaultdict(list)
    for event in rows(EVENTS, trader.account):
        events[event["order_id"]].append(event)
    return Truth(
        trader,
        theirs={order["id"]: order for order in dump["orders"]},
        executions=[line for line in dump["activities"] if line["activity_type"] == "FILL"],
        positions={line["symbol"]: _signed(line) for line in dump["positions"]},
        orders=rows(ORDERS, trader.account),
        events=events,
        fills=rows(FILLS, trader.account),
        notices={row["key"]: row["created_at"] for row in rows(NOTICES, trader.user)},
        told_positions={row["symbol"]: row["quantity"] for row in rows(POSITIONS, trader.connection)},
        connection=rows(CONNECTION, trader.connection)[0],
        keys={row["key"]: str(row["id"]) for row in rows(KEYS, trader.user)},
    )


def _signed(position: Row) -> Decimal:
    quantity = abs(Decimal(position["qty"]))
    return -quantity if position["side"] == "short" else quantity
