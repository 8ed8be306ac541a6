"""The exchange: the one door to the engine.

Time is passed in: nothing happens but in `advance`, which plays the market up to a moment, and in the requests, which
happen at the exchange's present. What happened waits in an outbox, in order, until `advance` or `drain` hands it out.
All answers are copies. How orders trade is told in `matching`, how they are tied together in `lifecycle`, what they
may cost in `funds`, what is refused in `rules` and `intake`, fees in `ledger`, splits and dividends in `corporate`.
"""

from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from decimal import ROUND_FLOOR, Decimal
from hashlib import sha256
from hmac import compare_digest
from typing import Any

from brokers.simulator.engine import changing, corporate, funds, history, intake, ledger, listing, rules, turns
from brokers.simulator.engine.catalogue import ASSETS
from brokers.simulator.engine.holdings import Position
from brokers.simulator.engine.market import Market
from brokers.simulator.engine.sessions import (
    NewYork,
    Phase,
    Sessions,
    new_york_day,
    next_open,
    phase_at,
    phase_began,
    session_due,
    sessions_between,
)
from brokers.simulator.engine.state import Account, Deed, Delays, Memory, State, snapshot, snapshots
from brokers.simulator.engine.storage import packed, unpacked
from brokers.simulator.engine.types import (
    ZERO,
    AccountReport,
    Activity,
    ActivityQuery,
    Asset,
    Bar,
    ClockReport,
    DividendRecord,
    Event,
    Order,
    OrderChanges,
    OrderDraft,
    OrderQuery,
    Outcome,
    PositionReport,
    Print,
    Quote,
    Rejection,
    Session,
    SplitRecord,
)

NINE_PLACES = Decimal("0.000000001")
WHOLE = Decimal(1)
NO_DELAY = timedelta(0)


