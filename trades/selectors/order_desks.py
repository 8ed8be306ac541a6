"""The accounts an order can be written for, each with what its broker can do."""

from collections.abc import Sequence
from dataclasses import dataclass

from accounts.models import TradingAccount, User
from accounts.selectors import accounts_in_use
from brokers.base import Capabilities
from brokers.errors import Unsupported
from brokers.models import BrokerConnection
from brokers.registry import capabilities_of
from trades.models import Order
from trenddojo.domain.order_state import UNSENT
from trenddojo.domain.orders import OrderClass, TimeInForce

# Brokers put one of these in the place of the other, and of no third.
REPLACEABLE = frozenset({TimeInForce.DAY, TimeInForce.GTC})


@dataclass(frozen=True, slots=True)
class OrderDesk:
    account: TradingAccount
    connection: BrokerConnection
    capabilities: Capabilities


def order_desks(owner: User) -> list[OrderDesk]:
    """The owner's connected accounts whose broker takes orders. One query."""
    connected = accounts_in_use(owner).filter(connection__isnull=False).select_related("connection", "risk_policy")
    found = [_desk(account) for account in connected]
    return [desk for desk in found if desk is not None]


def desk_chosen(desks: Sequence[OrderDesk], account_id: str) -> OrderDesk | None:
    """The one asked for, else the first; None where there is none."""
    return next((desk for desk in desks if str(desk.account.pk) == account_id), desks[0] if desks else None)


def times_offered(order: Order) -> list[str]:
    """How long an order may work instead: any of its broker's times while it is here, else what brokers replace.

    Orders with exits, and parts of a share, keep theirs.
    """
    if order.connection is None or order.order_class != OrderClass.SIMPLE or order.parent_id is not None:
        return []
    try:
        can = capabilities_of(order.connection.broker)
    except Unsupported:
        return []
    if order.quantity % 1 or not can.replaces:
        return []
    times = can.times_in_force if order.status in UNSENT else can.times_in_force & REPLACEABLE
    return [time.value for time in times] if order.time_in_force in times else []


def _desk(account: TradingAccount) -> OrderDesk | None:
    try:
        capabilities = capabilities_of(account.connection.broker)
    except Unsupported:
        return None
    return OrderDesk(account, account.connection, capabilities) if capabilities.places_orders else None
