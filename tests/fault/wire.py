"""Injections between the desk and the broker: requests, their answers, and the stream of order updates."""

import contextlib
import json
import threading
import time
from random import Random
from typing import Any

from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from tests.brokers.simulator_server import ControlRefused
from tests.fault.injections import injection
from tests.fault.lab import Lab
from tests.fault.record import Injected, Missed
from tests.fault.traders import Trader

ORDERS = "/v2/orders"
ONE_ORDER = "/v2/orders/*"
BY_CLIENT_ID = "/v2/orders:by_client_order_id"
# What a fault of requests befalls, by weight: writes above all.
WHERE: dict[tuple[str, str], int] = {
    ("POST", ORDERS): 10,
    ("DELETE", ONE_ORDER): 4,
    ("PATCH", ONE_ORDER): 4,
    ("GET", BY_CLIENT_ID): 2,
    ("GET", ORDERS): 2,
    ("GET", ONE_ORDER): 1,
    ("GET", "/v2/account/activities*"): 2,
    ("GET", "/v2/positions"): 1,
    ("GET", "/v2/account"): 1,
}
# Longer than anybody waits for a broker's answer.
HANG = 25.0
# Long enough for the next order to be placed, and to be looked for by its id.
MUTE_SECONDS = 8.0
# How often another program tries to get the one connection of a key.
TRIES = 4
# Name: the exchange's kind of fault, and its details.
FAULTS: dict[str, tuple[str, dict[str, Any]]] = {
    "dropped_before": ("drop_before", {}),
    "dropped_after": ("drop_after", {}),
    "500_before": ("status_before", {"status": 500}),
    "500_after": ("status_after", {"status": 500}),
    "502_before": ("status_before", {"status": 502}),
    "502_after": ("status_after", {"status": 502}),
    "504_before": ("status_before", {"status": 504}),
    "504_after": ("status_after", {"status": 504}),
    "rate_limited": ("rate_limited", {"reset": 2}),
    "slow_before": ("slow_before", {"seconds": 4}),
    "slow_after": ("slow_after", {"seconds": 4}),
    "cut_off": ("cut_off", {}),
    "unreadable": ("unreadable", {}),
}
ANSWERS: dict[str, dict[str, Any]] = {
    "unknown_status": {"status": "gone_fishing"},
    "unknown_enum": dict.fromkeys(("side", "type", "order_type", "time_in_force", "order_class"), "pyramid"),
    "null_status": {"status": None},
    "null_numbers": {"filled_qty": None, "filled_avg_price": None, "updated_at": None},
    "null_ids": {"id": None, "client_order_id": None},
    "numbers_as_words": {"filled_qty": "many", "qty": "some"},
}
WRITES = {where: weight for where, weight in WHERE.items() if where[0] != "GET"}


def _where(rng: Random, table: dict[tuple[str, str], int] = WHERE) -> tuple[str, str]:
    return rng.choices(list(table), table.values())[0]


def _enter_faults() -> None:
    for name, (kind, details) in FAULTS.items():

        def deed(lab: Lab, rng: Random, kind: str = kind, details: dict[str, Any] = details) -> str:
            method, path = _where(rng)
            times = rng.choice([1, 1, 2, 3])
            lab.fault(kind, method=method, path=path, times=times, **details)
            return f"{method} {path} ×{times}"

        injection(f"wire.{name}", "wire")(deed)
    for name, fields in ANSWERS.items():

        def answered(lab: Lab, rng: Random, fields: dict[str, Any] = fields) -> str:
            method, path = rng.choice([("POST", ORDERS), ("PATCH", ONE_ORDER), ("GET", ONE_ORDER), ("GET", ORDERS)])
            lab.fault("replace_fields", method=method, path=path, fields=fields)
            return f"{method} {path} {fields}"

        injection(f"wire.{name}", "wire", 0.6)(answered)


_enter_faults()


@injection("wire.hang_before", "wire", 0.4)
def hang_before(lab: Lab, rng: Random) -> str:
    method, path = _where(rng, WRITES)
    lab.fault("hang_before", method=method, path=path, seconds=HANG)
    return f"{method} {path}"


@injection("wire.hang_after", "wire", 0.4)
def hang_after(lab: Lab, rng: Random) -> str:
    method, path = _where(rng, WRITES)
    lab.fault("hang_after", method=method, path=path, seconds=HANG)
    return f"{method} {path}"


