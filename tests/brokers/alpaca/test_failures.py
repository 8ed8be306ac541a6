"""What each refusal of Alpaca means, and that what is not known is never taken for a refusal."""

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brokers.alpaca.failures import READS, WRITES, Answer, Call, failure, keys_for
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

C = Call
HTML = "<html><body>nginx</body></html>"


def answer(status: int, code: int | None = None, message: str = "", **more: Any) -> Answer:
    body = {**({} if code is None else {"code": code}), **({"message": message} if message else {}), **more}
    return Answer(status, json.dumps(body), {"X-Request-ID": "req-1"})


@pytest.mark.parametrize(
    ("call", "status", "code", "message", "kind", "our_code"),
    [
        (C.SUBMIT, 422, 40010001, "client_order_id must be unique", DuplicateOrder, "duplicate"),
        (C.REPLACE, 422, 40010001, "client_order_id must be unique", DuplicateOrder, "duplicate"),
        (C.SUBMIT, 422, 40010001, "bracket orders must be market or limit orders", Refused, "refused"),
        (C.SUBMIT, 422, 40010001, 'only type="limit" is allowed for extended hours orders', Refused, "refused"),
        (C.SUBMIT, 422, 40010001, "qty or notional is required", Refused, "refused"),
        (C.SUBMIT, 403, 40310000, "insufficient buying power", Refused, "insufficient_buying_power"),
        (C.SUBMIT, 403, 40310000, "insufficient options buying power (required: 5, available: 1)", Refused, "insufficient_buying_power"),
        (C.SUBMIT, 403, 40310000, "insufficient qty available for order (requested: 5, available: 1)", Refused, "insufficient_quantity"),
        (C.SUBMIT, 403, 40310000, "potential wash trade detected. use complex orders", Refused, "wash_trade"),
        (C.SUBMIT, 422, 42210000, "potential wash trade detected. use complex orders", Refused, "wash_trade"),
        (C.SUBMIT, 403, 40310000, "account not eligible for level2 options trading", Refused, "refused"),
        (C.REPLACE, 403, 40310000, "order parameters are not changed", Refused, "refused"),
        (C.SUBMIT, 403, 40310000, 'asset "X" is not fractionable', Refused, "refused"),
        (C.SUBMIT, 403, 40310100, "trade denied due to pattern day trading protection", Refused, "account_restricted"),
        (C.SUBMIT, 422, 42210000, "invalid limit_price 290.123. sub-penny increment does not fulfill minimum pricing criteria", Refused, "bad_tick"),
        (C.SUBMIT, 422, 42210000, "bracket orders must be entry orders", Refused, "refused"),
        (C.SUBMIT, 422, 42210000, "fractional orders must be DAY orders", Refused, "refused"),
        (C.SUBMIT, 422, 42210000, 'asset "X" cannot be sold short', Refused, "not_shortable"),
        (C.SUBMIT, 422, 42210000, "only day orders are allowed for hard-to-borrow asset X", Refused, "not_shortable"),
        (C.SUBMIT, 422, 42210000, 'asset "X" is not tradable', Refused, "not_tradable"),
        (C.SUBMIT, 422, 42210000, "options market orders are only allowed during market hours", MarketClosed, "market_closed"),
        (C.SUBMIT, 422, None, "stop price must be less than base_price - 0.01", Refused, "refused"),
        (C.SUBMIT, 422, 49999999, "something quite new", Refused, "refused"),
        (C.SUBMIT, 404, 40410000, "asset not found for X", Refused, "unknown_symbol"),
        (C.REPLACE, 422, 42210000, "cannot replace order in filled status", NotCancelable, "not_replaceable"),
        (C.REPLACE, 422, 42210000, "cannot replace order in accepted status", Refused, "refused"),
        (C.REPLACE, 422, 42210000, "qty must be > filled_qty", Refused, "refused"),
        (C.REPLACE, 404, 40410000, "order not found for 1", UnknownOrder, "unknown_order"),
        (C.CANCEL, 422, 42210000, "order is not cancelable", NotCancelable, "not_cancelable"),
        (C.CANCEL, 404, 40410000, "order not found for 1", UnknownOrder, "unknown_order"),
        (C.CANCEL, 404, None, "order not found for 1", UnknownOrder, "unknown_order"),
        (C.ORDER, 404, 40410000, "order not found for 1", UnknownOrder, "unknown_order"),
        (C.ORDER, 404, None, "endpoint not found.", TryLater, "status_404"),
        (C.CANCEL, 404, None, "endpoint not found.", OutcomeUnknown, "status_404"),
        (C.READ, 422, 42210000, "invalid page_token", TryLater, "status_422"),
        (C.DATA, 403, 42210000, "subscription does not permit querying recent SIP data", NoMarketData, "no_data"),
        (C.DATA, 400, None, "invalid symbol: X!", NoMarketData, "no_data"),
        (C.READ, 401, 40110000, "request is not authorized", CredentialsInvalid, "credentials_invalid"),
        (C.SUBMIT, 401, None, "unauthorized.", CredentialsInvalid, "credentials_invalid"),
        (C.SUBMIT, 403, None, "forbidden.", CredentialsInvalid, "credentials_invalid"),
        (C.DATA, 403, None, "forbidden.", CredentialsInvalid, "credentials_invalid"),
        (C.SUBMIT, 429, 42910000, "rate limit exceeded", TryLater, "rate_limited"),
        (C.SUBMIT, 408, None, "request timeout", OutcomeUnknown, "status_408"),
        (C.SUBMIT, 409, 40910000, "conflict", OutcomeUnknown, "status_409"),
        (C.SUBMIT, 500, 50010000, "internal server error occurred", OutcomeUnknown, "status_500"),
        (C.SUBMIT, 503, None, "service unavailable", OutcomeUnknown, "status_503"),
        (C.CANCEL, 500, 50010000, "internal server error occurred", OutcomeUnknown, "status_500"),
        (C.READ, 500, 50010000, "internal server error occurred", TryLater, "status_500"),
        (C.SUBMIT, 302, None, "", OutcomeUnknown, "status_302"),
    ],
)  # fmt: skip
def test_the_table_of_refusals(
    call: Call, status: int, code: int | None, message: str, kind: type[BrokerError], our_code: str
) -> None:
    error = failure(answer(status, code, message), call)

    assert type(error) is kind
    assert (error.code, error.request_id) == (our_code, "req-1")
    assert error.sentence.endswith(".")


