"""A floor of the exchange with one account, on a tape the test writes."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal as D
from typing import Any

import pytest

from brokers.simulator.engine.exchange import Exchange
from brokers.simulator.engine.recorded import RecordedMarket
from brokers.simulator.engine.types import (
    ActivityQuery,
    ExitDraft,
    Order,
    OrderClass,
    OrderDraft,
    OrderType,
    Print,
    Quote,
    Rejection,
    Side,
    TimeInForce,
    TradeUpdate,
)

# A Wednesday at eleven in New York.
MORNING = datetime(2026, 3, 4, 16, 0, tzinfo=UTC)
OPEN = datetime(2026, 3, 4, 14, 30, tzinfo=UTC)
CLOSE = datetime(2026, 3, 4, 21, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def quote(symbol: str, at: datetime, bid: str, ask: str, bid_size: str = "1000", ask_size: str = "1000") -> Quote:
    return Quote(symbol, at, D(bid), D(bid_size), D(ask), D(ask_size))


def draft(side: str, qty: str | None, symbol: str = "SPY", **fields: Any) -> OrderDraft:
    """An order in the words of the wire; prices as texts, `type` from the prices when it is not said."""
    words: dict[str, Any] = {name: D(value) for name, value in fields.items() if name in PRICES}
    words |= {name: value for name, value in fields.items() if name in {"client_order_id", "extended_hours"}}
    target, stop = fields.get("target"), fields.get("stop")
    return OrderDraft(
        symbol=symbol,
        side=Side(side),
        qty=D(qty) if qty is not None else None,
        type=OrderType(fields.get("type", "limit" if "limit_price" in fields else "market")),
        time_in_force=TimeInForce(fields.get("tif", "day")),
        order_class=OrderClass(fields.get("order_class", "simple")),
        take_profit=ExitDraft(limit_price=D(target)) if target else None,
        stop_loss=ExitDraft(stop_price=D(stop), limit_price=D(fields["stop_limit"]) if "stop_limit" in fields else None)
        if stop
        else None,
        **words,
    )


PRICES = {"limit_price", "stop_price", "trail_price", "trail_percent", "notional"}


class Floor:
    """An exchange whose market is what the test shows it."""

    def __init__(self, now: datetime = MORNING, *, cash: str = "100000", kind: str = "margin") -> None:
        self.market = RecordedMarket()
        self.exchange = Exchange(self.market, now=now)
        self.me = self.open("mine", cash=cash, kind=kind)

    def open(self, key_id: str, *, cash: str = "100000", kind: str = "margin") -> str:
        account = self.exchange.open_account(key_id=key_id, secret_key="quiet", cash=D(cash), kind=kind)
        return account.id

    def show(self, bid: str, ask: str, *sizes: str, symbol: str = "SPY") -> list[tuple[Any, ...]]:
        """The next quote, a second on; what it led to."""
        self.exchange.drain()
        at = self.exchange.now + SECOND
        self.market.add(quote(symbol, at, bid, ask, *sizes))
        return self.until(at)

    def prints(self, price: str, *, symbol: str = "SPY") -> None:
        """A trade of the market, a second on."""
        at = self.exchange.now + SECOND
        self.market.add(Print(symbol, at, D(price), D(100), 1))
        self.exchange.advance(at)

    def until(self, at: datetime) -> list[tuple[Any, ...]]:
        return updates(self.exchange.advance(at))

    def news(self) -> list[tuple[Any, ...]]:
        return updates(self.exchange.drain())

    def submit(self, side: str, qty: str | None, symbol: str = "SPY", *, account: str = "", **fields: Any) -> Order:
        """Send an order; the order as it stands when that is done."""
        account = account or self.me
        answer = self.exchange.submit(account, draft(side, qty, symbol, **fields))
        return self.exchange.order(account, answer.id)

    def refused(self, side: str, qty: str | None, symbol: str = "SPY", **fields: Any) -> tuple[int, int | None, str]:
        """Send an order that must be refused and must change nothing."""
        self.exchange.drain()
        before = self.exchange.dump()
        with pytest.raises(Rejection) as caught:
            self.exchange.submit(self.me, draft(side, qty, symbol, **fields))
        assert self.exchange.dump() == before
        assert self.exchange.drain() == []
        return caught.value.http_status, caught.value.code, caught.value.message

    def order(self, order: Order) -> Order:
        return self.exchange.order(order.account_id, order.id)

    def legs(self, order: Order) -> list[Order]:
        return self.exchange.legs(self.order(order))

    def position(self, symbol: str = "SPY") -> D:
        found = [report.qty for report in self.exchange.positions(self.me) if report.asset.symbol == symbol]
        return found[0] if found else D(0)

    def cash(self) -> D:
        return self.exchange.account_report(self.me).cash

    def lines(self, *types: str) -> list[Any]:
        """The account's statement, oldest first."""
        return self.exchange.activities(self.me, ActivityQuery(types=frozenset(types), direction="asc"))


def updates(events: list[Any]) -> list[tuple[Any, ...]]:
    """Trade updates in short: what, of which side and type, and for fills how many at what price."""
    return [
        (str(each.kind), f"{each.order.side} {each.order.type}", *((each.qty, each.price) if each.qty else ()))
        for each in events
        if isinstance(each, TradeUpdate)
    ]


@pytest.fixture
def floor() -> Floor:
    """Wednesday morning, SPY at 100.00 bid, 100.02 ask, a thousand shares each."""
    floor = Floor()
    floor.show("100.00", "100.02")
    return floor
