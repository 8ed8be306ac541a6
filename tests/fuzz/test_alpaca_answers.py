"""Whatever the broker answers, the desk understands it or says in its own words that it does not: no other error comes
out of reading, and after a send nothing that cannot be read counts as a refusal."""

import asyncio
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
import requests
from hypothesis import example, given
from hypothesis import strategies as st

from brokers.alpaca import mapping, prices, stream
from brokers.alpaca.adapter import AlpacaAdapter
from brokers.alpaca.failures import RULES, WRITES, Answer, Call, failure
from brokers.base import ConnectionSettings, OrderChanges, OrderRef, OrderRequest
from brokers.errors import (
    BrokerError,
    CredentialsInvalid,
    MarketClosed,
    NoMarketData,
    OutcomeUnknown,
    Refused,
    TryLater,
)
from brokers.http import seconds_to_wait
from tests.brokers.alpaca import answers
from tests.fuzz.kit import almost, examples, texts, values
from trenddojo.domain.fills import Side
from trenddojo.domain.orders import OrderTerms, OrderType

BRACKET = answers.order(order_class="bracket", legs=[answers.order(id="leg-1"), answers.order(id="leg-2", side="sell")])
BAR = {"t": "2026-03-16T18:00:00Z", "o": 1.5, "h": 2, "l": 1, "c": 1.75, "v": 100, "n": 3, "vw": 1.6}
SPLIT = {"symbol": "AAPL", "ex_date": "2026-03-16", "new_rate": 4, "old_rate": 1}
QUOTES = {"quotes": {"AAPL": answers.quote(100.5, 100.6), "MSFT": answers.quote(1, 2)}}
BARS = {"bars": {"AAPL": [BAR, BAR]}, "next_page_token": None}
SPLITS = {"corporate_actions": {"forward_splits": [SPLIT], "reverse_splits": [SPLIT]}, "next_page_token": ""}
READERS: tuple[tuple[str, Any, Any], ...] = (
    ("order", mapping.order_report, BRACKET),
    (
        "orders",
        mapping.order_reports,
        [answers.ORDER, BRACKET, answers.order(order_class="mleg", legs=[answers.ORDER])],
    ),
    ("fill", mapping.fill_report, answers.FILL),
    ("cash", mapping.cash_report, answers.DIVIDEND),
    ("position", mapping.position_report, answers.POSITION),
    ("account", mapping.account_report, answers.ACCOUNT),
    ("clock", mapping.clock_report, answers.CLOCK),
    ("quotes", prices.quotes_from, QUOTES),
    ("bars", lambda given: list(prices.bars_from(given, "AAPL")), BARS),
    ("splits", lambda given: list(prices.splits_from(given, "AAPL")), SPLITS),
    ("page", prices.next_page, BARS),
)
NOW = datetime(2026, 3, 16, 18, tzinfo=UTC)
REQUEST = OrderRequest(answers.ORDER["client_order_id"], OrderTerms("AAPL", Side.BUY, OrderType.MARKET, Decimal(15)))


@pytest.mark.parametrize(("read", "good"), [row[1:] for row in READERS], ids=[row[0] for row in READERS])
@examples(60)
@given(data=st.data())
def test_an_answer_is_read_or_said_to_be_unreadable(read: Any, good: Any, data: st.DataObject) -> None:
    given = data.draw(almost(good))
    report, problem = outcome(lambda: read(given))
    if problem is not None:
        assert (type(problem), problem.code) == (OutcomeUnknown, "unreadable")
        assert problem.sentence.isprintable()
    for number in _numbers(report):
        assert number.is_finite()
        assert abs(number) < Decimal(10) ** 20


def outcome(ask: Callable[[], Any]) -> tuple[Any, BrokerError | None]:
    """What came of asking; every error that is none of ours passes through and fails the test."""
    try:
        return ask(), None
    except BrokerError as problem:
        return None, problem


def _numbers(found: Any) -> list[Decimal]:
    if isinstance(found, Decimal):
        return [found]
    if isinstance(found, (list, tuple)):
        return [number for one in found for number in _numbers(one)]
    slots = getattr(found, "__dataclass_fields__", ())
    return [number for name in slots for number in _numbers(getattr(found, name))]