class Exchange:
    """A stock exchange and the broker in front of it.

    `market` says the prices, `now` where its time begins, `seed` makes its identities: two exchanges with different
    seeds never share an order id, two with the same seed and the same requests are the same to the byte.
    """

    def __init__(
        self,
        market: Market,
        *,
        now: datetime,
        seed: str = "0",
        sessions: Sessions | None = None,
        memory: Memory | None = None,
    ) -> None:
        calendar = sessions or NewYork()
        began = Memory(now=now, seed=seed, phase=phase_at(calendar, now), phase_since=phase_began(calendar, now))
        self._state = State(memory or began, market, calendar)

    # -- time ---------------------------------------------------------------------------------------------------------

    @property
    def now(self) -> datetime:
        return self._state.now

    @property
    def market(self) -> Market:
        return self._state.market

    def advance(self, to: datetime) -> list[Event]:
        """Play everything after the present up to and including `to`; hand out what happened since the last call.

        At one moment the quotes come first, then the clock (close, then open), then what was put off until then. The
        result does not depend on how the way is cut into calls. A `to` in the past changes nothing.
        """
        turns.advance(self._state, to)
        return self.drain()

    def drain(self) -> list[Event]:
        """What happened since the last call, without moving time: the updates of the requests just made."""
        events, self._state.outbox = self._state.outbox, []
        return events

    def watch(self, symbols: Iterable[str]) -> None:
        """From now on `advance` hands out quotes, trades and minute bars of exactly these symbols."""
        self._state.memory.watched = sorted(set(symbols))

    def set_delays(
        self, *, route: timedelta = NO_DELAY, cancel: timedelta = NO_DELAY, replace: timedelta = NO_DELAY
    ) -> None:
        """How long an order stays pending_new, pending_cancel or pending_replace before it takes effect."""
        self._state.memory.delays = Delays(route=route, cancel=cancel, replace=replace)

    def clock(self) -> ClockReport:
        state = self._state
        is_open = state.phase is Phase.REGULAR
        due = session_due(state.sessions, state.now)
        return ClockReport(state.now, is_open, next_open(state.sessions, state.now), due.close)

    def calendar(self, start: date, end: date) -> list[Session]:
        """The sessions from `start` to `end`, both included."""
        return sessions_between(self._state.sessions, start, end)

    # -- accounts -----------------------------------------------------------------------------------------------------

    def open_account(
        self, *, key_id: str, secret_key: str, cash: Decimal, kind: str = "margin", shorting: bool = True
    ) -> AccountReport:
        """Open an account with a deposit. `kind` is margin (2×) or cash (1×). ValueError when the key is in use."""
        if any(account.key_id == key_id for account in self._state.memory.accounts.values()):
            raise ValueError("this key id already opens an account")
        if kind not in {"margin", "cash"}:
            raise ValueError(f"an account is margin or cash, not {kind}")
        account = Account(
            id=self._state.identity("account"),
            number=f"PA{self._state.count():010d}",
            key_id=key_id,
            secret_digest=_digest(secret_key),
            kind=kind,
            is_shorting=shorting and kind == "margin",
            created_at=self.now,
            last_equity=cash,
            balance_asof=self._state.sessions.before(new_york_day(self.now)).day,
        )
        self._state.memory.accounts[account.id] = account
        ledger.pay(self._state, account, "CSD", cash, description="Deposit")
        return funds.report_account(self._state, account)

    def account_ids(self) -> list[str]:
        return list(self._state.memory.accounts)

    def account_for(self, key_id: str, secret_key: str) -> str | None:
        """The id of the account these keys open, compared in constant time; None when there is none."""
        digest = _digest(secret_key)
        for account in self._state.memory.accounts.values():
            if account.key_id == key_id and compare_digest(account.secret_digest, digest):
                return account.id
        return None

    def change_keys(self, account_id: str, *, key_id: str, secret_key: str) -> None:
        """Give the account new keys; the old ones stop to work."""
        account = self._account(account_id)
        account.key_id = key_id
        account.secret_digest = _digest(secret_key)

    def account_report(self, account_id: str) -> AccountReport:
        return funds.report_account(self._state, self._account(account_id))

    def block_trading(self, account_id: str) -> None:
        self._account(account_id).is_blocked = True

    def unblock_trading(self, account_id: str) -> None:
        self._account(account_id).is_blocked = False

    def transfer(self, account_id: str, amount: Decimal, *, type: str = "CSD") -> Activity:  # noqa: A002 - the wire's
        """Book cash in (positive) or out (negative) as CSD, CSW or JNLC."""
        return ledger.pay(self._state, self._account(account_id), type, amount)

    def activities(self, account_id: str, query: ActivityQuery) -> list[Activity]:
        """One page of the statement: FILL, FEE, DIV, SPLIT, CSD, CSW, JNLC."""
        return listing.activities(self._account(account_id), query)

    # -- orders -------------------------------------------------------------------------------------------------------

    def submit(self, account_id: str, draft: OrderDraft) -> Order:
        """Accept an order and return it as accepted: `pending_new`, or `accepted` while its market is closed.

        It is routed and matched before the call returns (unless a delay is set); that shows in the outbox and in
        `order`, not in the order returned, as with Alpaca. Raises Rejection; nothing is changed then.
        """
        return intake.submit(self._state, self._account(account_id), draft)

    def cancel(self, account_id: str, order_id: str) -> None:
        """Ask to cancel. Raises Rejection 404 for an unknown order, 422 for one that can no longer be cancelled."""
        changing.cancel(self._state, self._own(account_id, order_id))

    def cancel_all(self, account_id: str) -> list[Outcome]:
        """Ask to cancel every open order; those that go with another of their group are not named."""
        return changing.cancel_all(self._state, self._account(account_id))

    def replace(self, account_id: str, order_id: str, changes: OrderChanges) -> Order:
        """Replace a working order by a new one, which is returned; the two name each other. Raises Rejection."""
        old = self._own(account_id, order_id)
        return changing.replace_order(self._state, self._account(account_id), old, changes)

    def order(self, account_id: str, order_id: str) -> Order:
        """Raises Rejection 404."""
        return snapshot(self._own(account_id, order_id))

    def order_by_client_id(self, account_id: str, client_order_id: str) -> Order:
        """Raises Rejection 404."""
        order_id = self._account(account_id).client_ids.get(client_order_id)
        if order_id is None:
            raise rules.not_found(f"order not found for {client_order_id}")
        return self.order(account_id, order_id)

    def orders(self, account_id: str, query: OrderQuery) -> list[Order]:
        """The orders asked for. Nested: a leg whose parent is in the answer is left to `legs` of its parent."""
        return snapshots(listing.orders(self._state, self._account(account_id), query))

    def legs(self, order: Order) -> list[Order]:
        return snapshots(self._state.legs(order))

    def place_external(self, account_id: str, draft: OrderDraft) -> Order:
        """An order made elsewhere on the same account (the broker's own page): it gets an id of the broker's making."""
        return self.submit(account_id, draft)

    # -- positions ----------------------------------------------------------------------------------------------------

    def positions(self, account_id: str) -> list[PositionReport]:
        account = self._account(account_id)
        held = funds.held_by_symbol(self._state, account)
        return [self._report(position, held) for position in account.positions.values()]

    def position(self, account_id: str, symbol_or_asset_id: str) -> PositionReport:
        """Raises Rejection 404."""
        account = self._account(account_id)
        asset = intake.find_asset(self._state, symbol_or_asset_id)
        if asset is None or asset.symbol not in account.positions:
            raise rules.not_found("position does not exist")
        held = funds.held_by_symbol(self._state, account)
        return self._report(account.positions[asset.symbol], held)

    def close_position(
        self, account_id: str, symbol_or_asset_id: str, *, qty: Decimal | None = None, percentage: Decimal | None = None
    ) -> Order:
        """Submit a market day order against the position, or against part of it (percentage 0–100). Raises Rejection.

        A percentage of whole shares is rounded down to whole shares.
        """
        report = self.position(account_id, symbol_or_asset_id)
        held = abs(report.qty)
        wanted = held if qty is None else qty
        if percentage is not None:
            step = NINE_PLACES if held % 1 else WHOLE
            wanted = (held * percentage / 100).quantize(step, ROUND_FLOOR)
        return self.submit(account_id, intake.closing_draft(report.asset.symbol, report.qty, wanted))

    def close_all(self, account_id: str, *, cancel_orders: bool = False) -> list[Outcome]:
        """Close every position; with `cancel_orders` the open orders are cancelled first."""
        if cancel_orders:
            self.cancel_all(account_id)
        return [self._closed(account_id, symbol) for symbol in list(self._account(account_id).positions)]

    # -- market data --------------------------------------------------------------------------------------------------

    def assets(self) -> list[Asset]:
        """What the market has prices of, and what is listed but does not trade any more."""
        symbols = {symbol for symbol, asset in ASSETS.items() if not asset.tradable} | set(self.market.symbols)
        return [self.asset(symbol) for symbol in sorted(symbols)]

    def asset(self, symbol_or_asset_id: str) -> Asset:
        """Raises Rejection 404."""
        asset = intake.find_asset(self._state, symbol_or_asset_id)
        if asset is None:
            raise rules.not_found(f"asset not found for {symbol_or_asset_id}")
        return asset

    def latest_quote(self, symbol: str) -> Quote | None:
        return self.market.quote_at(symbol, self.now)

    def latest_trade(self, symbol: str) -> Print | None:
        return self.market.trade_at(symbol, self.now)

    def latest_bar(self, symbol: str) -> Bar | None:
        """The last complete minute with a trade."""
        return history.latest_minute(self._state, symbol)

    def quotes(self, symbol: str, start: datetime, end: datetime) -> Iterator[Quote]:
        """Those from `start` to `end`, both included, lazily and in order of time; never beyond the present."""
        return (item for item in history.items(self._state, symbol, start, end) if isinstance(item, Quote))

    def trades(self, symbol: str, start: datetime, end: datetime) -> Iterator[Print]:
        """Those from `start` to `end`, both included, lazily and in order of time; never beyond the present."""
        return (item for item in history.items(self._state, symbol, start, end) if isinstance(item, Print))

    def bars(
        self, symbol: str, timeframe: str, start: datetime, end: datetime, *, adjustment: str = "raw"
    ) -> list[Bar]:
        """Bars that begin from `start` to `end`, made of what is complete by now; `timeframe` as 1Min, 15Min, 1Hour,
        1Day, 1Week, 1Month. The last may still grow.

        `adjustment` is raw or split. Raises ValueError for a timeframe that does not exist.
        """
        return history.bars(self._state, symbol, timeframe, start, end, is_adjusted=adjustment != "raw")

    def splits(self) -> list[SplitRecord]:
        """All that have happened, oldest first."""
        return [SplitRecord(one.symbol, one.factor, one.at) for one in self._state.memory.scalings if one.is_split]

    def dividends(self) -> list[DividendRecord]:
        """All that were paid, oldest first."""
        return [DividendRecord(one.symbol, one.amount, one.at) for one in self._state.memory.payouts]

    # -- what the control port does -----------------------------------------------------------------------------------

    def fill_late(self, account_id: str, order_id: str) -> None:
        """Let a cancelled order have filled before its cancellation arrived. Raises Rejection."""
        changing.fill_late(self._state, self._own(account_id, order_id))

    def halt(self, symbol: str) -> None:
        """Stop trading in a symbol: quotes go on, nothing fills. New orders wait."""
        turns.halt(self._state.current_book(symbol))

    def resume(self, symbol: str) -> None:
        turns.resume(self._state, self._state.current_book(symbol))

    def is_halted(self, symbol: str) -> bool:
        return self._state.book(symbol).is_halted

    def split(self, symbol: str, ratio: Decimal, *, at: datetime | None = None) -> None:
        """`ratio` new shares for one old, now or at a later moment. ValueError unless it is positive."""
        if ratio <= ZERO:
            raise ValueError("a split's ratio is above zero")
        self._schedule(Deed.SPLIT, symbol, ratio, at)

    def dividend(self, symbol: str, amount: Decimal, *, at: datetime | None = None) -> None:
        """Pay `amount` dollars a share to who holds it (shorts pay), now or at a later moment."""
        self._schedule(Deed.DIVIDEND, symbol, amount, at)

    def move(self, symbol: str, factor: Decimal) -> None:
        """Put a synthetic symbol's price at `factor` times what it would be, from now on. ValueError when not positive.

        Recorded prices stay as they are.
        """
        if factor <= ZERO:
            raise ValueError("a price moves by a factor above zero")
        corporate.move(self._state, symbol, factor)

    # -- keeping ------------------------------------------------------------------------------------------------------

    def dump(self) -> dict[str, Any]:
        """Everything but the market, ready for JSON. The outbox is not kept: drain it first."""
        memory: dict[str, Any] = packed(self._state.memory)
        return memory

    @classmethod
    def load(cls, state: dict[str, Any], market: Market, *, sessions: Sessions | None = None) -> "Exchange":
        """The exchange as it was dumped; it goes on exactly as the other would have.

        `market` is a fresh one, made the same way: the splits and moves of the past are applied to it again.
        """
        memory: Memory = unpacked(Memory, state)
        for scaling in memory.scalings:
            market.scale(scaling.symbol, scaling.factor, scaling.at)
        return cls(market, now=memory.now, seed=memory.seed, sessions=sessions, memory=memory)

    def _account(self, account_id: str) -> Account:
        return self._state.memory.accounts[account_id]

    def _own(self, account_id: str, order_id: str) -> Order:
        return changing.own_order(self._state, self._account(account_id), order_id)

    def _report(self, position: Position, held: dict[str, Decimal]) -> PositionReport:
        asset = self.asset(position.symbol)
        return funds.report_position(self._state, position, asset, held.get(position.symbol, ZERO))

    def _closed(self, account_id: str, symbol: str) -> Outcome:
        try:
            order = self.close_position(account_id, symbol)
        except Rejection as rejection:
            return Outcome("", symbol, rejection.http_status, None, rejection)
        return Outcome(order.id, symbol, 200, order)

    def _schedule(self, deed: Deed, symbol: str, amount: Decimal, at: datetime | None) -> None:
        self._state.set_timer(max(at or self.now, self.now), deed, symbol, amount)
        turns.run_timers(self._state)


def _digest(secret_key: str) -> str:
    return sha256(secret_key.encode()).hexdigest()
