"""Injections from around the desk: its servers, its disk, its clocks, a deploy, and what the market and others do."""

import os
import resource
import signal
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from random import Random

import psycopg
import redis

from tests.brokers.simulator_server import ControlRefused
from tests.fault.clocks import CLOCKS, STARTER, shift
from tests.fault.disk import DISK_FULL, give_room, is_full, leave_no_room
from tests.fault.injections import injection
from tests.fault.killable import STARTERS
from tests.fault.lab import DESK, Lab
from tests.fault.market import MARKETS, SYMBOLS, Market
from tests.fault.record import Missed

CENT = Decimal("0.01")
# Processes that a deploy starts anew, one after the other, and the seconds between them.
ROLLS = ("web", "orders1", "orders2", "worker", "beat", "stream")
ROLL_SECONDS = 2.5
# How long a server that was asked to stop may take.
STOPS_WITHIN = 15.0
COLUMN = "rolled_out"
# Where prices are asked for, and the seconds after which the desk judges no entry by one any more.
QUOTES, OLD_AFTER = "/v2/stocks/quotes/latest", 60.0
# Stops and targets of positions, whose broker has shown both.
PAIRS = """
SELECT stop.account_id, stop.broker_order_id AS stop, target.symbol, target.side, target.limit_price
FROM orders stop JOIN orders target ON target.parent_id = stop.parent_id AND target.role = 'take_profit'
JOIN orders entry ON entry.id = stop.parent_id
WHERE stop.role = 'stop_loss' AND entry.status = 'filled' AND stop.broker_order_id <> ''
  AND stop.status = 'accepted' AND target.status = 'accepted'
ORDER BY stop.created_at DESC LIMIT 20
"""


# --- servers ---------------------------------------------------------------------------------------------------------


@injection("weather.valkey_flushed", "weather", 0.3)
def valkey_flushed(lab: Lab, _rng: Random) -> None:
    """Queue, limits, locks and cached sessions are gone from one moment to the next."""
    with redis.Redis(unix_socket_path=str(lab.queue.socket)) as client:
        client.flushall()


@injection("weather.valkey_restarted", "weather", 0.2)
def valkey_restarted(lab: Lab, rng: Random) -> None:
    lab.up("valkey")
    lab.supervisor.end("valkey", down_for=rng.uniform(0, 3))


@injection("weather.valkey_killed", "weather", 0.2)
def valkey_killed(lab: Lab, rng: Random) -> None:
    lab.up("valkey")
    lab.supervisor.kill("valkey", down_for=rng.uniform(0, 3))


@injection("weather.postgres_fast", "weather", 0.25)
def postgres_fast(lab: Lab, rng: Random) -> None:
    """Every connection is cut in the middle of what it does, and rolled back."""
    mine = lab.supervisor.running["postgres"]
    asked = lab.up("postgres")
    lab.supervisor.end("postgres", down_for=rng.uniform(0, 3), number=signal.SIGINT)
    # Asked to stop while it recovers from a crash, it may be shutting down for ever: a service manager insists.
    lab.later(STOPS_WITHIN, lambda: mine.signal(signal.SIGQUIT) if mine.pid == asked else None)


@injection("weather.postgres_immediate", "weather", 0.25)
def postgres_immediate(lab: Lab, rng: Random) -> None:
    """As if the machine had lost its power: it recovers from its log."""
    lab.up("postgres")
    lab.supervisor.end("postgres", down_for=rng.uniform(0, 2), number=signal.SIGQUIT)


@injection("weather.postgres_crashed", "weather", 0.25)
def postgres_crashed(lab: Lab, rng: Random) -> str:
    """One process of the server dies, in mid-transaction if there is such a one: it throws everybody out and recovers."""
    found = backends(lab)
    if not found:
        raise Missed("nobody is served")
    pid = rng.choice(found)
    os.kill(pid, signal.SIGKILL)
    return str(pid)


def backends(lab: Lab) -> list[int]:
    """The server's processes that serve the desk; those in a transaction, if any is in one."""
    found = lab.rows(
        "SELECT pid, state LIKE '%%transaction%%' OR state = 'active' AS busy FROM pg_stat_activity"
        " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
    )
    return [row["pid"] for row in found if row["busy"]] or [row["pid"] for row in found]


@injection(DISK_FULL, "weather", 0.3)
def disk_full(lab: Lab, rng: Random) -> str:
    """The database can write nothing more, neither its log nor its tables."""
    folder = lab.database.data.parent
    if not os.path.ismount(folder):
        return f"{len(limit_files(lab))} processes may not write any more"
    line = lab.record.line()
    leave_no_room(folder)

    def give_back() -> None:
        if is_full(folder):
            line.struck()
        give_room(folder)

    lab.later(rng.uniform(4, 8), give_back)
    return "no space is left"


