"""The Alpaca adapter passes the acceptance cards, over real sockets, against the stand-in exchange."""

import contextlib
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal as D
from typing import Any

import pytest

from brokers import http
from brokers.alpaca.adapter import AlpacaAdapter
from brokers.base import BrokerAdapter, ConnectionSettings, OrderRef
from tests.brokers.contract import Cards, Floor, Trouble
from tests.brokers.simulator_server import RunningSimulator, simulator
from trenddojo.domain.fills import Side
from trenddojo.domain.orders import OrderTerms

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


class AlpacaFloor(Floor):
    def __init__(self, stack: contextlib.ExitStack) -> None:
        self._stack = stack
        self._open(stack.enter_context(simulator()))

    def _open(self, exchange: RunningSimulator) -> None:
        self.exchange, self.control = exchange, exchange.control
        for symbol in ("SPY", "IBM", "BAC"):
            self.show(symbol, D("99.99"), D("100.01"))
        self.adapter = self.adapter_with(exchange.key_id, exchange.secret_key)

    def adapter_with(self, api_key: str, secret_key: str, *, url: str = "") -> AlpacaAdapter:
        keys = {"api_key": api_key, "secret_key": secret_key}
        base = url or self.exchange.url
        return AlpacaAdapter(ConnectionSettings("c", "alpaca", True, base, base, credentials=keys))

    def trouble(self, verb: str, trouble: Trouble) -> None:
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
    monkeypatch.setattr(http, "TIMEOUT", (1, 0.5))
    with contextlib.ExitStack() as stack:
        yield AlpacaFloor(stack)


class TestAlpaca(Cards):
    pass
