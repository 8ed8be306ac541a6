"""The simulator as a process: opens the floor, serves its ports, and stops cleanly when asked."""

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from aiohttp import web

from brokers.simulator import wire
from brokers.simulator.account_api import AccountApi
from brokers.simulator.actions_api import ActionsApi
from brokers.simulator.clock import REAL_TIME, Clock, machine_time
from brokers.simulator.commands import World
from brokers.simulator.control import Control
from brokers.simulator.data_api import DataApi
from brokers.simulator.data_stream import DataStream
from brokers.simulator.door import Door
from brokers.simulator.engine.catalogue import ASSETS
from brokers.simulator.engine.exchange import Exchange
from brokers.simulator.engine.types import Asset, Event, Rejection, TradeUpdate
from brokers.simulator.errors import SimulatorError
from brokers.simulator.floor import Floor
from brokers.simulator.journal import Journal
from brokers.simulator.markets import open_market, sessions_of
from brokers.simulator.options import Options
from brokers.simulator.trade_stream import TradeStream
from brokers.simulator.trading_api import TradingApi, missing

# How often the market is played on while nobody asks for anything.
TICK = 0.1
CHECKPOINT_EVERY = 60.0
FEEDS = ("iex", "sip", "test")
STOP_PATIENCE = 1.0


@dataclass(frozen=True)
class Addresses:
    """Where it listens; `control` is empty when the control port is off."""

    url: str
    control: str

    @property
    def stream(self) -> str:
        return f"{self.url.replace('http', 'ws', 1)}/stream"


class Simulator:
    """One exchange behind its ports."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.floor = open_floor(options)
        self.trades = TradeStream(self.floor.exchange_account)
        self.data = DataStream(self.floor.exchange_account, self._asset, self._watch)
        self.door = Door(self.floor, options.rate_limit)
        self.control = Control(self.floor, self.door, self.trades, self.data, options.control_token)
        self.floor.listeners.append(self._publish)
        # What broke the market's course, if anything did; the exchange must not stay open without it.
        self.failure: BaseException | None = None
        self.stopping = asyncio.Event()

    # --- life --------------------------------------------------------------------------------------------------------

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[Addresses]:
        """Listen until the block ends; what is kept is complete then."""
        runners = [web.AppRunner(self._app(), access_log=None, shutdown_timeout=STOP_PATIENCE)]
        url = await _listen(runners[0], self.options.host, self.options.port, "port")
        control = ""
        if self.options.control_port is not None:
            runners.append(web.AppRunner(self._control_app(), access_log=None, shutdown_timeout=STOP_PATIENCE))
            control = await _listen(runners[1], self.options.host, self.options.control_port, "control port")
        tasks = [asyncio.create_task(work) for work in (self._tick(), self._checkpoint(), self.data.run_test_feed())]
        for task in tasks:
            task.add_done_callback(self._stop_after)
        try:
            yield Addresses(url, control)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(self.trades.close_all(), self.data.close_all())
            for runner in runners:
                await runner.cleanup()
            self.floor.close()

    def _stop_after(self, task: "asyncio.Task[None]") -> None:
        if not task.cancelled():
            self.failure = task.exception()
            self.stopping.set()

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK)
            self.floor.catch_up()

    async def _checkpoint(self) -> None:
        passed = 0.0
        while True:
            await asyncio.sleep(1)
            passed += 1
            if passed >= CHECKPOINT_EVERY or self.floor.needs_checkpoint():
                self.floor.checkpoint()
                passed = 0.0

    # --- wiring ------------------------------------------------------------------------------------------------------

    def _app(self) -> web.Application:
        app = web.Application(middlewares=self.door.middlewares())
        app.add_routes(TradingApi(self.floor).routes())
        app.add_routes(AccountApi(self.floor).routes())
        app.add_routes(DataApi(self.floor).routes())
        app.add_routes(ActionsApi(self.floor).routes())
        app.router.add_get("/stream", self.trades.serve)
        for feed in FEEDS:
            app.router.add_get(f"/v2/{feed}", self.data.serving(feed))
        app.router.add_route("*", "/{path:.*}", missing)
        return app

    def _control_app(self) -> web.Application:
        app = web.Application(middlewares=[self.control.guard])
        app.add_routes(self.control.routes())
        return app

    def _publish(self, event: Event) -> None:
        if isinstance(event, TradeUpdate):
            update = wire.trade_update(event, self.floor.asset_id(event.order.symbol))
            self.trades.publish(event.account_id, update)
        else:
            self.data.publish(event)

    def _asset(self, symbol: str) -> Asset | None:
        try:
            return self.floor.exchange.asset(symbol)
        except Rejection:
            return None

    def _watch(self, symbols: set[str]) -> None:
        """A symbol may be wanted before a scripted market first shows it."""
        everything = {asset.symbol for asset in self.floor.exchange.assets()} | set(ASSETS)
        self.floor.exchange.watch(everything if "*" in symbols else symbols)


def open_floor(options: Options) -> Floor:
    """The exchange as it was left, or a new one; with the accounts asked for."""
    sessions = sessions_of(options)
    market = open_market(options, sessions)
    start = options.start or machine_time()
    journal = None if options.state is None else Journal.in_folder(options.state)
    exchange = Exchange(market, now=start, seed=options.seed, sessions=sessions)
    floor = Floor(World(exchange, market), Clock(start, options.speed), journal, options.identity)
    floor.restore(lambda state: Exchange.load(state, market, sessions=sessions))
    # Whoever watched is gone.
    floor.exchange.watch(())
    floor.clock = Clock(_resumed(options, floor.exchange.now), options.speed)
    for account in options.accounts:
        floor.open_account(account.key_id, account.secret_key, account.cash)
    floor.checkpoint()
    return floor


def _resumed(options: Options, left: datetime) -> datetime:
    """An exchange that follows the machine's time was open while nobody looked; another one stood still."""
    follows = options.start is None and options.speed == REAL_TIME
    return max(machine_time(), left) if follows else left


async def _listen(runner: web.AppRunner, host: str, port: int, name: str) -> str:
    await runner.setup()
    site = web.TCPSite(runner, host, port)
    try:
        await site.start()
    except PermissionError as problem:
        raise SimulatorError(f"The {name} {port} is reserved for root: choose one of 1024 or more.") from problem
    except OSError as problem:
        raise SimulatorError(
            f"The {name} {port} is taken by another program: choose another, or 0 for any."
        ) from problem
    return f"http://{host}:{runner.addresses[0][1]}"


# --- as a program -------------------------------------------------------------------------------------------------


def run(options: Options, say: Callable[[str], None]) -> None:
    """Serve until SIGTERM or Ctrl-C. Raises SimulatorError when it cannot begin."""
    asyncio.run(_run(Simulator(options), say))


async def _run(simulator: Simulator, say: Callable[[str], None]) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, simulator.stopping.set)
    async with simulator.serving() as addresses:
        say(f"The stand-in exchange is open at {addresses.url}.")
        if simulator.options.ready_file is not None:
            _write_ready(simulator.options.ready_file, addresses)
        await simulator.stopping.wait()
    if simulator.failure is not None:
        raise simulator.failure


def _write_ready(path: Path, addresses: Addresses) -> None:
    """Whoever waits for the file finds it whole."""
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    fresh.write_text(json.dumps({"url": addresses.url, "control": addresses.control}), encoding="utf-8")
    fresh.replace(path)
