"""The broker behind the adapter, as the cards see it, and what may go wrong there."""

from abc import ABC, abstractmethod
from decimal import Decimal as D
from enum import StrEnum

from brokers.base import BrokerAdapter
from trenddojo.domain.order_state import OrderState
from trenddojo.domain.orders import OrderTerms

S = OrderState
MANY = 1200
SYMBOL = "SPY"


class Trouble(StrEnum):
    """What befalls the next call of a verb."""

    NO_ANSWER_NOT_DONE = "no answer, and the broker did nothing"
    NO_ANSWER_DONE = "no answer, although the broker did it"
    HANGS_NOT_DONE = "silence, and the broker did nothing"
    HANGS_DONE = "silence, although the broker did it"
    BAD_GATEWAY = "a page of HTML from something in between, and nothing was done"
    GATEWAY_TIMEOUT_DONE = "a page of HTML from something in between, although it was done"
    CUT_OFF_DONE = "half an answer, although it was done"
    UNREADABLE_DONE = "an answer that is no JSON, although it was done"
    RATE_LIMITED = "too many requests"
    BAD_KEY = "the key is refused"
    NO_MONEY = "more than the account can pay"
    UNKNOWN_STATUS = "a status nobody knows"
    NOT_FOUND_YET = "an order that is there is not found yet"


NOTHING_DONE = (Trouble.NO_ANSWER_NOT_DONE, Trouble.HANGS_NOT_DONE, Trouble.BAD_GATEWAY)
DONE = (
    *(Trouble.NO_ANSWER_DONE, Trouble.HANGS_DONE, Trouble.GATEWAY_TIMEOUT_DONE),
    *(Trouble.CUT_OFF_DONE, Trouble.UNREADABLE_DONE),
)
NO_USE = (*NOTHING_DONE, Trouble.CUT_OFF_DONE, Trouble.UNREADABLE_DONE)


class Floor(ABC):
    """The broker behind the adapter, as a test sees it. `adapter` is connected with keys that work."""

    adapter: BrokerAdapter

    @abstractmethod
    def trouble(self, verb: str, trouble: Trouble) -> None:
        """Make the next call of this verb of the interface go wrong."""

    @abstractmethod
    def attempts(self, verb: str) -> int:
        """How many calls of submit, cancel or replace the broker has seen."""

    @abstractmethod
    def known(self) -> dict[str, str]:
        """Client order id to the broker's id, of every order the broker has (legs left out)."""

    @abstractmethod
    def rest(self) -> None:
        """Let the next order submitted work without a fill: its price is out of reach."""

    @abstractmethod
    def fill(self, broker_order_id: str, quantity: D, price: D) -> None:
        """Execute so much of a working order at its own price."""

    @abstractmethod
    def external(self, terms: OrderTerms) -> str:
        """Place an order past the adapter; it works. Returns the broker's id."""

    @abstractmethod
    def external_fills(self, number: int) -> None:
        """Buy one share of BAC past the adapter, so many times, each an execution of its own."""

    @abstractmethod
    def external_orders(self, number: int) -> None:
        """Place so many orders past the adapter, all working, many of them at one and the same time."""

    @abstractmethod
    def show(self, symbol: str, bid: D, ask: D) -> None:
        """Show a quote; 0 is a side without a price."""

    @abstractmethod
    def deposit(self, amount: D) -> None:
        """Book cash in, or out when negative."""

    @abstractmethod
    def wrong_key(self) -> BrokerAdapter:
        """An adapter with keys the broker does not know."""

    @abstractmethod
    def unreachable(self) -> BrokerAdapter:
        """An adapter whose broker does not listen."""

    @abstractmethod
    def close_market(self) -> None:
        """The market is shut from now on."""
