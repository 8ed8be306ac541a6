"""Through which connection an account's orders leave, and what its market shows. The market uses the network: it is
read before a transaction begins, never inside one."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache
from uuid import UUID

from django.http import Http404

from accounts.models import RiskPolicy, TradingAccount, User
from brokers.base import Capabilities, ClockReport
from brokers.errors import BrokerError, Unsupported
from brokers.models import BrokerConnection, Quote
from brokers.registry import capabilities_of
from brokers.selectors import quote_latest
from brokers.services.clock import clock_by_calendar, clock_of, is_silent, silence_note
from brokers.services.quotes import quote_age, quote_fetch
from brokers.vault import VaultError
from trades.models import AssetClass
from trenddojo.domain.order_risk import QuoteState
from trenddojo.domain.orders import OrderError
from trenddojo.statements import columns_of, made_from, rows_of

# A quote that was asked for this lately is not asked for again: the ticket's preview has just done so.
FRESH = timedelta(seconds=15)
# A broker whose clock is further away than this has a time of its own, as an exchange that replays last week.
OWN_TIME = timedelta(minutes=1)
BY_HAND = "This account places no orders: record your fills by hand, or connect it to a broker first."


@dataclass(frozen=True, slots=True)
class Desk:
    """An account that can place orders, with what its broker can do."""

    account: TradingAccount
    connection: BrokerConnection
    capabilities: Capabilities


@dataclass(frozen=True, slots=True)
class Market:
    """The market's clock and the newest quote, None where there is none; and how many orders wait before a new one."""

    clock: ClockReport
    quote: Quote | None
    now: datetime
    waiting: int = 0

    def quote_state(self) -> QuoteState | None:
        """The quote with its age by the market's own clock."""
        if self.quote is None:
            return None
        age = quote_age(self.quote, self.clock.now if has_own_time(self.clock, self.now) else self.now)
        return QuoteState(self.quote.bid, self.quote.ask, Decimal(str(round(age.total_seconds(), 3))))


def desk_of(owner: User, account_id: UUID) -> Desk:
    """The owner's account and its connection.

    Raises Http404, and OrderError where no order can leave: kept by hand, archived, or its connection disabled.
    """
    return _desk(owner, _account(owner, account_id))


def desk_locked(owner: User, account_id: UUID) -> Desk:
    """As desk_of, with the account's row locked to the end of the transaction."""
    return _desk(owner, _account(owner, account_id, " FOR UPDATE OF a"))


_ACCOUNT = """
SELECT {account}, {policy}, {connection} FROM accounts a
LEFT JOIN risk_policies p ON p.account_id = a.id LEFT JOIN broker_connections c ON c.account_id = a.id
WHERE a.id = %(account)s AND a.owner_id = %(owner)s
"""


@cache
def _statement() -> str:
    tables = {"account": (TradingAccount, "a"), "policy": (RiskPolicy, "p"), "connection": (BrokerConnection, "c")}
    return _ACCOUNT.format(**{name: columns_of(*given) for name, given in tables.items()})


def _account(owner: User, account_id: UUID, lock: str = "") -> TradingAccount | None:
    """The account with its policy and its connection."""
    for columns in rows_of(_statement() + lock, {"account": account_id, "owner": owner.pk}):
        row = iter(columns)
        account = made_from(row, TradingAccount)
        for name, model in (("risk_policy", RiskPolicy), ("connection", BrokerConnection)):
            TradingAccount._meta.get_field(name).set_cached_value(account, made_from(row, model))
        return account
    return None


def _desk(owner: User, account: TradingAccount | None) -> Desk:
    if account is None:
        raise Http404
    connection: BrokerConnection | None = getattr(account, "connection", None)
    if connection is None:
        raise OrderError("places_no_orders", BY_HAND, "account")
    if account.is_archived:
        raise OrderError("archived", "This account is archived: choose another one.", "account")
    if not connection.is_active:
        raise OrderError("connection_disabled", "The connection is disabled: reconnect it first.", "account")
    try:
        capabilities = capabilities_of(connection.broker)
    except Unsupported as problem:
        raise OrderError("places_no_orders", problem.sentence, "account") from problem
    if not capabilities.places_orders:
        raise OrderError("places_no_orders", BY_HAND, "account")
    account.owner, connection.account = owner, account
    return Desk(account, connection, capabilities)


def market_of(desk: Desk, symbol: str, asset_class: str, *, now: datetime) -> Market:
    """The clock and the quote to judge an order by; uses the network. A broker that cannot say leaves what is kept."""
    return replace(clock_at(desk, asset_class, now=now), quote=_quote(desk, symbol, now))


def clock_at(desk: Desk, asset_class: str, *, now: datetime) -> Market:
    """The market without a quote: an exit needs none. Uses the network."""
    if asset_class == AssetClass.CRYPTO:
        return Market(clock_by_calendar("24/7", now), None, now)
    try:
        clock = clock_of(desk.connection, exchange=desk.account.exchange, now=now)
    except VaultError:
        clock = clock_by_calendar(desk.account.exchange, now)
    return Market(clock, None, now)


def has_own_time(clock: ClockReport, now: datetime) -> bool:
    return abs(clock.now - now) > OWN_TIME


def _quote(desk: Desk, symbol: str, now: datetime) -> Quote | None:
    kept = quote_latest(desk.connection.feed, symbol)
    if not desk.capabilities.quotes or (kept is not None and now - kept.received_at < FRESH):
        return kept
    if is_silent(desk.connection):
        return kept
    try:
        return quote_fetch(desk.connection, symbol)
    except BrokerError as error:
        silence_note(desk.connection, error)
    except VaultError:
        pass
    return kept
