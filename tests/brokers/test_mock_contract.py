"""The mock broker passes the acceptance cards."""

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal as D

import pytest

from brokers.base import BrokerAdapter, CashReport, ConnectionSettings
from brokers.mock.adapter import MockAdapter
from brokers.mock.book import Outcome, forget
from tests.brokers.contract import Cards, Floor, Trouble, buy
from trenddojo.domain.orders import OrderTerms

OUTCOMES = {
    Trouble.NO_ANSWER_NOT_DONE: Outcome.TIMEOUT_BEFORE,
    Trouble.NO_ANSWER_DONE: Outcome.TIMEOUT_AFTER,
    Trouble.HANGS_NOT_DONE: Outcome.TIMEOUT_BEFORE,
    Trouble.HANGS_DONE: Outcome.TIMEOUT_AFTER,
    Trouble.BAD_GATEWAY: Outcome.TIMEOUT_BEFORE,
    Trouble.GATEWAY_TIMEOUT_DONE: Outcome.TIMEOUT_AFTER,
    Trouble.CUT_OFF_DONE: Outcome.TIMEOUT_AFTER,
    Trouble.UNREADABLE_DONE: Outcome.TIMEOUT_AFTER,
    Trouble.RATE_LIMITED: Outcome.RATE_LIMITED,
    Trouble.BAD_KEY: Outcome.BAD_KEY,
    Trouble.NO_MONEY: Outcome.REJECT,
    Trouble.UNKNOWN_STATUS: Outcome.UNKNOWN_STATUS,
    Trouble.NOT_FOUND_YET: Outcome.NOT_FOUND_YET,
}


class MockFloor(Floor):
    def __init__(self) -> None:
        self.ids: list[str] = []
        self.mock = self._adapter()
        self.adapter = self.mock
        self.book = self.mock.book

    def _adapter(self) -> MockAdapter:
        self.ids.append(str(uuid.uuid4()))
        return MockAdapter(ConnectionSettings(self.ids[-1], "mock", is_paper=True, base_url=""))

    def trouble(self, verb: str, trouble: Trouble) -> None:
        # What rests is scripted for the same call.
        self.book.unscript(verb)
        self.book.script(verb, OUTCOMES[trouble])

    def attempts(self, verb: str) -> int:
        return self.book.calls.count(verb)

    def known(self) -> dict[str, str]:
        return {order.client_order_id: order.broker_order_id for order in self.book.parents()}

    def rest(self) -> None:
        self.book.script("submit", Outcome.ACCEPT)

    def fill(self, broker_order_id: str, quantity: D, price: D) -> None:
        self.book.fill(broker_order_id, quantity, price)

    def external(self, terms: OrderTerms) -> str:
        return self.book.place_external(terms).broker_order_id

    def external_fills(self, number: int) -> None:
        for _ in range(number):
            self.book.fill(self.external(buy("1", None)))

    def external_orders(self, number: int) -> None:
        for _ in range(number):
            self.external(buy("1"))

    def show(self, symbol: str, bid: D, ask: D) -> None:
        self.book.show(symbol, bid, ask)

    def deposit(self, amount: D) -> None:
        kind = "deposit" if amount > 0 else "withdrawal"
        self.book.cash.append(CashReport(str(uuid.uuid4()), kind, amount, datetime.now(UTC).date()))

    def wrong_key(self) -> BrokerAdapter:
        stranger = self._adapter()
        stranger.book.script("account", Outcome.BAD_KEY)
        return stranger

    def unreachable(self) -> BrokerAdapter:
        away = self._adapter()
        for verb in ("submit", "cancel", "order", "account"):
            away.book.script(verb, Outcome.UNREACHABLE)
        return away

    def close_market(self) -> None:
        self.book.is_open = False


@pytest.fixture
def floor() -> Iterator[Floor]:
    made = MockFloor()
    yield made
    for connection_id in made.ids:
        forget(connection_id)


class TestMockBroker(Cards):
    pass
