"""The exchange: the one door to the engine.

Time is passed in: nothing happens but in `advance`, which plays the market up to a moment, and in the requests, which
happen at the exchange's present. What happened waits in an outbox, in order, until `advance` or `drain` hands it out.
All answers are copies.
"""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from brokers.simulator.engine.types import (
    AccountReport,
    Activity,
    ActivityQuery,
    Asset,
    Bar,
    ClockReport,
    Event,
    Order,
    OrderChanges,
    OrderDraft,
    OrderQuery,
    Outcome,
    PositionReport,
    Print,
    Quote,
    Session,
)


class Exchange:
    """A stock exchange and the broker in front of it.

    `market` says the prices, `now` where its time begins, `seed` makes its identities: two exchanges with different
    seeds never share an order id, two with the same seed and the same requests are the same to the byte.
    """

    def __init__(self, market: Any, *, now: datetime, seed: str = "0", sessions: Any = None) -> None:
        raise NotImplementedError

    # -- time ---------------------------------------------------------------------------------------------------------

    now: datetime

    def advance(self, to: datetime) -> list[Event]:
        """Play everything after the present up to and including `to`; hand out what happened since the last call.

        At one moment the quotes come first, then the clock (open, close), then what requests left to do. The result
        does not depend on how the way is cut into calls. A `to` in the past changes nothing.
        """
        raise NotImplementedError

    def drain(self) -> list[Event]:
        """What happened since the last call, without moving time: the updates of the requests just made."""
        raise NotImplementedError

    def watch(self, symbols: Iterable[str]) -> None:
        """From now on `advance` hands out quotes, trades and minute bars of exactly these symbols."""
        raise NotImplementedError

    def set_delays(
        self, *, route: timedelta = timedelta(0), cancel: timedelta = timedelta(0), replace: timedelta = timedelta(0)
    ) -> None:
        """How long an order stays pending_new, pending_cancel or pending_replace before it takes effect."""
        raise NotImplementedError

    def clock(self) -> ClockReport:
        raise NotImplementedError

    def calendar(self, start: date, end: date) -> list[Session]:
        """The sessions from `start` to `end`, both included."""
        raise NotImplementedError

    # -- accounts -----------------------------------------------------------------------------------------------------

    def open_account(
        self, *, key_id: str, secret_key: str, cash: Decimal, kind: str = "margin", shorting: bool = True
    ) -> AccountReport:
        """Open an account with a deposit. `kind` is margin (2×) or cash (1×). ValueError when the key is in use."""
        raise NotImplementedError

    def account_ids(self) -> list[str]:
        raise NotImplementedError

    def account_for(self, key_id: str, secret_key: str) -> str | None:
        """The id of the account these keys open, compared in constant time; None when there is none."""
        raise NotImplementedError

    def change_keys(self, account_id: str, *, key_id: str, secret_key: str) -> None:
        """Give the account new keys; the old ones stop to work."""
        raise NotImplementedError

    def account_report(self, account_id: str) -> AccountReport:
        raise NotImplementedError

    def block_trading(self, account_id: str) -> None:
        raise NotImplementedError

    def unblock_trading(self, account_id: str) -> None:
        raise NotImplementedError

    def transfer(self, account_id: str, amount: Decimal, *, type: str = "CSD") -> Activity:  # noqa: A002 - the wire's
        """Book cash in (positive) or out (negative) as CSD, CSW or JNLC."""
        raise NotImplementedError

    def activities(self, account_id: str, query: ActivityQuery) -> list[Activity]:
        """One page of the statement: FILL, FEE, DIV, SPLIT, CSD, CSW, JNLC."""
        raise NotImplementedError

    # -- orders -------------------------------------------------------------------------------------------------------

    def submit(self, account_id: str, draft: OrderDraft) -> Order:
        """Accept an order and return it as accepted: `pending_new`, or `accepted` while its market is closed.

        It is routed and matched before the call returns (unless a delay is set); that shows in the outbox and in
        `order`, not in the order returned, as with Alpaca. Raises Rejection; nothing is changed then.
        """
        raise NotImplementedError

    def cancel(self, account_id: str, order_id: str) -> None:
        """Ask to cancel. Raises Rejection 404 for an unknown order, 422 for one that can no longer be cancelled."""
        raise NotImplementedError

    def cancel_all(self, account_id: str) -> list[Outcome]:
        raise NotImplementedError

    def replace(self, account_id: str, order_id: str, changes: OrderChanges) -> Order:
        """Replace a working order by a new one, which is returned; the two name each other. Raises Rejection."""
        raise NotImplementedError

    def order(self, account_id: str, order_id: str) -> Order:
        """Raises Rejection 404."""
        raise NotImplementedError

    def order_by_client_id(self, account_id: str, client_order_id: str) -> Order:
        """Raises Rejection 404."""
        raise NotImplementedError

    def orders(self, account_id: str, query: OrderQuery) -> list[Order]:
        """The orders asked for. Nested: a leg whose parent is in the answer is left to `legs` of its parent."""
        raise NotImplementedError

    def legs(self, order: Order) -> list[Order]:
        raise NotImplementedError

    def place_external(self, account_id: str, draft: OrderDraft) -> Order:
        """An order made elsewhere on the same account (the broker's own page): it gets an id of the broker's making."""
        raise NotImplementedError

    # -- positions ----------------------------------------------------------------------------------------------------

    def positions(self, account_id: str) -> list[PositionReport]:
        raise NotImplementedError

    def position(self, account_id: str, symbol_or_asset_id: str) -> PositionReport:
        """Raises Rejection 404."""
        raise NotImplementedError

    def close_position(
        self, account_id: str, symbol_or_asset_id: str, *, qty: Decimal | None = None, percentage: Decimal | None = None
    ) -> Order:
        """Submit a market day order against the position, or against part of it (percentage 0–100)."""
        raise NotImplementedError

    def close_all(self, account_id: str, *, cancel_orders: bool = False) -> list[Outcome]:
        raise NotImplementedError

    # -- market data --------------------------------------------------------------------------------------------------

    def assets(self) -> list[Asset]:
        raise NotImplementedError

    def asset(self, symbol_or_asset_id: str) -> Asset:
        """Raises Rejection 404."""
        raise NotImplementedError

    def latest_quote(self, symbol: str) -> Quote | None:
        raise NotImplementedError

    def latest_trade(self, symbol: str) -> Print | None:
        raise NotImplementedError

    def latest_bar(self, symbol: str) -> Bar | None:
        """The last complete minute with a trade."""
        raise NotImplementedError

    def quotes(self, symbol: str, start: datetime, end: datetime) -> Iterable[Quote]:
        """Lazily, in order of time; never beyond the present."""
        raise NotImplementedError

    def trades(self, symbol: str, start: datetime, end: datetime) -> Iterable[Print]:
        raise NotImplementedError

    def bars(
        self, symbol: str, timeframe: str, start: datetime, end: datetime, *, adjustment: str = "raw"
    ) -> list[Bar]:
        """Bars that begin from `start` to `end` and have begun by now; `timeframe` as 1Min, 15Min, 1Hour, 1Day, 1Week.

        `adjustment` is raw or split. Raises ValueError for a timeframe that does not exist.
        """
        raise NotImplementedError

    # -- what the control port does -----------------------------------------------------------------------------------

    def halt(self, symbol: str) -> None:
        """Stop trading in a symbol: quotes go on, nothing fills. New orders wait."""
        raise NotImplementedError

    def resume(self, symbol: str) -> None:
        raise NotImplementedError

    def split(self, symbol: str, ratio: Decimal, *, at: datetime | None = None) -> None:
        """`ratio` new shares for one old, now or at a later moment."""
        raise NotImplementedError

    def dividend(self, symbol: str, amount: Decimal, *, at: datetime | None = None) -> None:
        """Pay `amount` dollars a share to who holds it (shorts pay), now or at a later moment."""
        raise NotImplementedError

    # -- keeping ------------------------------------------------------------------------------------------------------

    def dump(self) -> dict[str, Any]:
        """Everything but the market, ready for JSON. The outbox is not kept: drain it first."""
        raise NotImplementedError

    @classmethod
    def load(cls, state: dict[str, Any], market: Any, *, sessions: Any = None) -> "Exchange":
        """The exchange as it was dumped; it goes on exactly as the other would have."""
        raise NotImplementedError
