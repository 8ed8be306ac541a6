"""What can go wrong at a broker, named after what the caller does next.

Sentences are for the trader; none holds a key.
"""

from datetime import datetime


class BrokerError(Exception):
    """`sentence` is for the trader, `request_id` the broker's own number for the call, where it gave one."""

    def __init__(self, sentence: str, *, code: str = "", request_id: str = "") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.code = code
        self.request_id = request_id


class Refused(BrokerError):
    """The broker provably did not take it. `figures` are the broker's numbers, such as {"buying_power": "100.00"}."""

    def __init__(
        self, sentence: str, *, code: str = "refused", request_id: str = "", figures: dict[str, str] | None = None
    ) -> None:
        super().__init__(sentence, code=code, request_id=request_id)
        self.figures = figures or {}


class DuplicateOrder(Refused):
    """The broker knows this client order id already: look it up and adopt it after comparing the terms."""


class NotCancelable(Refused):
    """The order is done or beyond recall: pull its report to learn what became of it."""


class UnknownOrder(Refused):
    """The broker positively does not know the order that should be changed."""


class MarketClosed(BrokerError):
    """Provably not taken, because the market is shut."""

    def __init__(self, sentence: str, *, next_open: datetime | None = None, request_id: str = "") -> None:
        super().__init__(sentence, code="market_closed", request_id=request_id)
        self.next_open = next_open


class Unsupported(BrokerError):
    """The capability table says no; nothing was sent."""


class CredentialsInvalid(BrokerError):
    """The keys do not open the account: disable the connection, tell the trader, ask to reconnect."""


class WrongEnvironment(CredentialsInvalid):
    """The keys are of the other kind: live keys for a paper connection, or the reverse."""


class TryLater(BrokerError):
    """Provably not processed. `after` is how many seconds to wait at least."""

    def __init__(self, sentence: str, *, after: float, code: str = "try_later", request_id: str = "") -> None:
        super().__init__(sentence, code=code, request_id=request_id)
        self.after = after


class OutcomeUnknown(BrokerError):
    """Sent, no certain answer. Never send it again on a guess: ask by client order id."""


class NoMarketData(BrokerError):
    """There is no usable quote or bar: unknown symbol, zero or crossed prices, or no subscription."""
