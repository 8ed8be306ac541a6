"""Who is let in, how often, and what every answer carries."""

import re
import time

import pytest
import requests

from brokers.simulator.rate_limit import RateLimiter
from tests.brokers.simulator.conftest import MORNING, Wire
from tests.brokers.simulator_server import RunningSimulator, simulator


@pytest.mark.parametrize(
    ("headers", "refusal"),
    [
        ({}, (403, None, "forbidden.")),
        ({"APCA-API-KEY-ID": "PKTEST", "APCA-API-SECRET-KEY": "wrong"}, (401, None, "unauthorized.")),
        ({"APCA-API-KEY-ID": "PKTEST"}, (401, None, "unauthorized.")),
        ({"Authorization": "Bearer nonsense"}, (401, None, "unauthorized.")),
        ({"Authorization": "Basic %%%"}, (403, None, "forbidden.")),
        # The keys of a live account, on an exchange for paper.
        ({"APCA-API-KEY-ID": "AKLIVE", "APCA-API-SECRET-KEY": "right"}, (403, None, "forbidden.")),
    ],
)
def test_strangers_are_turned_away(exchange: RunningSimulator, wire: Wire, headers, refusal) -> None:
    for path in ("/v2/account", "/v2/stocks/quotes/latest?symbols=SPY", "/v2/nothing"):
        assert wire.refused(requests.get(f"{exchange.url}{path}", headers=headers, timeout=10)) == refusal


def test_keys_are_taken_from_headers_and_from_authorization(exchange: RunningSimulator) -> None:
    pair = (exchange.key_id, exchange.secret_key)
    bearer = {"Authorization": f"Bearer {':'.join(pair)}"}

    assert requests.get(f"{exchange.url}/v2/account", headers=bearer, timeout=10).status_code == 200
    assert requests.get(f"{exchange.url}/v2/account", auth=pair, timeout=10).status_code == 200


def test_changed_keys_open_the_same_account(exchange: RunningSimulator, wire: Wire) -> None:
    before = wire.get("/v2/account")["id"]
    exchange.control.change_keys(exchange.account, key_id="PKNEW", secret_key="new-secret")

    assert wire.call("GET", "/v2/account").status_code == 401
    assert Wire(exchange.url, "PKNEW", "new-secret").get("/v2/account")["id"] == before


def test_every_answer_carries_a_request_id_and_the_limits(exchange: RunningSimulator, wire: Wire) -> None:
    answers = [
        wire.call("GET", "/v2/account"),
        wire.call("GET", "/v2/orders/unknown"),
        wire.call("GET", "/v2/nothing"),
        wire.call("GET", "/v2/stocks/quotes/latest?symbols=SPY"),
        requests.get(f"{exchange.url}/v2/account", timeout=10),
    ]

    assert len({answer.headers["X-Request-ID"] for answer in answers}) == len(answers)
    assert {answer.headers["X-RateLimit-Limit"] for answer in answers} == {"100000"}
    for answer in answers:
        assert int(answer.headers["X-RateLimit-Remaining"]) < 100_000
        assert 0 < int(answer.headers["X-RateLimit-Reset"]) - time.time() <= 60


def test_above_the_limit_requests_are_refused_and_do_nothing(exchange: RunningSimulator, wire: Wire) -> None:
    exchange.control.set_rate_limit(2)

    answers = [wire.order() for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert wire.refused(answers[-1]) == (429, 42910000, "rate limit exceeded")
    assert [answer.headers["X-RateLimit-Remaining"] for answer in answers] == ["1", "0", "0"]
    assert len(exchange.control.orders(exchange.account)) == 2


def test_accounts_and_market_data_have_limits_of_their_own(exchange: RunningSimulator, wire: Wire) -> None:
    other = exchange.control.open_account()
    exchange.control.set_rate_limit(1)

    assert [wire.call("GET", "/v2/account").status_code for _ in range(2)] == [200, 429]
    assert Wire(exchange.url, other.key_id, other.secret_key).call("GET", "/v2/account").status_code == 200
    assert wire.call("GET", "/v2/stocks/quotes/latest?symbols=SPY").status_code == 200


def test_the_usual_limit_is_200_a_minute() -> None:
    with simulator(start=MORNING, rate_limit=200) as running:
        answer = Wire(running.url, running.key_id, running.secret_key).call("GET", "/v2/account")

    assert (answer.headers["X-RateLimit-Limit"], answer.headers["X-RateLimit-Remaining"]) == ("200", "199")


def test_a_new_minute_begins_with_the_whole_limit() -> None:
    moment = [1000.5]
    limiter = RateLimiter(2, now=lambda: moment[0])

    taken = [limiter.take("a") for _ in range(3)]
    moment[0] = 1060.0
    fresh = limiter.take("a")

    assert [allowance.granted for allowance in taken] == [True, True, False]
    assert [allowance.remaining for allowance in taken] == [1, 0, 0]
    assert taken[-1].reset == 1060
    assert (fresh.granted, fresh.remaining, fresh.reset) == (True, 1, 1120)


def test_requests_are_counted_for_the_test_by_method_and_path(exchange: RunningSimulator, wire: Wire) -> None:
    exchange.control.forget_counts()
    order = wire.ordered()
    wire.get(f"/v2/orders/{order['id']}")
    wire.get("/v2/orders", status="all")

    assert exchange.control.count() == 3
    assert exchange.control.count("GET", "/v2/orders/*") == 1
    assert exchange.control.counts() == {"POST /v2/orders": 1, "GET /v2/orders/{order_id}": 1, "GET /v2/orders": 1}
    last = exchange.control.requests()[-1]
    # In Unix seconds of the machine.
    assert 0 <= time.time() - last.pop("received_at") < 60
    # As the answer's X-Request-ID.
    assert re.fullmatch("[0-9a-f]{32}", last.pop("request_id"))
    assert last == {
        "method": "GET",
        "path": "/v2/orders",
        "query": {"status": "all"},
        "key_id": exchange.key_id,
    }
