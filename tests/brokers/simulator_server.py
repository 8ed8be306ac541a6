"""The stand-in exchange for tests: a real server on a free loopback port, and a client for its control port.

    with simulator() as exchange:
        exchange.control.set_quote("SPY", bid="100.00", ask="100.02")
        client = TradingClient(exchange.key_id, exchange.secret_key, url_override=exchange.url)

By default the market is scripted (prices only come from `set_quote`), always open and runs with the machine's clock.
With `start` the clock stands at that moment, keeps New York's hours, and moves when `advance` or `set_clock` says so.
"""

import asyncio
import contextlib
import json
import secrets
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from brokers.simulator.options import NewAccount, Options
from brokers.simulator.server import Addresses, Simulator

ROOT = Path(__file__).resolve().parent.parent.parent
Json = dict[str, Any]
Price = Decimal | str | int


class ControlRefused(Exception):
    """The control port said no; the text says why."""


class SimulatorControl:
    """What a test may do to the exchange behind the client's back. Prices and quantities as Decimal, text or int."""

    def __init__(self, address: str, token: str) -> None:
        self._address = address
        self._token = token

    def call(self, verb: str, **given: Any) -> Json:
        """Any verb of the control port."""
        request = urllib.request.Request(  # noqa: S310 - loopback
            f"{self._address}/control/{verb}",
            data=json.dumps(given, default=str).encode(),
            headers={"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - loopback
                return dict(json.load(answer))
        except urllib.error.HTTPError as problem:
            raise ControlRefused(json.load(problem)["message"]) from problem

    # --- the market --------------------------------------------------------------------------------------------------

    def set_quote(
        self, symbol: str, *, bid: Price, ask: Price, bid_size: Price = 100_000, ask_size: Price = 100_000
    ) -> None:
        """Show a quote in a scripted market; orders it reaches fill at once. A price of 0 is a side without quote."""
        self.call("show", kind="quote", symbol=symbol, bid=bid, ask=ask, bid_size=bid_size, ask_size=ask_size)

    def print_trade(self, symbol: str, *, price: Price, size: Price = 100) -> None:
        """Show a trade of the market at large in a scripted market."""
        self.call("show", kind="trade", symbol=symbol, price=price, size=size)

    def add_bar(
        self, symbol: str, at: datetime, prices: tuple[Price, Price, Price, Price], volume: Price = 1000
    ) -> None:
        """Add a minute bar (open, high, low, close) that began at `at` to a scripted market, before later quotes."""
        named = dict(zip(("open", "high", "low", "close"), prices, strict=True))
        self.call("show_bar", kind="bar", symbol=symbol, at=at.isoformat(), volume=volume, **named)

    def halt(self, symbol: str) -> None:
        self.call("halt", symbol=symbol)

    def resume(self, symbol: str) -> None:
        self.call("resume", symbol=symbol)

    def split(self, symbol: str, ratio: Price, at: datetime | None = None) -> None:
        """`ratio` new shares for one old."""
        self.call("split", symbol=symbol, ratio=ratio, at=at and at.isoformat())

    def dividend(self, symbol: str, amount: Price, at: datetime | None = None) -> None:
        """Dollars a share."""
        self.call("dividend", symbol=symbol, amount=amount, at=at and at.isoformat())

    # --- the clock ---------------------------------------------------------------------------------------------------

    def clock(self) -> Json:
        """timestamp, is_open, next_open, next_close and speed."""
        return self.call("clock")

    def now(self) -> datetime:
        return datetime.fromisoformat(self.clock()["timestamp"])

    def advance(self, seconds: float | Decimal) -> None:
        """Play the market on by so many seconds of the exchange's time."""
        self.call("advance", seconds=str(seconds))

    def set_clock(self, at: datetime) -> None:
        """Play the market on to a moment; refused when it has passed."""
        self.call("set_clock", at=at.isoformat())

    def pause(self) -> None:
        self.call("pause")

    def run(self, speed: Price = 1) -> None:
        self.call("run", speed=speed)

    # --- accounts ----------------------------------------------------------------------------------------------------

    def open_account(
        self, cash: Price = 100_000, *, key_id: str = "", secret_key: str = "", kind: str = "margin"
    ) -> "Account":
        """A further account, with fresh keys unless they are given. `kind` is margin or cash."""
        keys = Account("", key_id or f"PK{secrets.token_hex(9).upper()}", secret_key or secrets.token_urlsafe(30))
        opened = self.call("open_account", key_id=keys.key_id, secret_key=keys.secret_key, cash=cash, kind=kind)
        return Account(opened["id"], keys.key_id, keys.secret_key)

    def change_keys(self, account: str, *, key_id: str, secret_key: str) -> None:
        """The old keys stop to work."""
        self.call("change_keys", account=account, key_id=key_id, secret_key=secret_key)

    def transfer(self, account: str, amount: Price, type: str = "CSD") -> None:  # noqa: A002 - the wire's word
        """Book cash in (positive) or out (negative)."""
        self.call("transfer", account=account, amount=amount, type=type)

    def block(self, account: str) -> None:
        self.call("block", account=account)

    def unblock(self, account: str) -> None:
        self.call("unblock", account=account)

    def place_external(self, account: str, **order: Any) -> Json:
        """An order made on the broker's own page; fields as in POST /v2/orders. Answers the order."""
        return self.call("place_external", account=account, order=order)

    def cancel_external(self, account: str, order_id: str) -> None:
        self.call("cancel_external", account=account, order_id=order_id)

    def fill_late(self, account: str, order_id: str) -> None:
        """A cancelled order had filled before the cancellation arrived: it is told only now."""
        self.call("fill_late", account=account, order_id=order_id)

    def set_delays(self, *, route: float = 0, cancel: float = 0, replace: float = 0) -> None:
        """Seconds of the exchange's time an order stays pending_new, pending_cancel, pending_replace."""
        self.call("set_delays", route=route, cancel=cancel, replace=replace)

    # --- faults ------------------------------------------------------------------------------------------------------

    def fault(self, kind: str, *, method: str = "*", path: str = "*", times: int = 1, **details: Any) -> None:
        """What befalls the next `times` requests; `path` may hold * as in "/v2/orders*".

        Kinds: drop_before, drop_after, hang_before, hang_after, slow_before, slow_after (seconds=), status_before,
        status_after (status=, body=), rate_limited (reset= seconds from now), unauthorized, forbidden, duplicate_id,
        not_found, cut_off, unreadable, replace_fields (fields={...}). key_id= restricts to one account's key.
        """
        self.call("fault", kind=kind, method=method, path=path, times=times, **details)

    def clear_faults(self) -> None:
        """Of requests and of streams."""
        self.call("clear_faults")

    def stream_fault(self, kind: str, *, times: int = 1, seconds: float = 1.0, stream: str = "trades") -> None:
        """lose, duplicate, delay or reorder the next `times` events of "trades" or "data"."""
        self.call("stream_fault", kind=kind, times=times, seconds=seconds, stream=stream)

    def mute(self, stream: str = "trades") -> None:
        """Sockets stay connected and hear nothing more."""
        self.call("mute", stream=stream)

    def unmute(self, stream: str = "trades") -> None:
        self.call("unmute", stream=stream)

    def refuse_connections(self, times: int, stream: str = "trades") -> None:
        """Answer the next `times` handshakes with HTTP 429."""
        self.call("refuse_connections", times=times, stream=stream)

    def close_streams(self, stream: str = "trades", code: int = 1001, reason: str = "") -> None:
        self.call("close_streams", stream=stream, code=code, reason=reason)

    def set_frames(self, frames: str) -> None:
        """How later connections to /stream are written to: text or binary (as paper trading does)."""
        self.call("frames", frames=frames)

    # --- looking -----------------------------------------------------------------------------------------------------

    def connections(self) -> dict[str, list[str]]:
        """Keys with a socket to "trades" or "data", and those "listening" to trade updates."""
        return self.call("connections")

    def wait_for_listener(self, key_id: str, seconds: float = 15) -> None:
        """Return when somebody with this key listens to trade updates."""
        wait_until(lambda: key_id in self.connections()["listening"], f"listening with the key {key_id}", seconds)

    def set_rate_limit(self, limit: int, service: str = "trading") -> None:
        """Requests a minute from now on, of "trading" or "data"."""
        self.call("rate_limit", limit=limit, service=service)

    def count(self, method: str = "*", path: str = "*") -> int:
        """How many requests came since the last `forget_counts`; `path` may hold *."""
        return int(self.call("counts", method=method, path=path)["total"])

    def counts(self) -> dict[str, int]:
        """Requests by "METHOD /path/{pattern}"."""
        return dict(self.call("counts")["by_path"])

    def forget_counts(self) -> None:
        self.call("forget_counts")

    def requests(self) -> list[Json]:
        """method, path, query, key_id and received_at (Unix seconds) of every request, oldest first; request_id of those
        that were answered."""
        return list(self.call("requests")["requests"])

    def dump(self, account: str) -> Json:
        """What is true: account, orders (legs by themselves, with parent_id), positions and activities."""
        return dict(self.call("dump")[account])

    def orders(self, account: str) -> list[Json]:
        return list(self.dump(account)["orders"])


def wait_until(happened: Callable[[], object], what: str = "it", seconds: float = 15) -> None:
    """Ask until it has happened; AssertionError when it does not."""
    deadline = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not happen within {seconds:.0f} seconds")
        time.sleep(0.02)


@dataclass(frozen=True)
class Account:
    id: str
    key_id: str
    secret_key: str


@dataclass(frozen=True)
class RunningSimulator:
    """Addresses and the keys of the first account. `stream_url` is that of trade updates, `data_stream_url` a base."""

    url: str
    stream_url: str
    data_stream_url: str
    key_id: str
    secret_key: str
    account: str
    control: SimulatorControl


@contextlib.contextmanager
def simulator(
    market: str | Path = "scripted",
    *,
    start: datetime | None = None,
    cash: Price = 100_000,
    state: Path | None = None,
    keys: tuple[str, str] = ("PKTEST", "secret-of-the-test"),
    **options: Any,
) -> Iterator[RunningSimulator]:
    """An exchange in a thread of this process. `market` is scripted, synthetic or a folder to replay."""
    chosen = _options(market, start, cash, state, keys, options)
    with _serving(chosen) as addresses:
        yield _running(addresses, keys, chosen.control_token)


@contextlib.contextmanager
def simulator_process(
    *words: str,
    state: Path | None = None,
    keys: tuple[str, str] = ("PKTEST", "secret-of-the-test"),
    cash: Price = 100_000,
) -> Iterator[tuple[RunningSimulator, "subprocess.Popen[str]"]]:
    """An exchange in a process of its own, which the test may kill. `words` are further options of its command line."""
    token = secrets.token_urlsafe(20)
    with tempfile.TemporaryDirectory(prefix="tdx-") as folder:
        ready, token_file = Path(folder) / "ready.json", Path(folder) / "token"
        token_file.write_text(token)
        kept = ["--state", str(state)] if state else []
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "brokers.simulator", "--ready-file", str(ready), "--control-port", "0"),
                *("--control-token-file", str(token_file), "--account", ":".join((*keys, str(cash))), *kept, *words),
            ],
            cwd=ROOT,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        try:
            yield _running(_addresses(process, ready), keys, token), process
        finally:
            process.kill()
            process.wait()


