"""``python -m benchmarks.load``: put a whole desk to work, then to more than it can do, and write docs/load.md.

SECONDS (300) is how long the working day lasts, PEOPLE (50) and ORDERS (20 a second) its size, TRADES (3000) those of
each trader, TIMES (4) what it is multiplied by for CROWD (60) seconds, after which all is watched for AFTER (120).
REPORT names another file to write.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.surroundings import surroundings
from tests.servers import Servers

ROOT = Path(__file__).resolve().parent.parent.parent
SIZES = {
    "SECONDS": 300,
    "PEOPLE": 50,
    "ORDERS": 20,
    "TRADES": 3000,
    "TIMES": 4,
    "WARM_UP": 120,
    "CROWD": 60,
    "AFTER": 120,
}
SECONDS, PEOPLE, ORDERS, TRADES, TIMES, WARM_UP, CROWD, AFTER = (
    int(os.environ.get(name, usual)) for name, usual in SIZES.items()
)
REPORT = Path(os.environ.get("REPORT", ROOT / "docs" / "load.md"))
THINK = (5.0, 10.0)
VISITORS = Path(__file__).with_name("visitors.py")


def main() -> int:
    started = time.perf_counter()
    servers = Servers.start(durable=True)
    try:
        with tempfile.TemporaryDirectory(prefix="trenddojo-load-") as folder:
            os.environ |= surroundings(servers, folder)
            text, is_met = _measured(servers, Path(folder), started)
    finally:
        servers.stop()
    REPORT.write_text(text, encoding="utf-8")
    _say(started, f"{REPORT.name} is written.")
    return 0 if is_met else 1


def _measured(servers: Servers, folder: Path, started: float) -> tuple[str, bool]:
    import django

    django.setup()
    from django.conf import settings
    from django.core.management import call_command

    from benchmarks.load import desk, judge, report, world
    from tests.brokers.simulator_server import simulator_process, wait_until

    call_command("migrate", verbosity=0)
    words = ("--market", "scripted", "--always-open", "--rate-limit", "1000000")
    with simulator_process(*words, cash=world.CASH, state=folder / "exchange") as (exchange, process):
        settings.SIMULATOR_URL = os.environ["SIMULATOR_URL"] = exchange.url
        _say(started, f"Making {PEOPLE} desks of {TRADES:,} trades.")
        desks = world.desks_make(exchange, count=PEOPLE, trades=TRADES)
        others = {"exchange": process.pid, "PostgreSQL and Valkey": servers.guard.pid}
        with world.Market(exchange), desk.running(others) as running:
            phases = [
                _phase(started, running, desks, *given)
                for given in (
                    ("warming up", PEOPLE, ORDERS, WARM_UP),
                    ("working day", PEOPLE, ORDERS, SECONDS),
                    ("too many", PEOPLE * TIMES, ORDERS * TIMES, CROWD),
                    ("afterwards", PEOPLE, ORDERS, AFTER),
                )
            ]
            came_to_rest = time.time()
            wait_until(lambda: judge.unsent() == 0, "the last order's arrival", 120)
            # What the exchange did last is told by its stream, or else by the next poll.
            answered = [pk for phase in phases for pk in phase.orders]
            wait_until(lambda: not judge.books(exchange, desks, answered).different, "the last news", 90)
            rest = time.time() - came_to_rest
            died = running.died()
            found = report.Found(
                phases,
                running.samples,
                running.paces,
                judge.books(exchange, desks, answered),
                rest,
                died,
                judge.database_bytes(),
            )
            judge.ways(exchange, desks, phases)
            judge.syncs_count(phases)
    goals = report.goals(found)
    for line in goals:
        _say(started, f"{'met   ' if line.is_met else 'MISSED'} {line.what}: {line.found}")
    return report.document(found), all(goal.is_met for goal in goals)


def _phase(
    started: float, running: Any, desks: list[dict[str, Any]], name: str, people: int, orders: int, seconds: int
) -> Any:
    from benchmarks.load import world
    from benchmarks.load.judge import Phase, Row

    _say(started, f"{name}: {people} people, {orders} orders a second, {seconds} s.")
    job = {
        "port": running.port, "seconds": seconds, "seed": name, "crowd": people, "think": THINK, "mix": world.MIX,
        "people": [{"cookie": one["cookie"], "pages": one["pages"]} for one in desks],
        "programs": [{"token": one["token"], "account": one["account"]} for one in desks],
        "orders": world.orders_mix(), "orders_a_second": orders,
    }  # fmt: skip
    began = time.time()
    # As ready to run as everything else: where the machine is full, those who ask wait like those who answer.
    child = subprocess.Popen([sys.executable, str(VISITORS)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    running.roots["visitors"] = child.pid
    told, _ = child.communicate(json.dumps(job))
    running.roots.pop("visitors")
    found = json.loads(told)
    rows = [Row(*row) for row in found["rows"]]
    phase = Phase(name, people, orders, began, began + seconds, rows, [pk for pk, _number in found["orders"]])
    _say(started, f"  {len(rows)} requests, {dict(phase.statuses)}, {phase.errors} errors")
    return phase


def _say(started: float, text: str) -> None:
    print(f"{time.perf_counter() - started:6.1f} s  {text}", flush=True)  # noqa: T201 - a command line program


if __name__ == "__main__":
    sys.exit(main())