def limit_files(lab: Lab, size: int = 0) -> list[int]:
    """Let no process that serves the desk now write past `size` bytes of any file; needs no rights. Answers which.

    A write to the log that fails brings the server down; those it starts afterwards are not limited.
    """
    pids = backends(lab)
    for pid in pids:
        _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, hard))
    return pids


# --- clocks ----------------------------------------------------------------------------------------------------------


def wear_clocks(lab: Lab) -> Path:
    """Processes that start from now on have clocks that can be put wrong."""
    folder = lab.folder / "clocks"
    folder.mkdir(exist_ok=True)
    worn = set(filter(None, lab.environment.get(STARTERS, "").split(",")))
    lab.environment |= {CLOCKS: str(folder), STARTERS: ",".join(sorted(worn | {STARTER}))}
    return folder


@injection("weather.clock", "weather", 0.3)
def clock(lab: Lab, rng: Random) -> str:
    """A process starts with a wrong clock, and is put right while it works."""
    name = rng.choice(["orders1", "orders2", "worker", "stream", "beat", "web"])
    lab.up(name)
    seconds = rng.choice([-1, 1]) * rng.uniform(20, 300)
    folder = wear_clocks(lab)
    shift(folder, name, seconds)
    lab.supervisor.end(name)
    lab.later(rng.uniform(5, 20), lambda: shift(folder, name, 0))
    return f"{name} {seconds:+.0f} s"


# --- a deploy --------------------------------------------------------------------------------------------------------


@injection("weather.deploy", "weather", 0.15)
def deploy(lab: Lab, _rng: Random) -> None:
    """New code on all processes, one after the other, with a column that the old code does not know."""
    lab.later(0, lambda: add_column(lab))
    for place, name in enumerate(ROLLS):
        lab.later(place * ROLL_SECONDS, _rolled(lab, name))
    lab.later(len(ROLLS) * ROLL_SECONDS, lambda: drop_column(lab))


def _rolled(lab: Lab, name: str) -> Callable[[], None]:
    return lambda: lab.supervisor.end(name)


def add_column(lab: Lab) -> None:
    for table in ("orders", "fills", "trades"):
        _altered(lab, f"ALTER TABLE {table} ADD COLUMN IF NOT EXISTS {COLUMN} text NOT NULL DEFAULT 'no'")


def drop_column(lab: Lab) -> None:
    for table in ("orders", "fills", "trades"):
        _altered(lab, f"ALTER TABLE {table} DROP COLUMN IF EXISTS {COLUMN}")


def _altered(lab: Lab, statement: str) -> None:
    """As a careful migration does it: it waits for nobody longer than a moment, and comes again."""
    address = lab.database.url.replace("postgres://", "postgresql://")
    for _ in range(40):
        try:
            with psycopg.connect(address, options="-c lock_timeout=250") as link:
                link.execute(statement.encode())
        except psycopg.OperationalError:
            continue
        return
    raise AssertionError(f"never got its lock: {statement}")


# --- the market and others -------------------------------------------------------------------------------------------


@injection("market.partial", "market", 0.8)
def partial(lab: Lab, rng: Random) -> str:
    """Some of an order that rests at the exchange fills: a quote with little room comes by."""
    resting = lab.rows(
        "SELECT symbol, side, limit_price FROM orders WHERE type = 'limit' AND limit_price IS NOT NULL"
        " AND status IN ('accepted', 'cancelling') AND quantity > 3 ORDER BY created_at DESC LIMIT 20"
    )
    if not resting:
        raise Missed("nothing rests")
    order, size = rng.choice(resting), rng.randint(1, 3)
    price = order["limit_price"]
    # A buyer meets an ask at their price, a seller a bid.
    bid, ask = (price - 2 * CENT, price) if order["side"] == "buy" else (price, price + 2 * CENT)
    lab.control.set_quote(order["symbol"], bid=bid, ask=ask, bid_size=size, ask_size=size)
    return f"{order['symbol']} {size} at {price}"


@injection("market.slow", "market", 0.5)
def slow(lab: Lab, rng: Random) -> None:
    """Cancellations and changes take their time at the exchange, and orders fill meanwhile."""
    lab.control.set_delays(cancel=rng.choice([0, 1, 3]), replace=rng.choice([1, 3]), route=rng.choice([0, 0, 1]))
    lab.later(rng.uniform(5, 20), lab.control.set_delays)


@injection("market.halt", "market", 0.3)
def halt(lab: Lab, rng: Random) -> str:
    symbol = rng.choice(SYMBOLS)
    lab.control.halt(symbol)
    lab.later(rng.uniform(3, 12), lambda: lab.control.resume(symbol))
    return symbol


@injection("market.stale", "market", 0.3)
def stale(lab: Lab, rng: Random) -> str:
    """Quotes of a symbol stop: time stands still there. It strikes where its price was asked for when it was too old."""
    market, symbol = _quoted(lab, rng)
    market.fall_silent(symbol)
    _quoted_again(lab, market, symbol, seconds=OLD_AFTER + rng.uniform(10, 40), strikes_after=OLD_AFTER)
    return symbol


