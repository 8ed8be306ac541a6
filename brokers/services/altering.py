"""Changing a part of a connection at once: its name, its keys, its account, whether it is used."""

from collections.abc import Mapping
from dataclasses import dataclass

from accounts.models import TradingAccount
from brokers.models import BrokerConnection
from brokers.services.connections import (
    connection_disable,
    connection_enable,
    connection_reconnect,
    connection_rename,
)
from brokers.services.errors import ConnectionRefusal
from brokers.services.linking import connection_link

DISABLED_BY_TRADER = "You disabled it."


@dataclass(frozen=True, slots=True)
class ConnectionChange:
    """What shall be different; None stays as it is. Whatever asks the broker comes alone or with a name."""

    label: str | None = None
    credentials: Mapping[str, str] | None = None
    account: TradingAccount | None = None
    is_active: bool | None = None

    @property
    def asked(self) -> list[str]:
        """The fields that are more than a name."""
        return [name for name in ("credentials", "account", "is_active") if getattr(self, name) is not None]


def connection_alter(*, connection: BrokerConnection, change: ConnectionChange) -> None:
    """Change only what is named; the broker is asked first, so that a refusal leaves everything as it was.

    `connection` is as the caller read it. Raises ConnectionRefusal (stale where it was renamed meanwhile), VaultError
    and Http404.
    """
    if len(change.asked) > 1:
        raise ConnectionRefusal("alone", "Send this in a request of its own.", change.asked[-1])
    seen = connection.label
    if change.credentials is not None:
        connection_reconnect(connection=connection, credentials=dict(change.credentials))
    if change.account is not None and connection.account_id != change.account.pk:
        connection_link(connection=connection, account=change.account)
    if change.is_active is not None and change.is_active != connection.is_active:
        _turn(connection, to_active=change.is_active)
    if change.label is not None:
        connection_rename(connection=connection, label=change.label, seen=seen)


def _turn(connection: BrokerConnection, *, to_active: bool) -> None:
    if to_active:
        connection_enable(connection=connection)
    else:
        connection_disable(connection=connection, reason=DISABLED_BY_TRADER)