def _options(
    market: str | Path, start: datetime | None, cash: Price, state: Path | None, keys: tuple[str, str], more: Json
) -> Options:
    replay = market if isinstance(market, Path) else None
    account = NewAccount(key_id=keys[0], secret_key=keys[1], cash=str(cash))
    usual: Json = {
        "market": "replay" if replay else market,
        "replay": replay,
        "start": start,
        "speed": Decimal(0) if start else Decimal(1),
        "always_open": start is None,
        "accounts": (account,),
        "control_port": 0,
        "control_token": secrets.token_urlsafe(20),
        "state": state,
        # Tests ask more often than people; those about the limit set it.
        "rate_limit": 100_000,
    }
    return Options(**{**usual, **more})


@contextlib.contextmanager
def _serving(options: Options) -> Iterator[Addresses]:
    """The server on a loop of its own, in a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True, name="simulator")
    thread.start()
    serving = Simulator(options).serving()
    try:
        yield asyncio.run_coroutine_threadsafe(serving.__aenter__(), loop).result(30)
    finally:
        asyncio.run_coroutine_threadsafe(serving.__aexit__(None, None, None), loop).result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


def _addresses(process: "subprocess.Popen[str]", ready: Path) -> Addresses:
    deadline = time.monotonic() + 60
    while not ready.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            raise AssertionError(f"the simulator did not start: {process.communicate()[0]}")
        time.sleep(0.02)
    return Addresses(**json.loads(ready.read_text()))


def _running(addresses: Addresses, keys: tuple[str, str], token: str) -> RunningSimulator:
    control = SimulatorControl(addresses.control, token)
    return RunningSimulator(
        url=addresses.url,
        stream_url=addresses.stream,
        data_stream_url=addresses.url.replace("http", "ws", 1) + "/v2/iex",
        key_id=keys[0],
        secret_key=keys[1],
        account=control.call("account_of", key_id=keys[0], secret_key=keys[1])["id"],
        control=control,
    )
