"""The Alpaca adapter and that of the stand-in exchange pass the acceptance cards, over real sockets, against the exchange."""

import contextlib
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal as D
from typing import Any

import pytest

from brokers import http
from brokers.alpaca import adapter
from brokers.alpaca.adapter import AlpacaAdapter, StandInAdapter
from brokers.base import BrokerAdapter, ConnectionSettings, OrderChanges, OrderRef, OrderRequest
from brokers.errors import CredentialsInvalid, Refused, TryLater, WrongEnvironment
from tests.brokers.contract import Cards, Floor, Trouble, buy, new_id, ref_of
from tests.brokers.simulator_server import RunningSimulator, simulator
from trenddojo.domain.fills import Side
from trenddojo.domain.order_state import OrderState
from trenddojo.domain.orders import OrderTerms, OrderType, TimeInForce

CENT = D("0.01")
A_SATURDAY = datetime(2026, 11, 21, 17, tzinfo=UTC)
CALLS = {
    "submit": ("POST", "/v2/orders"),
    "cancel": ("DELETE", "/v2/orders/*"),
    "replace": ("PATCH", "/v2/orders/*"),
    "order": ("GET", "/v2/orders[:/]*"),
    "orders": ("GET", "/v2/orders"),
    "fills": ("GET", "/v2/account/activities/FILL"),
    "positions": ("GET", "/v2/positions"),
    "account": ("GET", "/v2/account"),
}
FAULTS: dict[Trouble, dict[str, Any]] = {
    Trouble.NO_ANSWER_NOT_DONE: {"kind": "drop_before"},
    Trouble.NO_ANSWER_DONE: {"kind": "drop_after"},
    Trouble.HANGS_NOT_DONE: {"kind": "hang_before", "seconds": 20},
    Trouble.HANGS_DONE: {"kind": "hang_after", "seconds": 20},
    Trouble.BAD_GATEWAY: {"kind": "status_before", "status": 502},
    Trouble.GATEWAY_TIMEOUT_DONE: {"kind": "status_after", "status": 504},
    Trouble.CUT_OFF_DONE: {"kind": "cut_off"},
    Trouble.UNREADABLE_DONE: {"kind": "unreadable"},
    Trouble.RATE_LIMITED: {"kind": "rate_limited", "reset": 2},
    Trouble.BAD_KEY: {"kind": "unauthorized"},
    Trouble.UNKNOWN_STATUS: {"kind": "replace_fields", "fields": {"status": "under_consideration"}},
    Trouble.NOT_FOUND_YET: {"kind": "not_found"},
}

SILENT = frozenset({Trouble.HANGS_DONE, Trouble.HANGS_NOT_DONE})


class AlpacaFloor(Floor):
    def __init__(
        self, stack: contextlib.ExitStack, monkeypatch: pytest.MonkeyPatch, kind: type[AlpacaAdapter] = AlpacaAdapter
    ) -> None:
        self._stack, self._monkeypatch, self._kind = stack, monkeypatch, kind
        self._open(stack.enter_context(simulator()))

    def _open(self, exchange: RunningSimulator) -> None:
        self.exchange, self.control = exchange, exchange.control
        for symbol in ("SPY", "IBM", "BAC"):
            self.show(symbol, D("99.99"), D("100.01"))
        self.adapter = self.adapter_with(exchange.key_id, exchange.secret_key)

    def adapter_with(self, api_key: str, secret_key: str, *, url: str = "") -> AlpacaAdapter:
        keys = {"api_key": api_key, "secret_key": secret_key}
        base = url or self.exchange.url
        broker = "simulator" if self._kind is StandInAdapter else "alpaca"
        return self._kind(ConnectionSettings("c", broker, True, base, base, credentials=keys))

    def trouble(self, verb: str, trouble: Trouble) -> None:
        if trouble in SILENT:
            self._monkeypatch.setattr(http, "TIMEOUT", (5, 0.7))
        if trouble in FAULTS:  # An order beyond the account's money needs no fault to be refused.
            method, path = CALLS[verb]
            self.control.fault(method=method, path=path, **FAULTS[trouble])

    def attempts(self, verb: str) -> int:
        method, path = CALLS[verb]
        return self.control.count(method, path)

    def known(self) -> dict[str, str]:
        orders = self.control.orders(self.exchange.account)
        return {order["client_order_id"]: order["id"] for order in orders if order["parent_id"] is None}

    def rest(self) -> None:
        """Nothing to do: the price is far from the market."""

    def fill(self, broker_order_id: str, quantity: D, price: D) -> None:
        order = self.adapter.order(OrderRef(broker_order_id))
        assert order is not None
        if order.side is Side.BUY:
            self.control.set_quote(order.symbol, bid=price - CENT, ask=price, ask_size=quantity)
        else:
            self.control.set_quote(order.symbol, bid=price, ask=price + CENT, bid_size=quantity)

    def external(self, terms: OrderTerms) -> str:
        return str(self._external(terms.symbol, terms.quantity, limit_price=str(terms.limit_price)))

    def _external(self, symbol: str, quantity: D, **more: str) -> str:
        fields = {"type": "limit" if more else "market", "side": "buy", "time_in_force": "day", **more}
        placed = self.control.place_external(self.exchange.account, symbol=symbol, qty=str(quantity), **fields)
        return str(placed["id"])

    def external_fills(self, number: int) -> None:
        """Most of them at one moment: the clock stands."""
        self.control.pause()
        for count in range(number):
            if count > number * 3 // 4:
                self.control.advance("0.001")
            self._external("BAC", D(1))
        self.control.run()

    def external_orders(self, number: int) -> None:
        """More of them at one moment than a page holds."""
        self.control.pause()
        for count in range(number):
            if count > number * 3 // 4:
                self.control.advance("0.001")
            self._external("BAC", D(1), limit_price="1")
        self.control.run()

    def show(self, symbol: str, bid: D, ask: D) -> None:
        self.control.set_quote(symbol, bid=bid, ask=ask)

    def deposit(self, amount: D) -> None:
        self.control.transfer(self.exchange.account, amount, "CSD" if amount > 0 else "CSW")

    def wrong_key(self) -> BrokerAdapter:
        return self.adapter_with("PKSTRANGER", "wrong")

    def unreachable(self) -> BrokerAdapter:
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            port = closed.getsockname()[1]
        return self.adapter_with("PKTEST", "secret", url=f"http://127.0.0.1:{port}")

    def close_market(self) -> None:
        self._open(self._stack.enter_context(simulator(start=A_SATURDAY)))


