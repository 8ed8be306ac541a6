"""A ready connection for a single-user desk, from keys in the server's own environment."""

import uuid

from django.conf import settings

from accounts.models import Broker, TradingAccount, User
from brokers import registry, vault
from brokers.models import BrokerConnection
from brokers.services.connections import NewAccount, connection_create, connection_reconnect
from brokers.services.errors import ConnectionRefusal

# Broker -> the settings its credential fields come from.
KEYS = {
    Broker.ALPACA: {"api_key": "ALPACA_API_KEY", "secret_key": "ALPACA_SECRET_KEY"},
    Broker.SIMULATOR: {"api_key": "SIMULATOR_API_KEY", "secret_key": "SIMULATOR_SECRET_KEY"},
}


def connection_from_env(*, user: User, broker: str) -> BrokerConnection:
    """Connect the user with the keys of the settings, in DEFAULT_BROKER_MODE, and open an account for it.

    Run again it finds the connection it made, with new keys where they have changed. Raises ConnectionRefusal.
    """
    names = KEYS[Broker(broker)]
    credentials = {field: str(getattr(settings, name)) for field, name in names.items()}
    if not all(credentials.values()):
        raise ConnectionRefusal("no_keys", f"Set {' and '.join(names.values())} first.")
    is_paper = settings.DEFAULT_BROKER_MODE == "paper" or registry.spec_of(broker).is_always_paper
    key = uuid.uuid5(user.pk, f"{broker}:{'paper' if is_paper else 'live'}:from-env")
    if found := BrokerConnection.objects.filter(pk=key, user=user).first():
        return _renewed(found, credentials)
    label = registry.spec_of(broker).label
    return connection_create(
        user=user,
        broker=broker,
        label=label,
        is_paper=is_paper,
        credentials=credentials,
        account=NewAccount(_free_name(user, f"{label} paper" if is_paper else label)),
        creation_key=key,
    )


def _renewed(connection: BrokerConnection, credentials: dict[str, str]) -> BrokerConnection:
    try:
        is_same = vault.unseal(connection.credentials, row_id=connection.pk) == credentials
    except vault.VaultError:
        is_same = False
    if not (is_same and connection.is_active):
        connection_reconnect(connection=connection, credentials=credentials)
    return connection


def _free_name(user: User, wanted: str) -> str:
    taken = {name.lower() for name in TradingAccount.objects.filter(owner=user).values_list("name", flat=True)}
    names = [wanted, *(f"{wanted} {number}" for number in range(2, len(taken) + 3))]
    return next(name for name in names if name.lower() not in taken)
