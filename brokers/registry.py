"""Which brokers there are and how to speak to them: a literal table, read on use."""

from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from importlib import import_module
from threading import Lock
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

from django.conf import settings

from brokers import http, vault
from brokers.base import BrokerAdapter, Capabilities, ConnectionSettings, CredentialField, OrderUpdate
from brokers.errors import CredentialsInvalid, Unsupported
from brokers.models import BrokerConnection
from brokers.rate_limits import ConnectionGate, Priority


@dataclass(frozen=True, slots=True)
class AdapterSpec:
    """`path` is module:class; the class is called with ConnectionSettings and a Gate and has its `capabilities`."""

    path: str
    label: str
    credential_fields: tuple[CredentialField, ...] = ()
    # The field whose last characters are shown, so that the trader knows which key it is.
    hint_field: str = ""
    # There is nothing to connect to: what is recorded was placed by hand somewhere else.
    is_connectable: bool = True
    # Connections are paper only: there is no money behind them.
    is_always_paper: bool = False
    # module:function that opens the stream of order updates; empty where the broker has none.
    stream_path: str = ""
    # What the trader who chooses reads.
    text: str = ""


ALPACA_KEYS: Final = (
    CredentialField("api_key", "Key ID", "As the broker shows it beside “API keys”.", is_secret=False),
    CredentialField("secret_key", "Secret key", "The broker shows it once, when the key is made."),
)
ALPACA_STREAM: Final = "brokers.alpaca.stream:order_updates"
ADAPTERS: Final[Mapping[str, AdapterSpec]] = {
    "manual": AdapterSpec("brokers.manual.adapter:ManualAdapter", "Manual", is_connectable=False),
    "mock": AdapterSpec(
        "brokers.mock.adapter:MockAdapter",
        "Mock broker",
        text="Inside this desk, without keys: every order fills at once. For trying things out.",
        is_always_paper=True,
    ),
    "simulator": AdapterSpec(
        "brokers.alpaca.adapter:StandInAdapter",
        "Stand-in exchange",
        ALPACA_KEYS,
        "api_key",
        is_always_paper=True,
        stream_path=ALPACA_STREAM,
        text="The exchange that runs beside this desk: prices move and orders fill as at a real one, without money.",
    ),
    "alpaca": AdapterSpec(
        "brokers.alpaca.adapter:AlpacaAdapter",
        "Alpaca",
        ALPACA_KEYS,
        "api_key",
        stream_path=ALPACA_STREAM,
        text="US stocks and crypto, paper and live, with the keys of your account there.",
    ),
}

ALPACA_PAPER: Final = "https://paper-api.alpaca.markets"
ALPACA_LIVE: Final = "https://api.alpaca.markets"
ALPACA_DATA: Final = "https://data.alpaca.markets"
MOST_ADAPTERS_KEPT: Final = 64

_kept: OrderedDict[tuple[Any, ...], BrokerAdapter] = OrderedDict()
_keeping = Lock()


def spec_of(broker: str) -> AdapterSpec:
    """Raises Unsupported for a broker without an adapter."""
    try:
        return ADAPTERS[broker]
    except KeyError:
        raise Unsupported("The desk cannot connect to this broker.", code="unknown_broker") from None


def is_connectable(broker: str) -> bool:
    """Whether the trader can connect to it here and now."""
    spec = ADAPTERS.get(broker)
    if spec is None or not spec.is_connectable:
        return False
    return broker != "simulator" or bool(settings.SIMULATOR_URL)


def capabilities_of(broker: str) -> Capabilities:
    """What the broker can do, without a connection. Raises Unsupported."""
    found: Capabilities = _adapter_class(broker).capabilities
    return found