# --- the whole adapter, from the bytes on -----------------------------------------------------------------------------

PAGES = ("<html>502 Bad Gateway</html>", "", "null", "[", "{", '{"message"', "true", "7", '"text"', "[" * 100_000)
bodies = st.one_of(
    almost(BRACKET).map(json.dumps),
    almost([answers.ORDER, BRACKET]).map(json.dumps),
    almost({"code": 40310000, "message": "insufficient buying power", "buying_power": "1"}).map(json.dumps),
    values.map(json.dumps),
    st.sampled_from(PAGES),
).map(lambda text: text.encode("utf-8", "surrogatepass")) | st.binary(max_size=200)
statuses = st.sampled_from(
    (200, 201, 204, 207, 299, 302, 400, 401, 403, 404, 408, 409, 418, 422, 429, 500, 502, 503, 504)
)
headers = st.dictionaries(
    st.sampled_from(("Retry-After", "X-RateLimit-Reset", "X-Request-ID", "Content-Type", "X-Other")),
    texts
    | st.sampled_from(("text/html; charset=utf-9", "application/json; charset=\x00", "Mon, 01 Jan 9999 00:00:00 GMT")),
    max_size=3,
)
CALLS: tuple[tuple[str, Any, tuple[type[BrokerError], ...]], ...] = (
    (
        "submit",
        lambda desk: desk.submit(REQUEST),
        (Refused, MarketClosed, CredentialsInvalid, TryLater, OutcomeUnknown),
    ),
    (
        "replace",
        lambda desk: desk.replace(OrderRef("b-1"), OrderChanges("td-2", quantity=Decimal(5))),
        (Refused, MarketClosed, CredentialsInvalid, TryLater, OutcomeUnknown),
    ),
    ("cancel", lambda desk: desk.cancel(OrderRef("b-1")), (Refused, CredentialsInvalid, TryLater, OutcomeUnknown)),
    ("order", lambda desk: desk.order(OrderRef(client_order_id="td-1")), (CredentialsInvalid, TryLater)),
    ("orders", lambda desk: list(desk.orders(NOW)), (CredentialsInvalid, TryLater)),
    ("fills", lambda desk: list(desk.fills(NOW)), (CredentialsInvalid, TryLater)),
    ("cash", lambda desk: list(desk.cash_movements(date(2026, 3, 1), "2026")), (CredentialsInvalid, TryLater)),
    ("positions", lambda desk: list(desk.positions()), (CredentialsInvalid, TryLater)),
    ("account", lambda desk: desk.account(), (CredentialsInvalid, TryLater)),
    ("clock", lambda desk: desk.clock(), (CredentialsInvalid, TryLater)),
    ("quotes", lambda desk: desk.quotes(["AAPL"]), (CredentialsInvalid, TryLater, NoMarketData)),
    ("bars", lambda desk: list(desk.bars("AAPL", "1Min", NOW, NOW)), (CredentialsInvalid, TryLater, NoMarketData)),
    (
        "splits",
        lambda desk: list(desk.splits("AAPL", date(2026, 1, 1), date(2026, 3, 1))),
        (CredentialsInvalid, TryLater, NoMarketData),
    ),
)


def desk_that_hears(status: int, body: bytes, told: dict[str, str]) -> AlpacaAdapter:
    """An adapter whose every request is answered so."""
    keys = {"api_key": "PKTEST", "secret_key": "secret"}
    adapter = AlpacaAdapter(
        ConnectionSettings("c", "alpaca", True, "https://a.test", "https://d.test", credentials=keys)
    )

    def send(request: requests.PreparedRequest, **_: Any) -> requests.Response:
        answer = requests.Response()
        answer.status_code, answer._content, answer.url = status, body, request.url or ""
        answer.headers.update(told)
        answer._content_consumed = True  # type: ignore[attr-defined]
        answer.request = request
        return answer

    adapter._client._session.send = send  # type: ignore[method-assign]
    return adapter


