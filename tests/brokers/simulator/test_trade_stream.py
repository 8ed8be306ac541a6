"""The socket of trade updates, word by word: what is said, to whom, and what may go wrong on the way."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgpack
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.brokers.simulator.conftest import Wire
from tests.brokers.simulator_server import ControlRefused, RunningSimulator, wait_until


@contextmanager
def socket(exchange: RunningSimulator, **options: Any) -> Iterator[ClientConnection]:
    with connect(exchange.stream_url, open_timeout=10, **options) as opened:
        yield opened


def ask(opened: ClientConnection, action: str, **data: Any) -> dict[str, Any]:
    opened.send(json.dumps({"action": action, "data": data}))
    return dict(json.loads(opened.recv(10)))


def authenticate(opened: ClientConnection, key_id: str, secret_key: str) -> dict[str, Any]:
    return ask(opened, "authenticate", key_id=key_id, secret_key=secret_key)


@pytest.fixture
def heard(exchange: RunningSimulator) -> Iterator[ClientConnection]:
    """A connection that listens."""
    with socket(exchange) as opened:
        authenticate(opened, exchange.key_id, exchange.secret_key)
        ask(opened, "listen", streams=["trade_updates"])
        yield opened


def events(opened: ClientConnection, number: int) -> list[str]:
    return [json.loads(opened.recv(10))["data"]["event"] for _ in range(number)]


def is_silent(opened: ClientConnection) -> bool:
    try:
        opened.recv(0.2)
    except TimeoutError:
        return True
    return False


def test_the_conversation(exchange: RunningSimulator) -> None:
    with socket(exchange) as opened:
        too_early = ask(opened, "listen", streams=["trade_updates"])
        wrong = authenticate(opened, exchange.key_id, "wrong")
        right = authenticate(opened, exchange.key_id, exchange.secret_key)
        heard = ask(opened, "listen", streams=["trade_updates", "no_such_stream"])
        unheard = ask(opened, "listen", streams=[])
        senseless = ask(opened, "dance")

    assert too_early == {"stream": "authorization", "data": {"status": "unauthorized", "action": "listen"}}
    assert wrong == {"stream": "authorization", "data": {"status": "unauthorized", "action": "authenticate"}}
    assert right == {"stream": "authorization", "data": {"status": "authorized", "action": "authenticate"}}
    assert heard == {"stream": "listening", "data": {"streams": ["trade_updates"]}}
    assert unheard == {"stream": "listening", "data": {"streams": []}}
    assert senseless == {"action": "error", "data": {"error_message": "invalid action"}}


def test_what_cannot_be_read_is_said_and_the_connection_lives(exchange: RunningSimulator) -> None:
    with socket(exchange) as opened:
        for nonsense in ("{", "[1]", b"\xc1", b"{"):
            opened.send(nonsense)
            assert json.loads(opened.recv(10))["action"] == "error"
        assert authenticate(opened, exchange.key_id, exchange.secret_key)["data"]["status"] == "authorized"


def test_an_update_carries_the_execution_and_the_whole_order(heard, exchange, wire: Wire) -> None:
    placed = wire.ordered(qty="10", client_order_id="td-1")
    new, fill = (json.loads(heard.recv(10)) for _ in range(2))
    order = wire.get(f"/v2/orders/{placed['id']}")

    assert {new["stream"], fill["stream"]} == {"trade_updates"}
    assert new["data"]["event"] == "new"
    assert "price" not in new["data"]
    assert {name: fill["data"][name] for name in ("event", "price", "qty", "position_qty")} == {
        "event": "fill",
        "price": "100.02",
        "qty": "10",
        "position_qty": "10",
    }
    assert fill["data"]["order"] == order
    dumped = exchange.control.dump(exchange.account)["activities"]
    assert fill["data"]["execution_id"] in {line["execution_id"] for line in dumped}


def test_partial_fills_tell_this_execution_and_the_sum_so_far(heard, exchange, wire: Wire) -> None:
    exchange.control.set_quote("SPY", bid="100.00", ask="100.02", ask_size=4)
    wire.ordered(qty="10", type="limit", limit_price="100.02")
    exchange.control.set_quote("SPY", bid="100.00", ask="100.02", ask_size=6)
    told = [json.loads(heard.recv(10))["data"] for _ in range(3)]

    assert [(update["event"], update.get("qty"), update["order"]["filled_qty"]) for update in told] == [
        ("new", None, "0"),
        ("partial_fill", "4", "4"),
        ("fill", "6", "10"),
    ]


def test_an_account_hears_nothing_of_another(heard, exchange) -> None:
    other = exchange.control.open_account()
    Wire(exchange.url, other.key_id, other.secret_key).ordered()

    assert is_silent(heard)


def test_an_order_made_elsewhere_is_heard_too(heard, exchange) -> None:
    exchange.control.place_external(
        exchange.account, symbol="SPY", qty=1, side="buy", type="market", time_in_force="day"
    )

    assert events(heard, 2) == ["new", "fill"]


def test_one_connection_for_a_key(heard, exchange) -> None:
    with socket(exchange) as second:
        refused = authenticate(second, exchange.key_id, exchange.secret_key)
        with pytest.raises(ConnectionClosed):
            second.recv(10)

    assert refused == {"action": "error", "data": {"error_message": "connection limit exceeded"}}
    assert exchange.control.connections()["listening"] == [exchange.key_id]


def test_a_closed_connection_makes_room_for_the_next(exchange) -> None:
    for _ in range(2):
        with socket(exchange) as opened:
            assert authenticate(opened, exchange.key_id, exchange.secret_key)["data"]["status"] == "authorized"
        wait_until(lambda: exchange.control.connections()["trades"] == [])


def test_frames_are_text_binary_or_msgpack(exchange, wire: Wire) -> None:
    kinds = []
    for frames, headers in (("text", {}), ("binary", {}), ("text", {"Content-Type": "application/msgpack"})):
        exchange.control.set_frames(frames)
        with socket(exchange, additional_headers=headers) as opened:
            opened.send(json.dumps({"action": "authenticate", "data": {"key_id": "", "secret_key": ""}}))
            kinds.append(opened.recv(10))

    text, binary, packed = kinds
    assert isinstance(text, str)
    assert isinstance(binary, bytes)
    assert json.loads(text) == json.loads(binary) == msgpack.unpackb(packed)


# --- what goes wrong ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "heard_events"),
    [
        ("lose", ["fill"]),
        ("duplicate", ["new", "new", "fill"]),
        ("reorder", ["fill", "new"]),
    ],
)
def test_events_are_lost_doubled_and_out_of_order(heard, exchange, wire: Wire, kind, heard_events) -> None:
    exchange.control.stream_fault(kind)
    wire.ordered()

    assert events(heard, len(heard_events)) == heard_events
    assert is_silent(heard)


def test_a_doubled_event_has_the_same_execution(heard, exchange, wire: Wire) -> None:
    exchange.control.stream_fault("duplicate", times=2)
    wire.ordered()
    told = [heard.recv(10) for _ in range(4)]

    assert told[0] == told[1]
    assert told[2] == told[3]


def test_a_delayed_event_comes_later(heard, exchange, wire: Wire) -> None:
    exchange.control.stream_fault("delay", seconds=0.4)
    wire.ordered()

    assert is_silent(heard)
    assert events(heard, 2) == ["new", "fill"]


def test_a_mute_socket_is_connected_and_says_nothing(heard, exchange, wire: Wire) -> None:
    exchange.control.mute()
    wire.ordered()

    assert is_silent(heard)
    assert heard.ping().wait(10)
    exchange.control.unmute()
    wire.ordered()
    assert events(heard, 2) == ["new", "fill"]


def test_connections_are_closed_and_refused_on_demand(heard, exchange) -> None:
    exchange.control.close_streams(code=1012, reason="restart")
    with pytest.raises(ConnectionClosed) as closed:
        heard.recv(10)
    exchange.control.refuse_connections(1)
    with pytest.raises(InvalidStatus) as refused, socket(exchange):
        pass

    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (1012, "restart")
    assert refused.value.response.status_code == 429
    with socket(exchange) as opened:
        assert authenticate(opened, exchange.key_id, exchange.secret_key)["data"]["status"] == "authorized"


def test_unknown_stream_faults_are_refused(exchange) -> None:
    with pytest.raises(ControlRefused, match="There is no stream fault 'sing'"):
        exchange.control.stream_fault("sing")
