"""The accounts an order can be written for, each with what its broker can do."""

from collections.abc import Sequence
from dataclasses import dataclass

from accounts.models import TradingAccount, User
from accounts.selectors import accounts_in_use
from brokers.base import Capabilities
from brokers.errors import Unsupported
from brokers.models import BrokerConnection
from brokers.registry import capabilities_of


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


def _desk(account: TradingAccount) -> OrderDesk | None:
    try:
        capabilities = capabilities_of(account.connection.broker)
    except Unsupported:
        return None
    return OrderDesk(account, account.connection, capabilities) if capabilities.places_orders else None