@injection("wire.duplicate_id", "wire", 0.6)
def duplicate_id(lab: Lab, rng: Random) -> str:
    """The broker refuses an id as known that it does not know."""
    method, path = rng.choice([("POST", ORDERS), ("PATCH", ONE_ORDER)])
    lab.fault("duplicate_id", method=method, path=path)
    return f"{method} {path}"


@injection("wire.lookup_lags", "wire", 1.0)
def lookup_lags(lab: Lab, rng: Random) -> None:
    """The answer is lost, and the order is not to be found by its id at first. It strikes where it was looked for.

    What leads to the look-up has no label: an answer that is lost is another fault. No stream tells of the order meanwhile,
    so that its worker has to ask.
    """
    lab.control.mute()
    lab.later(MUTE_SECONDS, lab.control.unmute)
    lab.control.fault("drop_after", method="POST", path=ORDERS)
    lab.fault("not_found", method="GET", path=BY_CLIENT_ID, times=2)


@injection("wire.unauthorized", "wire", 0.25)
def unauthorized(lab: Lab, rng: Random) -> str:
    """The keys are refused once, and are good: their trader types the same ones again."""
    trader = rng.choice(lab.traders)
    key_id, _ = lab.keys[trader.name]
    lab.fault("unauthorized", key_id=key_id)
    return trader.name


@injection("wire.keys_changed", "wire", 0.25)
def keys_changed(lab: Lab, rng: Random) -> str:
    """Keys are made anew at the broker: the old ones open nothing from now on."""
    trader = rng.choice(lab.traders)
    fresh = (f"PK{rng.getrandbits(72):018X}", f"{rng.getrandbits(160):040x}")
    lab.control.change_keys(trader.exchange, key_id=fresh[0], secret_key=fresh[1])
    lab.keys[trader.name] = fresh
    return trader.name


# --- the stream ------------------------------------------------------------------------------------------------------


@injection("stream.lost", "stream")
def lost(lab: Lab, rng: Random) -> None:
    lab.stream_fault("stream_fault", kind="lose", times=rng.randint(1, 4))


@injection("stream.doubled", "stream")
def doubled(lab: Lab, rng: Random) -> None:
    lab.stream_fault("stream_fault", kind="duplicate", times=rng.randint(1, 4))


@injection("stream.late", "stream")
def late(lab: Lab, rng: Random) -> None:
    lab.stream_fault("stream_fault", kind="delay", times=rng.randint(1, 4), seconds=rng.uniform(1, 6))


@injection("stream.reordered", "stream")
def reordered(lab: Lab, rng: Random) -> None:
    lab.stream_fault("stream_fault", kind="reorder", times=rng.randint(1, 3))


@injection("stream.mute", "stream", 0.5)
def mute(lab: Lab, rng: Random) -> None:
    lab.stream_fault("mute")
    lab.later(rng.uniform(3, 15), lab.control.unmute)


@injection("stream.closed", "stream", 0.7)
def closed(lab: Lab, rng: Random) -> None:
    answer = lab.control.call("close_streams", code=rng.choice([1000, 1001, 1006 + 5, 1012]))
    if not answer["closed"]:
        raise Missed("nobody is connected")


@injection("stream.refused", "stream", 0.4)
def refused(lab: Lab, rng: Random) -> None:
    """Closed, and refused when it comes back."""
    lab.stream_fault("refuse_connections", times=rng.randint(1, 3))
    lab.control.close_streams()


@injection("stream.fought_over", "stream", 0.4)
def fought_over(lab: Lab, rng: Random) -> str:
    """Another program of the trader takes the one connection that a key has, for a while."""
    trader, line = rng.choice(lab.traders), lab.record.line()
    lab.control.close_streams()
    threading.Thread(target=_hold, args=(lab, trader, rng.uniform(3, 10), line), daemon=True).start()
    return trader.name


def _hold(lab: Lab, trader: Trader, seconds: float, line: Injected) -> None:
    """It strikes where we win the key; the desk may have been quicker, and is cut off once more."""
    key_id, secret = lab.keys[trader.name]
    address = f"ws://127.0.0.1:{lab.exchange_port}/stream"
    for _ in range(TRIES):
        with contextlib.suppress(OSError, WebSocketException), connect(address, open_timeout=5) as socket:
            socket.send(json.dumps({"action": "auth", "key": key_id, "secret": secret}))
            if json.loads(socket.recv(5))["data"].get("status") == "authorized":
                socket.send('{"action":"listen","data":{"streams":["trade_updates"]}}')
                line.struck()
                time.sleep(seconds)
                return
        with contextlib.suppress(OSError, ControlRefused):
            lab.control.close_streams()
    line.missed("the desk held its key")