@pytest.mark.parametrize("call", sorted(WRITES))
@pytest.mark.parametrize("status", [400, 403, 404, 422, 500, 502, 503, 504])
def test_a_page_of_html_never_refuses_an_order(call: Call, status: int) -> None:
    assert type(failure(Answer(status, HTML, {}), call)) is OutcomeUnknown


def test_nginx_at_the_edge_says_401_with_a_page_and_means_the_key() -> None:
    assert type(failure(Answer(401, HTML, {}), C.READ)) is CredentialsInvalid


def test_a_refusal_carries_the_figures_and_says_them_in_words() -> None:
    refusal = failure(
        answer(
            403, 40310000, "insufficient qty available for order (requested: 5, available: 1)",
            available="1", existing_qty="5", held_for_orders="4", symbol="AAPL", related_orders=["a", "b"], nothing=None,
        ),
        C.SUBMIT,
    )  # fmt: skip

    assert isinstance(refusal, Refused)
    assert refusal.figures == {
        "available": "1", "existing_qty": "5", "held_for_orders": "4", "symbol": "AAPL", "related_orders": "a, b",
    }  # fmt: skip
    assert refusal.sentence == (
        "Alpaca refused the order: insufficient qty available for order (requested: 5, available: 1)."
    )


def test_a_full_budget_says_when_to_come_back() -> None:
    busy = failure(Answer(429, "{}", {"X-RateLimit-Reset": str(int(time.time()) + 30)}), C.SUBMIT)

    assert isinstance(busy, TryLater)
    assert 28 <= busy.after <= 30
    assert isinstance(unsaid := failure(Answer(429, HTML, {}), C.READ), TryLater)
    assert unsaid.after == 10


@pytest.mark.parametrize(
    ("api_key", "is_paper", "kind", "said"),
    [
        ("AK123", True, WrongEnvironment, "keys of a live account, and this is a paper connection"),
        ("PK123", False, WrongEnvironment, "keys of a paper account, and this is a live connection"),
        ("PK123", True, CredentialsInvalid, "does not accept these keys"),
        ("AK123", False, CredentialsInvalid, "does not accept these keys"),
        ("", True, CredentialsInvalid, "does not accept these keys"),
    ],
)
def test_keys_of_the_other_kind_are_named(api_key: str, is_paper: bool, kind: type[BrokerError], said: str) -> None:  # noqa: FBT001
    settings = ConnectionSettings("c", "alpaca", is_paper, "", credentials={"api_key": api_key})
    error = failure(Answer(401, '{"message":"unauthorized."}', {}, keys_for(settings)), C.READ)

    assert type(error) is kind
    assert said in error.sentence
    assert api_key == "" or api_key not in error.sentence


@given(status=st.integers(300, 599), body=st.text() | st.binary().map(repr), call=st.sampled_from(sorted(Call)))
def test_whatever_is_answered_a_write_is_refused_only_by_the_table(status: int, body: str, call: Call) -> None:
    error = failure(Answer(status, body, {}), call)

    assert isinstance(error, BrokerError)
    assert not isinstance(error, Refused | MarketClosed)
    if call in WRITES and status not in {401, 429}:
        assert type(error) is OutcomeUnknown
    if call in READS:
        assert not isinstance(error, OutcomeUnknown)
