"""Everything that needs a trader's eyes, each with what is known of it: the one list the page, its count and the sweep
that tells of it are made from."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import F, Window
from django.db.models.functions import RowNumber

from accounts.models import TradingAccount, User
from accounts.selectors import accounts_in_use
from brokers.models import BrokerCall
from brokers.selectors import Block, blocks_of, calls_failed
from brokers.services.altering import DISABLED_BY_TRADER
from trades.models import Fill, MatterLook, Order
from trades.models.order import AT_BROKER
from trades.selectors.freshness import Heard, connections_heard, told
from trades.selectors.matter_words import KINDS, Words
from trades.selectors.order_story import StoryEntry, latest_entries
from trades.selectors.positions import PositionLine, positions_compared
from trades.selectors.stuck import orders_ended_oddly, orders_working_oddly
from trenddojo.domain.order_state import OrderState
from trenddojo.domain.reconciliation import PositionState

# An entry's stop may follow it a moment later.
STOP_FOLLOWS_WITHIN = timedelta(minutes=2)
# The evidence shown with a matter: so many of an order's last steps and calls, so many executions in a symbol.
STEPS, FILLS = 6, 4
# More than this nobody reads at once; the rest follows as these are resolved.
MOST = 100
_ON_THEIR_WAY = (OrderState.SUBMITTING, OrderState.IN_DOUBT)


@dataclass(frozen=True, slots=True)
class Matter:
    """One thing to look at: an order, a position or a connection.

    `key` names it for good, `state` digests how it stands: what was looked at counts again when that changes.
    """

    kind: str
    key: str
    state: str
    account: TradingAccount
    since: datetime | None = None
    order: Order | None = None
    line: PositionLine | None = None
    heard: Heard | None = None
    block: Block | None = None
    looked_at: datetime | None = None
    entries: Sequence[StoryEntry] = ()
    fills: Sequence[Fill] = ()
    calls: Sequence[BrokerCall] = ()

    @property
    def words(self) -> Words:
        return KINDS[self.kind]

    @property
    def symbol(self) -> str | None:
        """What is traded; None where it is about a connection."""
        about = self.order or self.line
        return about.symbol if about is not None else None

    @property
    def connection_id(self) -> UUID | None:
        if self.order is not None:
            return self.order.connection_id
        connection = self.line.connection if self.line is not None else self.heard.connection if self.heard else None
        return connection.pk if connection is not None else None

    @property
    def detail(self) -> str:
        """What the broker said last of it."""
        if self.block is not None:
            return self.block.sentence
        if self.order is not None:
            return self.order.reason_detail
        return self.heard.connection.last_error if self.heard is not None else ""


@dataclass(frozen=True, slots=True)
class Matters:
    """`waiting` are to be looked at; `looked` were, and have not changed since. `at`: when this was read."""

    at: datetime
    waiting: list[Matter] = field(default_factory=list)
    looked: list[Matter] = field(default_factory=list)
    # The connections whose words this rests on.
    heard: list[Heard] = field(default_factory=list)
    # Positions that are no matter yet: their stop may follow; they differ while an order for them is on its way.
    stops_awaited: int = 0
    settling: int = 0


@dataclass(frozen=True, slots=True)
class _Positions:
    """The matters among the positions, and how many may be one in a moment."""

    matters: Sequence[Matter] = ()
    stops_awaited: int = 0
    settling: int = 0


def matters_of(owner: User, *, now: datetime) -> Matters:
    """What needs the owner's eyes now, the most pressing first, without its evidence; a fixed number of queries."""
    accounts = list(accounts_in_use(owner))
    heard = connections_heard(accounts, now=now)
    orders, positions = _of_orders(accounts, now), _of_positions(owner, accounts, now)
    found = [
        *orders,
        *positions.matters,
        *_of_connections(accounts, heard),
        *_of_blocks(accounts, heard),
    ]
    looks = {(look.key, look.state): look.at for look in MatterLook.objects.filter(owner=owner)}
    found = [replace(one, looked_at=looks.get((one.key, one.state))) for one in found]
    return Matters(
        at=now,
        waiting=[one for one in found if one.looked_at is None],
        looked=[one for one in found if one.looked_at is not None],
        heard=heard,
        stops_awaited=positions.stops_awaited,
        settling=positions.settling,
    )


def evidenced(matters: Sequence[Matter]) -> list[Matter]:
    """The same with the last steps and calls of their orders, the last executions of their positions, and the calls to
    their brokers that failed."""
    entries = latest_entries((one.order.pk for one in matters if one.order is not None), most=STEPS)
    fills = _fills_of([one.line for one in matters if one.line is not None])
    return [
        replace(
            one,
            entries=entries[one.order.pk] if one.order is not None else (),
            fills=fills.get((one.line.account.pk, one.line.symbol), ()) if one.line is not None else (),
        )
        for one in with_calls(matters)
    ]


def with_calls(matters: Sequence[Matter]) -> list[Matter]:
    """The same; those about a connection that fails have the calls that failed there."""
    failing = {one.key: one.heard.connection.pk for one in matters if one.heard is not None and one.block is None}
    calls = calls_failed(failing.values())
    return [replace(one, calls=calls.get(failing[one.key], ())) if one.key in failing else one for one in matters]


def is_bare(line: PositionLine, now: datetime) -> bool:
    """Whether no stop works for a position at a broker, and none is still to follow its entry."""
    if line.state is not PositionState.UNPROTECTED or line.trade is None or line.trade.entry_date is None:
        return False
    return line.connection is not None and line.trade.entry_date < now - STOP_FOLLOWS_WITHIN