@injection("market.one_sided", "market", 0.4)
def one_sided(lab: Lab, rng: Random) -> str:
    """Nobody buys a symbol, or nobody sells it. It strikes where its price was asked for meanwhile."""
    market, symbol = _quoted(lab, rng)
    side = rng.choice(["bid", "ask"])
    market.take_away(symbol, side)
    _quoted_again(lab, market, symbol, seconds=rng.uniform(5, 20))
    return f"{symbol} {side}"


def _quoted(lab: Lab, rng: Random) -> tuple[Market, str]:
    """A market and a symbol whose quotes are as they should be."""
    market = MARKETS.get(lab.control)
    symbols = [one for one in SYMBOLS if market and one not in market.silent and one not in market.missing]
    if market is None or not symbols:
        raise Missed("nothing is quoted")
    return market, rng.choice(symbols)


def _quoted_again(lab: Lab, market: Market, symbol: str, *, seconds: float, strikes_after: float = 0.0) -> None:
    line, since = lab.record.line(), time.time() + strikes_after

    def undo() -> None:
        market.quote_again(symbol)
        asked = [one for one in lab.control.requests() if one["path"] == QUOTES and one["received_at"] >= since]
        if any(symbol in one["query"]["symbols"].split(",") for one in asked):
            line.struck()
        else:
            line.missed("nobody asked for its price")

    lab.later(seconds, undo)


@injection("market.elsewhere", "market", 0.6)
def elsewhere(lab: Lab, rng: Random) -> str:
    """The trader places an order on the broker's own page."""
    trader, symbol = rng.choice(lab.traders), rng.choice(["AAPL", "MSFT", "SPY"])
    kind = rng.choice([{"type": "market"}, {"type": "limit", "limit_price": str(rng.randint(85, 99))}])
    order = {"symbol": symbol, "qty": str(rng.randint(1, 9)), "side": "buy", "time_in_force": "day", **kind}
    _ask(lambda: lab.control.place_external(trader.exchange, **order))
    return f"{trader.name} {symbol}"


@injection("market.cancelled_elsewhere", "market", 0.4)
def cancelled_elsewhere(lab: Lab, rng: Random) -> str:
    trader = rng.choice(lab.traders)
    resting = lab.rows(
        "SELECT broker_order_id FROM orders WHERE account_id = %s AND status = 'accepted' AND broker_order_id <> ''"
        " AND parent_id IS NULL ORDER BY created_at DESC LIMIT 20",
        trader.account,
    )
    if not resting:
        raise Missed("nothing rests")
    order = rng.choice(resting)["broker_order_id"]
    _ask(lambda: lab.control.cancel_external(trader.exchange, order))
    return str(order)


@injection("market.filled_late", "market", 0.5)
def filled_late(lab: Lab, rng: Random) -> str:
    """An order that was cancelled had filled before its cancellation arrived."""
    trader = rng.choice(lab.traders)
    cancelled = lab.rows(
        "SELECT broker_order_id FROM orders WHERE account_id = %s AND status = 'cancelled' AND broker_order_id <> ''"
        " AND parent_id IS NULL AND type = 'limit' ORDER BY created_at DESC LIMIT 10",
        trader.account,
    )
    if not cancelled:
        raise Missed("nothing was cancelled")
    order = rng.choice(cancelled)["broker_order_id"]
    _ask(lambda: lab.control.fill_late(trader.exchange, order))
    return str(order)


@injection("market.both_exits", "market", 0.7)
def both_exits(lab: Lab, rng: Random) -> str:
    """The target fills, and the stop that its fill cancelled had filled, too: the position turns round."""
    pairs = lab.rows(PAIRS)
    if not pairs:
        raise Missed("no stop and target work")
    pair, line = rng.choice(pairs), lab.record.line()
    trader = next(one for one in lab.traders if one.account == str(pair["account_id"]))
    price = pair["limit_price"]
    bid, ask = (price - 2 * CENT, price) if pair["side"] == "buy" else (price, price + 2 * CENT)
    lab.control.set_quote(pair["symbol"], bid=bid, ask=ask)

    def fill_too() -> None:
        try:
            lab.control.fill_late(trader.exchange, pair["stop"])
        except ControlRefused as refusal:
            line.missed(str(refusal))
        else:
            line.struck()

    lab.later(rng.uniform(0, 2), fill_too)
    return f"{trader.name} {pair['symbol']} {pair['stop']}"


def _ask(ask: Callable[[], object]) -> None:
    """The exchange may refuse it as anybody's."""
    try:
        ask()
    except ControlRefused as refusal:
        raise Missed(f"refused: {refusal}") from refusal


assert set(ROLLS) == set(DESK)