@pytest.mark.parametrize(("call", "meant"), [row[1:] for row in CALLS], ids=[row[0] for row in CALLS])
@examples(60)
@given(status=statuses, body=bodies, told=headers)
@example(status=200, body=b"[" * 100_000, told={})
def test_every_answer_ends_in_a_report_or_in_an_error_the_caller_knows(
    call: Any, meant: Any, status: int, body: bytes, told: dict[str, str]
) -> None:
    desk = desk_that_hears(status, body, told)

    _, problem = outcome(lambda: call(desk))

    assert problem is None or (isinstance(problem, meant) and problem.sentence.strip())


@examples(300)
@given(status=statuses, body=bodies, told=headers, call=st.sampled_from(sorted(WRITES)))
def test_a_refusal_is_one_only_where_the_broker_itself_said_so(
    status: int, body: bytes, told: dict[str, str], call: Call
) -> None:
    """No success, no page of something between us, no body that cannot be read."""
    answer = Answer(status, body.decode("utf-8", "replace"), told)
    problem = failure(answer, call)

    if isinstance(problem, Refused | MarketClosed):
        assert answer.message, "nobody said why"
        assert status in {400, 403, 404, 422}
    if not answer.message and status not in {401, 429}:
        assert isinstance(problem, OutcomeUnknown)


@examples(100)
@given(told=headers)
def test_the_time_to_wait_is_always_a_sane_one(told: dict[str, str]) -> None:
    assert 1 <= seconds_to_wait(told, 10) <= 300


def test_the_table_ends_in_doubt_for_every_status_of_a_write() -> None:
    for status in range(300, 600):
        for call in WRITES:
            found = failure(Answer(status, "<html>", {}), call)
            assert isinstance(found, (OutcomeUnknown, TryLater, CredentialsInvalid))
            assert isinstance(found, OutcomeUnknown) or status in {401, 429}
    assert RULES


# --- the stream -------------------------------------------------------------------------------------------------------


class Socket:
    """Says its frames, and hears what it is told."""

    def __init__(self, frames: list[str | bytes]) -> None:
        self.frames = list(frames)

    async def send(self, message: str) -> None:
        json.loads(message)

    def __aiter__(self) -> "Socket":
        return self

    async def __anext__(self) -> str | bytes:
        if not self.frames:
            raise StopAsyncIteration
        return self.frames.pop(0)


UPDATE = {"stream": "trade_updates", "data": {"event": "fill", "order": answers.ORDER, "price": "1", "qty": "2"}}
IN = {"stream": "authorization", "data": {"status": "authorized", "action": "authenticate"}}
LISTENING = {"stream": "listening", "data": {"streams": ["trade_updates"]}}
frames = st.one_of(
    almost(UPDATE).map(json.dumps),
    almost(LISTENING).map(json.dumps),
    almost(IN).map(json.dumps),
    values.map(json.dumps),
    st.binary(max_size=60),
    st.sampled_from(PAGES),
)
SETTINGS = ConnectionSettings(
    "c", "alpaca", True, "https://a.test", credentials={"api_key": "PKTEST", "secret_key": "secret"}
)


async def _listen(said: list[str | bytes]) -> None:
    socket: Any = Socket(said)
    await stream._sign_in(socket, SETTINGS)
    async for _ in stream._updates(socket):
        pass


@examples(200)
@given(before=st.lists(frames, max_size=2), after=st.lists(frames, max_size=4), signed_in=st.booleans())
@example(before=[], after=["[" * 100_000], signed_in=True)
@example(before=[json.dumps({**LISTENING, "data": {"streams": 7}})], after=[], signed_in=True)
def test_whatever_a_socket_says_the_listener_ends_with_a_word_of_ours(
    before: list[str | bytes], after: list[str | bytes], signed_in: Any
) -> None:
    hello = [json.dumps(IN)] if signed_in else []
    said = [*hello, *before, json.dumps(LISTENING), *after]

    # In a thread of its own: where browsers were driven before, this one has a loop already.
    with ThreadPoolExecutor(1) as thread, pytest.raises((TryLater, CredentialsInvalid)):
        thread.submit(asyncio.run, _listen(said)).result()