def _of_orders(accounts: Sequence[TradingAccount], now: datetime) -> list[Matter]:
    by_key = {account.pk: account for account in accounts}
    related = ("account", "connection", "owner")
    working = orders_working_oddly(now).filter(account__in=by_key).select_related(*related).order_by("created_at")
    ended = orders_ended_oddly(now).filter(owner__in={account.owner_id for account in accounts})
    ended = ended.filter(account__in=by_key).select_related(*related).order_by("-done_at")
    return [_of_order(order, by_key[order.account_id]) for order in (*working[:MOST], *ended[:MOST])]


def _of_order(order: Any, account: TradingAccount) -> Matter:
    since = {
        "in_doubt": order.doubted_at,
        "sending": order.claimed_at,
        "cancel": order.cancel_asked_at,
        "change": getattr(order, "change_asked_at", None),
        "unknown_status": order.reported_at,
        "unsent": order.send_after or order.created_at,
        "queued": order.send_after,
    }.get(order.matter, order.done_at)
    stands = {
        "in_doubt": order.cancel_asked_at,
        "change": (order.pending_change or {}).get("client_order_id"),
        "unknown_status": order.raw_status,
    }.get(order.matter, "")
    # One that is tried again and again is so each time from a later moment on.
    stands_since = "" if order.matter == "unsent" else since
    return Matter(
        kind=order.matter,
        key=f"{order.matter}:{order.pk}",
        state=_digest(order.status, stands_since, stands),
        account=account,
        since=since,
        order=order,
    )


def _of_positions(owner: User, accounts: Sequence[TradingAccount], now: datetime) -> _Positions:
    lines = [line for line in positions_compared(owner, now=now) if line.connection is not None]
    unprotected = [line for line in lines if line.state is PositionState.UNPROTECTED]
    bare = [line for line in unprotected if is_bare(line, now)]
    odd = [line for line in lines if line.state in (PositionState.DRIFT, PositionState.EXTERNAL)]
    moving = _moving(accounts) if odd else set()
    settled = [line for line in odd if line.is_settled and (line.account.pk, line.symbol) not in moving]
    matters = [_of_position(line) for line in (*bare, *settled)]
    return _Positions(matters, stops_awaited=len(unprotected) - len(bare), settling=len(odd) - len(settled))


def _moving(accounts: Sequence[TradingAccount]) -> set[tuple[UUID, str]]:
    """What an order is on its way for: its position may be another by now."""
    on_their_way = Order.objects.filter(account__in=[account.pk for account in accounts], status__in=_ON_THEIR_WAY)
    return set(on_their_way.values_list("account_id", "symbol"))


def _of_position(line: PositionLine) -> Matter:
    kind = line.state.value
    stands = (line.quantity, line.journal_quantity, line.stop_quantity)
    return Matter(
        kind=kind,
        key=f"{kind}:{line.account.pk}:{line.symbol}",
        state=_digest(*(f"{number.normalize():f}" for number in stands)),
        account=line.account,
        since=line.trade.entry_date if line.trade is not None and kind == "unprotected" else None,
        line=line,
    )


def _of_connections(accounts: Sequence[TradingAccount], heard: Sequence[Heard]) -> list[Matter]:
    by_key = {account.pk: account for account in accounts}
    return [_of_connection(one, by_key[one.connection.account_id]) for one in told(heard) if _needs_eyes(one)]


def _needs_eyes(heard: Heard) -> bool:
    """What a trader has switched off themselves is no matter while nothing of theirs works there."""
    if not heard.needs_you or heard.connection.last_error != DISABLED_BY_TRADER:
        return True
    return heard.connection.orders.filter(status__in=AT_BROKER).exists()


def _of_connection(heard: Heard, account: TradingAccount) -> Matter:
    kind = "disabled" if heard.needs_you else "failing" if heard.is_failing else "stale"
    connection = heard.connection
    return Matter(
        # One that fails is stale a little later: it stays one matter.
        kind=kind,
        key=f"connection:{connection.pk}",
        state=_digest("disabled" if heard.needs_you else "silent", connection.last_sync),
        account=account,
        since=connection.last_error_at if heard.needs_you else heard.at,
        heard=heard,
    )


def _of_blocks(accounts: Sequence[TradingAccount], heard: Sequence[Heard]) -> list[Matter]:
    """Accounts in which the broker lets nobody trade, by what it last said of them."""
    by_key = {account.pk: account for account in accounts}
    by_connection = {one.connection.pk: one for one in heard}
    return [
        Matter(
            kind="blocked",
            key=f"blocked:{key}",
            state=_digest(block.sentence, block.free_at),
            account=by_key[by_connection[key].connection.account_id],
            since=block.free_at,
            heard=by_connection[key],
            block=block,
        )
        for key, block in blocks_of(by_connection).items()
    ]


def _fills_of(lines: Sequence[PositionLine]) -> dict[tuple[UUID, str], list[Fill]]:
    """The last executions of each position, the newest first."""
    if not lines:
        return {}
    place = Window(
        RowNumber(), partition_by=[F("account_id"), F("trade__symbol")], order_by=[F("executed_at").desc(), F("id")]
    )
    accounts, symbols = {line.account.pk for line in lines}, {line.symbol for line in lines}
    found = Fill.objects.filter(account__in=accounts, trade__symbol__in=symbols).annotate(
        place=place, symbol=F("trade__symbol")
    )
    fills: dict[tuple[UUID, str], list[Fill]] = {}
    for fill in found.filter(place__lte=FILLS).order_by("-executed_at"):
        fills.setdefault((fill.account_id, fill.symbol), []).append(fill)
    return fills


def _digest(*words: object) -> str:
    return hashlib.sha256("|".join(map(str, words)).encode()).hexdigest()[:16]