@pytest.fixture
def floor(monkeypatch: pytest.MonkeyPatch) -> Iterator[Floor]:
    with contextlib.ExitStack() as stack:
        yield AlpacaFloor(stack, monkeypatch)


class TestAlpaca(Cards):
    pass


class TestStandInExchange(Cards):
    """As the desk of `make run` is connected."""

    @pytest.fixture
    def floor(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[Floor]:
        with contextlib.ExitStack() as stack:
            yield AlpacaFloor(stack, monkeypatch, StandInAdapter)


# --- what only this broker does ---------------------------------------------------------------------------------------


@pytest.fixture
def exchange(floor: Floor) -> RunningSimulator:
    assert isinstance(floor, AlpacaFloor)
    return floor.exchange


def test_keys_of_a_live_account_are_told_apart_from_wrong_ones(floor: AlpacaFloor) -> None:
    with pytest.raises(WrongEnvironment, match="keys of a live account, and this is a paper connection"):
        floor.adapter_with("AKLIVE", "secret").verify()
    with pytest.raises(CredentialsInvalid) as wrong:
        floor.adapter_with("PKWRONG", "secret").verify()
    assert not isinstance(wrong.value, WrongEnvironment)


@pytest.mark.parametrize(
    ("terms", "code"),
    [
        (buy(limit="50.123"), "bad_tick"),
        (OrderTerms("TWTR", Side.BUY, OrderType.LIMIT, D(1), limit_price=D(5)), "not_tradable"),
        (OrderTerms("UVXY", Side.SELL, OrderType.LIMIT, D(1), limit_price=D(500)), "not_shortable"),
        (OrderTerms("NOSUCH", Side.BUY, OrderType.LIMIT, D(1), limit_price=D(5)), "refused"),
    ],
)
def test_what_the_exchange_does_not_take_is_refused_with_its_reason(
    floor: AlpacaFloor, terms: OrderTerms, code: str
) -> None:
    floor.show("UVXY", D(30), D("30.05"))
    with pytest.raises(Refused) as refusal:
        floor.adapter.submit(OrderRequest(new_id(), terms))

    assert refusal.value.code == code
    assert floor.known() == {}


@pytest.mark.parametrize("time_in_force", [TimeInForce.IOC, TimeInForce.FOK])
def test_what_cannot_trade_now_is_cancelled_by_the_exchange(floor: AlpacaFloor, time_in_force: TimeInForce) -> None:
    report = floor.adapter.submit(OrderRequest(new_id(), buy(time_in_force=time_in_force)))
    ended = floor.adapter.order(ref_of(report))

    assert ended is not None
    assert (ended.state, ended.filled_quantity) == (OrderState.CANCELLED, D(0))


def test_shares_that_are_held_for_another_order_are_refused_with_the_figures(floor: AlpacaFloor) -> None:
    sell = OrderTerms("SPY", Side.SELL, OrderType.LIMIT, D(10), limit_price=D(150))
    floor.adapter.submit(OrderRequest(new_id(), buy(limit=None)))
    floor.adapter.submit(OrderRequest(new_id(), sell))
    with pytest.raises(Refused) as refusal:
        floor.adapter.submit(OrderRequest(new_id(), sell))

    assert refusal.value.code == "insufficient_quantity"
    assert refusal.value.figures["held_for_orders"] == "10"


def test_a_budget_that_is_used_up_at_the_broker_is_waited_for(floor: AlpacaFloor, exchange: RunningSimulator) -> None:
    exchange.control.set_rate_limit(1)
    floor.adapter.positions()
    with pytest.raises(TryLater) as wait:
        floor.adapter.positions()

    assert 1 <= wait.value.after <= 61


@pytest.mark.parametrize("unsettled", [timedelta(0), timedelta(minutes=1)])
def test_no_fill_is_missed_or_new_twice_however_often_it_is_read(
    floor: AlpacaFloor, monkeypatch: pytest.MonkeyPatch, unsettled: timedelta
) -> None:
    monkeypatch.setattr(adapter, "UNSETTLED", unsettled)
    taken: list[str] = []
    cursor = ""
    for batch in (1, 99, 100, 101, 1):
        floor.external_fills(batch)
        fills = floor.adapter.fills(cursor=cursor)
        taken += [fill.execution_id for fill in fills if fill.execution_id not in set(taken)]
        cursor = fills[-1].cursor
    activities = floor.control.dump(floor.exchange.account)["activities"]

    assert taken == [activity["id"] for activity in activities if activity["activity_type"] == "FILL"]
    assert len(taken) == 302


def test_bars_are_as_traded_and_splits_say_what_to_divide_by(floor: AlpacaFloor, exchange: RunningSimulator) -> None:
    start = exchange.control.now().replace(second=0, microsecond=0) - timedelta(minutes=30)
    for minute, close in ((0, "10.25"), (1, "10.5")):
        exchange.control.add_bar("KO", start + timedelta(minutes=minute), ("10", "11", "9.5", close), 1200)
    exchange.control.set_quote("KO", bid="10.49", ask="10.51")
    exchange.control.split("KO", 2)
    bars = floor.adapter.bars("KO", "1Min", start, start + timedelta(minutes=5))
    today = exchange.control.now().date()
    (split,) = floor.adapter.splits("KO", today - timedelta(days=2), today + timedelta(days=2))

    assert [(bar.start, bar.open, bar.high, bar.low, bar.close, bar.volume) for bar in bars] == [
        (start, D(10), D(11), D("9.5"), D("10.25"), D(1200)),
        (start + timedelta(minutes=1), D(10), D(11), D("9.5"), D("10.5"), D(1200)),
    ]
    assert (split.symbol, split.ratio) == ("KO", D(2))
    assert floor.adapter.bars("KO", "1Min", start - timedelta(hours=2), start - timedelta(hours=1)) == []


def test_fees_and_dividends_are_money_that_moved(floor: AlpacaFloor, exchange: RunningSimulator) -> None:
    floor.adapter.submit(OrderRequest(new_id(), buy(limit=None)))
    exchange.control.dividend("SPY", "0.51")
    reports = floor.adapter.cash_movements(datetime.now(UTC).date() - timedelta(days=2))

    assert [(one.kind, one.amount, one.symbol) for one in reports if one.symbol] == [("dividend", D("5.1"), "SPY")]


def test_a_blocked_account_says_so(floor: AlpacaFloor, exchange: RunningSimulator) -> None:
    exchange.control.block(exchange.account)

    assert floor.adapter.verify().block == "Alpaca has blocked trading in this account."
    with pytest.raises(Refused):
        floor.adapter.submit(OrderRequest(new_id(), buy()))


def test_a_replacement_follows_a_replacement(floor: AlpacaFloor) -> None:
    report = floor.adapter.submit(OrderRequest(new_id(), buy()))
    chain = [report]
    for price in ("49.5", "49", "48.5"):
        chain.append(floor.adapter.replace(ref_of(chain[-1]), OrderChanges(new_id(), limit_price=D(price))))
    found = [floor.adapter.order(ref_of(one)) for one in chain]

    assert [one and one.replaced_by for one in found] == [*(one.broker_order_id for one in chain[1:]), ""]
    assert [one and one.state for one in found] == [*[OrderState.REPLACED] * 3, OrderState.ACCEPTED]
