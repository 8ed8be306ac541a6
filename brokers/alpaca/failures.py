"""What an answer of Alpaca that is no success means: a table of status, code and words, read from the top.

Alpaca says that status and code are stable and messages are not, but nearly all refusals share two codes. So a message
only refines what status and code have decided. What is not in the table is OutcomeUnknown for a write.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any, Final

from brokers.alpaca.config import LIVE_KEY, PAPER_KEY
from brokers.alpaca.parsing import text
from brokers.base import ConnectionSettings
from brokers.errors import (
    BrokerError,
    CredentialsInvalid,
    DuplicateOrder,
    MarketClosed,
    NoMarketData,
    NotCancelable,
    OutcomeUnknown,
    Refused,
    TryLater,
    UnknownOrder,
    WrongEnvironment,
)
from brokers.http import seconds_to_wait

# Seconds to wait where Alpaca does not say how long.
RATE_LIMIT_WAIT: Final = 10
TROUBLE_WAIT: Final = 15
MOST_FIGURES: Final = 12
NOT_FIGURES: Final = frozenset({"code", "message"})


class Call(StrEnum):
    """What was asked."""

    SUBMIT = "submit"
    REPLACE = "replace"
    CANCEL = "cancel"
    ORDER = "order"  # one order, which may not be known
    READ = "read"
    DATA = "data"


C = Call
WRITES: Final = frozenset({C.SUBMIT, C.REPLACE, C.CANCEL})
READS: Final = frozenset({C.ORDER, C.READ, C.DATA})
ANY_CALL: Final = WRITES | READS


@dataclass(frozen=True)
class Answer:
    """An answer of Alpaca that is no success."""

    status: int
    body: str
    headers: Mapping[str, str]
    # Of which kind of account the keys are, when it is the wrong one.
    keys_for: str = ""

    @cached_property
    def fields(self) -> dict[str, Any]:
        """The JSON object of the body; empty for a page of HTML or anything else."""
        try:
            found = json.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}

    @property
    def code(self) -> int | None:
        found = self.fields.get("code")
        return found if isinstance(found, int) and not isinstance(found, bool) else None

    @property
    def message(self) -> str:
        return text(self.fields.get("message"))

    @property
    def request_id(self) -> str:
        return text(self.headers.get("X-Request-ID"))[:64]

    @property
    def figures(self) -> dict[str, str]:
        """The further fields, such as buying_power or held_for_orders."""
        found = {name[:64]: _figure(value) for name, value in self.fields.items() if name not in NOT_FIGURES}
        return dict([pair for pair in found.items() if pair[1]][:MOST_FIGURES])


Maker = Callable[[Answer], BrokerError]


@dataclass(frozen=True, slots=True)
class Rule:
    """Holds for these calls and statuses, where the code is one of these and the message has one of these words."""

    calls: frozenset[Call]
    statuses: frozenset[int]
    make: Maker
    # Empty: any. None among them: no code at all.
    codes: frozenset[int | None] = frozenset()
    # Empty: any. In small letters.
    words: tuple[str, ...] = ()
    # Alpaca itself spoke: the body is its JSON with a message, not a page of something between us.
    is_spoken: bool = True

    def holds(self, call: Call, answer: Answer) -> bool:
        if call not in self.calls or answer.status not in self.statuses:
            return False
        if (self.is_spoken and not answer.message) or (self.codes and answer.code not in self.codes):
            return False
        message = answer.message.lower()
        return not self.words or any(words in message for words in self.words)


def failure(answer: Answer, call: Call) -> BrokerError:
    """The error to raise for this answer to this call."""
    for rule in RULES:
        if rule.holds(call, answer):
            return rule.make(answer)
    return _unclear(answer) if call in WRITES else _trouble(answer)


# --- what the rules make ----------------------------------------------------------------------------------------------


def keys_for(settings: ConnectionSettings) -> str:
    """What the keys are of, where that is not what the connection is for: paper keys begin with PK, live ones with AK.

    Empty when they fit, and for the stand-in exchange, which has keys of its own making.
    """
    stranger = LIVE_KEY if settings.is_paper else PAPER_KEY
    if settings.broker != "alpaca" or not settings.credentials.get("api_key", "").startswith(stranger):
        return ""
    return "live" if settings.is_paper else "paper"


def wrong_environment(keys: str, *, request_id: str = "") -> WrongEnvironment:
    """What to raise for keys that are for `keys`, paper or live, on a connection for the other."""
    connection = "paper" if keys == "live" else "live"
    sentence = (
        f"These are keys of a {keys} account, and this is a {connection} connection: "
        f"use the {connection} account's keys."
    )
    return WrongEnvironment(sentence, code=f"{keys}_keys", request_id=request_id)


def _credentials(answer: Answer) -> BrokerError:
    if answer.keys_for:
        return wrong_environment(answer.keys_for, request_id=answer.request_id)
    sentence = "Alpaca does not accept these keys: make new ones at Alpaca and reconnect."
    return CredentialsInvalid(sentence, code="credentials_invalid", request_id=answer.request_id)


def _wait(answer: Answer) -> BrokerError:
    after = seconds_to_wait(answer.headers, RATE_LIMIT_WAIT)
    sentence = f"Alpaca takes no more requests for the moment; it goes on in {after:.0f} s."
    return TryLater(sentence, after=after, code="rate_limited", request_id=answer.request_id)


def _closed(answer: Answer) -> BrokerError:
    return MarketClosed(_said(answer, "The market is closed"), request_id=answer.request_id)


def _no_data(answer: Answer) -> BrokerError:
    return NoMarketData(_said(answer, "Alpaca has no such prices"), code="no_data", request_id=answer.request_id)


def _refusal(code: str, kind: type[Refused] = Refused, start: str = "Alpaca refused the order") -> Maker:
    def make(answer: Answer) -> BrokerError:
        return kind(_said(answer, start), code=code, request_id=answer.request_id, figures=answer.figures)

    return make


def _unclear(answer: Answer) -> BrokerError:
    sentence = f"Alpaca gave no certain answer (status {answer.status}): the order is being looked up."
    return OutcomeUnknown(sentence, code=f"status_{answer.status}", request_id=answer.request_id)


def _trouble(answer: Answer) -> BrokerError:
    after = seconds_to_wait(answer.headers, TROUBLE_WAIT)
    sentence = f"Alpaca cannot answer at the moment (status {answer.status})."
    return TryLater(sentence, after=after, code=f"status_{answer.status}", request_id=answer.request_id)


def _said(answer: Answer, start: str) -> str:
    return f"{start}: {answer.message.rstrip('.')}." if answer.message else f"{start}."


def _figure(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(filter(None, map(_figure, value[:MOST_FIGURES])))
    return text(str(value)) if isinstance(value, str | int | float) and not isinstance(value, bool) else ""


# --- the table --------------------------------------------------------------------------------------------------------

REFUSALS: Final = frozenset({400, 403, 422})
ORDER_CALLS: Final = frozenset({C.SUBMIT, C.REPLACE})
CHANGES: Final = frozenset({C.REPLACE, C.CANCEL})
NOT_FOUND: Final = frozenset({404})
ORDER_NOT_FOUND: Final = frozenset({40410000})
NO_CHANGE: Final = "Alpaca did not change the order"
DONE_WORDS: Final = tuple(
    f"in {status} status" for status in ("filled", "canceled", "expired", "rejected", "replaced", "pending_cancel")
)

RULES: Final[tuple[Rule, ...]] = (
    # Keys. A wrong key has a code or none; nginx at the edge answers 401 with a page.
    Rule(ANY_CALL, frozenset({401}), _credentials, is_spoken=False),
    Rule(ANY_CALL, frozenset({403}), _credentials, codes=frozenset({None}), words=("forbidden", "unauthorized")),
    # Too often. A 429 is answered before anything else is looked at: nothing was accepted.
    Rule(ANY_CALL, frozenset({429}), _wait, is_spoken=False),
    # New orders.
    Rule(ORDER_CALLS, REFUSALS, _refusal("duplicate", DuplicateOrder), words=("client_order_id must be",)),
    Rule(ORDER_CALLS, REFUSALS, _closed, words=("market hours", "market is closed", "market closed")),
    Rule(ORDER_CALLS, frozenset({403}), _refusal("insufficient_buying_power"), words=("buying power",)),
    Rule(ORDER_CALLS, frozenset({403}), _refusal("insufficient_quantity"), words=("insufficient qty",)),
    Rule(ORDER_CALLS, REFUSALS, _refusal("wash_trade"), words=("wash trade",)),
    Rule(ORDER_CALLS, frozenset({403}), _refusal("account_restricted"), codes=frozenset({40310100})),
    Rule(ORDER_CALLS, REFUSALS, _refusal("bad_tick"), words=("minimum pricing criteria", "sub-penny")),
    Rule(ORDER_CALLS, REFUSALS, _refusal("not_tradable"), words=("not tradable", "not active", "halted")),
    Rule(ORDER_CALLS, REFUSALS, _refusal("not_shortable"), words=("sold short", "hard-to-borrow")),
    # Changes to orders. Only the code or the words say that the order is unknown: a wrong address is a 404 as well.
    Rule(CHANGES, NOT_FOUND, _refusal("unknown_order", UnknownOrder, NO_CHANGE), codes=ORDER_NOT_FOUND),
    Rule(CHANGES, NOT_FOUND, _refusal("unknown_order", UnknownOrder, NO_CHANGE), words=("order not found",)),
    Rule(frozenset({C.ORDER}), NOT_FOUND, _refusal("unknown_order", UnknownOrder), codes=ORDER_NOT_FOUND),
    Rule(frozenset({C.ORDER}), NOT_FOUND, _refusal("unknown_order", UnknownOrder), words=("order not found",)),
    Rule(frozenset({C.REPLACE}), frozenset({422}), _refusal("not_replaceable", NotCancelable), words=DONE_WORDS),
    Rule(frozenset({C.CANCEL}), frozenset({422}), _refusal("not_cancelable", NotCancelable, NO_CHANGE)),
    # Everything else that Alpaca itself refuses in so many words.
    Rule(frozenset({C.SUBMIT}), NOT_FOUND, _refusal("unknown_symbol"), codes=ORDER_NOT_FOUND),
    Rule(ORDER_CALLS, REFUSALS, _refusal("refused")),
    Rule(frozenset({C.CANCEL}), frozenset({403}), _refusal("refused", start=NO_CHANGE)),
    # Prices: no subscription for them, no such symbol.
    Rule(frozenset({C.DATA}), frozenset({400, 403, 404, 422}), _no_data),
)
