"""Every fault does to the client what its name says, and to the exchange what it must."""

import time

import pytest
import requests

from tests.brokers.simulator.conftest import Wire
from tests.brokers.simulator_server import ControlRefused, RunningSimulator, wait_until


def placed(exchange: RunningSimulator) -> int:
    """How many orders the exchange knows."""
    return len(exchange.control.orders(exchange.account))


@pytest.mark.parametrize(("kind", "orders"), [("drop_before", 0), ("drop_after", 1)])
def test_a_dropped_connection_leaves_the_client_in_the_dark(exchange, wire: Wire, kind, orders) -> None:
    exchange.control.fault(kind, method="POST", path="/v2/orders")

    with pytest.raises(requests.ConnectionError):
        wire.order()

    assert placed(exchange) == orders
    assert wire.order().status_code == 200


@pytest.mark.parametrize(("kind", "orders"), [("hang_before", 0), ("hang_after", 1)])
def test_a_hanging_request_is_given_up_by_the_client(exchange, wire: Wire, kind, orders) -> None:
    exchange.control.fault(kind, method="POST", path="/v2/orders", seconds=30)

    with pytest.raises(requests.ReadTimeout):
        wire.session.post(f"{wire.url}/v2/orders", json=market_order(), timeout=0.3)

    assert placed(exchange) == orders


def test_a_hang_ends_without_an_answer_after_its_time(exchange, wire: Wire) -> None:
    exchange.control.fault("hang_before", seconds=0.05)

    with pytest.raises(requests.ConnectionError):
        wire.get("/v2/account")


def test_a_slow_request_is_acted_on_after_the_client_has_gone(exchange, wire: Wire) -> None:
    exchange.control.fault("slow_before", method="POST", path="/v2/orders", seconds=0.4)

    with pytest.raises(requests.ReadTimeout):
        wire.session.post(f"{wire.url}/v2/orders", json=market_order(), timeout=0.1)

    assert placed(exchange) == 0
    wait_until(lambda: placed(exchange) == 1, "the late order")


def test_a_slow_answer_is_late_and_whole(exchange, wire: Wire) -> None:
    exchange.control.fault("slow_after", path="/v2/account", seconds=0.2)
    began = time.monotonic()

    assert wire.get("/v2/account")["status"] == "ACTIVE"
    assert time.monotonic() - began >= 0.2


@pytest.mark.parametrize(("kind", "orders"), [("status_before", 0), ("status_after", 1)])
@pytest.mark.parametrize(
    ("status", "is_html", "content_type"),
    [
        (500, False, "application/json"),
        (502, True, "text/html"),
        (503, False, "application/json"),
        (504, True, "text/html"),
    ],
)
def test_errors_of_gateways_and_servers(exchange, wire: Wire, kind, orders, status, is_html, content_type) -> None:
    exchange.control.fault(kind, method="POST", path="/v2/orders", status=status)

    answer = wire.order()

    assert answer.status_code == status
    assert answer.headers["Content-Type"].startswith(content_type)
    assert answer.text.startswith("<html>") == is_html
    assert placed(exchange) == orders


def test_a_status_may_come_with_a_body_of_the_tests_own(exchange, wire: Wire) -> None:
    exchange.control.fault(
        "status_before", path="/v2/account", status=401, body="<html>401 Authorization Required</html>"
    )

    answer = wire.call("GET", "/v2/account")

    assert (answer.status_code, answer.text) == (401, "<html>401 Authorization Required</html>")


def test_a_429_says_when_to_come_again(exchange, wire: Wire) -> None:
    exchange.control.fault("rate_limited", method="POST", path="/v2/orders", reset=7)

    answer = wire.order()

    assert wire.refused(answer) == (429, 42910000, "rate limit exceeded")
    assert answer.headers["X-RateLimit-Remaining"] == "0"
    assert 5 <= int(answer.headers["X-RateLimit-Reset"]) - time.time() <= 7
    assert placed(exchange) == 0


@pytest.mark.parametrize(
    ("kind", "refusal"),
    [
        ("unauthorized", (401, None, "unauthorized.")),
        ("forbidden", (403, None, "forbidden.")),
        ("duplicate_id", (422, 40010001, "client_order_id must be unique")),
        ("not_found", (404, 40410000, "order not found")),
    ],
)
def test_refusals_on_demand(exchange, wire: Wire, kind, refusal) -> None:
    exchange.control.fault(kind, method="POST", path="/v2/orders")

    assert wire.refused(wire.order()) == refusal
    assert placed(exchange) == 0


def test_an_answer_that_is_cut_off_was_acted_on(exchange, wire: Wire) -> None:
    exchange.control.fault("cut_off", method="POST", path="/v2/orders")

    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        wire.order()

    assert placed(exchange) == 1


def test_an_answer_that_cannot_be_read_was_acted_on(exchange, wire: Wire) -> None:
    exchange.control.fault("unreadable", method="POST", path="/v2/orders")

    answer = wire.order()

    assert answer.status_code == 200
    with pytest.raises(requests.JSONDecodeError):
        answer.json()
    assert placed(exchange) == 1


def test_fields_of_an_answer_and_of_every_line_of_a_list_are_replaced(exchange, wire: Wire) -> None:
    exchange.control.fault(
        "replace_fields", path="/v2/orders", times=2, fields={"status": "teleported", "submitted_at": None}
    )

    order, listed = wire.ordered(type="limit", limit_price="90"), wire.get("/v2/orders")

    assert (order["status"], order["submitted_at"]) == ("teleported", None)
    assert [(line["status"], line["submitted_at"]) for line in listed] == [("teleported", None)]
    assert wire.get("/v2/orders")[0]["status"] == "new"


def test_an_accepted_order_may_not_be_found_for_a_while(exchange, wire: Wire) -> None:
    order = wire.ordered(client_order_id="td-1")
    exchange.control.fault("not_found", path="/v2/orders:by_client_order_id", times=2)

    found = [wire.call("GET", "/v2/orders:by_client_order_id?client_order_id=td-1") for _ in range(3)]

    assert [answer.status_code for answer in found] == [404, 404, 200]
    assert found[-1].json()["id"] == order["id"]


def test_a_fault_befalls_only_what_it_names_and_so_often(exchange, wire: Wire) -> None:
    other = exchange.control.open_account()
    stranger = Wire(exchange.url, other.key_id, other.secret_key)
    exchange.control.fault("status_before", method="GET", path="/v2/orders*", key_id=exchange.key_id, times=2)

    assert wire.call("GET", "/v2/account").status_code == 200
    assert wire.order().status_code == 200
    assert stranger.call("GET", "/v2/orders").status_code == 200
    assert [wire.call("GET", "/v2/orders").status_code for _ in range(3)] == [500, 500, 200]


def test_faults_are_cleared_and_unknown_ones_refused(exchange, wire: Wire) -> None:
    exchange.control.fault("status_before", times=100)
    exchange.control.clear_faults()

    assert wire.call("GET", "/v2/account").status_code == 200
    with pytest.raises(ControlRefused, match="There is no fault 'explode'"):
        exchange.control.fault("explode")


def market_order() -> dict[str, str]:
    return {"symbol": "SPY", "qty": "1", "side": "buy", "type": "market", "time_in_force": "day"}