def adapter_for(connection: BrokerConnection, *, reads: Priority = Priority.RECONCILE) -> BrokerAdapter:
    """The adapter of a connection, with its keys and its budget; `reads` is the priority of what only looks.

    What goes wrong from here on is no earlier call's doing. Raises CredentialsInvalid for a disabled connection,
    Unsupported and VaultError.
    """
    http.last_call_forget()
    if not connection.is_active:
        sentence = "The connection is disabled: reconnect it before anything is sent."
        raise CredentialsInvalid(sentence, code="connection_disabled")
    key = (connection.pk, connection.updated_at, connection.credentials, reads)
    with _keeping:
        if key in _kept:
            _kept.move_to_end(key)
            return _kept[key]
    credentials = vault.unseal(connection.credentials, row_id=connection.pk)
    adapter = adapter_from(settings_of(connection, credentials), reads=reads)
    with _keeping:
        _kept[key] = adapter
        while len(_kept) > MOST_ADAPTERS_KEPT:
            _kept.popitem(last=False)
    return adapter


def adapter_from(given: ConnectionSettings, *, reads: Priority = Priority.RECONCILE) -> BrokerAdapter:
    """An adapter from keys that are not stored (yet): to verify them. Raises Unsupported."""
    adapter: BrokerAdapter = _adapter_class(given.broker)(given, ConnectionGate(given, reads))
    return adapter


def streaming_brokers() -> list[str]:
    """The brokers that push order updates."""
    return [name for name, spec in ADAPTERS.items() if spec.stream_path]


def stream_of(given: ConnectionSettings) -> AbstractAsyncContextManager[AsyncIterator[OrderUpdate]]:
    """Open a connection's order updates. Raises CredentialsInvalid, TryLater, and Unsupported where there are none."""
    path = spec_of(given.broker).stream_path
    if not path:
        raise Unsupported("This broker does not push order updates.", code="no_stream")
    module, _, name = path.partition(":")
    opened: AbstractAsyncContextManager[AsyncIterator[OrderUpdate]] = getattr(import_module(module), name)(given)
    return opened


def settings_of(connection: BrokerConnection, credentials: dict[str, str]) -> ConnectionSettings:
    """Where the server's own configuration sends this connection: nothing of it comes from the trader."""
    base_url, data_url, stream_url = _urls(connection.broker, is_paper=connection.is_paper)
    return ConnectionSettings(
        connection_id=str(connection.pk),
        broker=connection.broker,
        is_paper=connection.is_paper,
        base_url=base_url,
        data_url=data_url,
        stream_url=stream_url,
        data_feed=settings.ALPACA_DATA_FEED,
        credentials=credentials,
    )


def _urls(broker: str, *, is_paper: bool) -> tuple[str, str, str]:
    if broker == "simulator":
        base = _plain(settings.SIMULATOR_URL)
        return base, base, _stream_of(base)
    if broker != "alpaca":
        return "", "", ""
    own = ALPACA_PAPER if is_paper else ALPACA_LIVE
    base = _plain(settings.ALPACA_BASE_URL)
    # One of Alpaca's own addresses says which kind it is for; the other kind keeps its own.
    if not base or base in {ALPACA_PAPER, ALPACA_LIVE}:
        base = own
    stream = settings.ALPACA_STREAM_URL
    if not stream or http.origin_of(stream)[1] in {http.origin_of(url)[1] for url in (ALPACA_PAPER, ALPACA_LIVE)}:
        stream = _stream_of(base)
    return base, _plain(settings.ALPACA_DATA_URL) or ALPACA_DATA, stream


def _plain(url: str) -> str:
    """Scheme and host only, as the adapter wants it: many write the version behind it."""
    return url.rstrip("/").removesuffix("/v2").rstrip("/")


def _stream_of(base: str) -> str:
    parts = urlsplit(base)
    scheme = "wss" if parts.scheme == "https" else "ws"
    return urlunsplit((scheme, parts.netloc, "/stream", "", "")) if parts.netloc else ""


def _adapter_class(broker: str) -> Any:
    module, _, name = spec_of(broker).path.partition(":")
    return getattr(import_module(module), name)
