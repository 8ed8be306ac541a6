"""``python -m benchmarks``: measure on servers of its own and write docs/benchmarks.md."""

import os
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.surroundings import surroundings
from tests.servers import Servers

ROOT = Path(__file__).resolve().parent.parent
REPORT = ROOT / "docs" / "benchmarks.md"


def main() -> int:
    started = time.perf_counter()
    servers = Servers.start(durable=True)
    try:
        with tempfile.TemporaryDirectory(prefix="trenddojo-bench-") as folder:
            # What is measured is the work, not the budget of a program.
            budgets = {"API_USER_PER_MINUTE": "1000000", "API_TOKEN_PER_MINUTE": "1000000"}
            os.environ |= {**surroundings(servers, folder), **budgets}
            report = _measured(Path(folder), started)
    finally:
        servers.stop()
    REPORT.write_text(report, encoding="utf-8")
    _say(started, f"{REPORT.relative_to(ROOT)} is written.")
    return 0


def _measured(folder: Path, started: float) -> str:
    import django

    django.setup()
    from django.conf import settings
    from django.core.management import call_command
    from django.db import connection

    settings.ROOT_URLCONF = "benchmarks.urls"
    call_command("migrate", verbosity=0)
    from benchmarks import api, imports, orders, pages, processes, report, writes
    from benchmarks.data import database_rests, traders_make

    _say(started, "Making traders and their trades.")
    traders = traders_make()
    _say(started, "Measuring pages.")
    timings = pages.measure(traders)
    for timing in timings:
        _say(started, f"  {timing.page}, {timing.trades:,}: {timing.queries} queries, {timing.p50 * 1000:.1f} ms")
    _say(started, "Measuring the API.")
    called = api.measure(traders)
    _say(started, "Measuring writes.")
    write = writes.measure(traders[-1])
    _say(started, "Measuring imports.")
    imported = imports.measure(traders[0], folder)
    database_rests()
    _say(started, "Measuring orders.")
    ordered = orders.measure(folder)
    _say(started, "Measuring processes.")
    processed = processes.measure()
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version")
        version = cursor.fetchone()[0]
    found = report.Measured(timings, called, write, imported, ordered, processed, version)
    for goal in report.goals(found):
        _say(started, f"{'met   ' if goal.is_met else 'MISSED'} {goal.what}: {goal.found} ({goal.limit})")
    return report.document(found)


def _say(started: float, text: str) -> None:
    print(f"{time.perf_counter() - started:6.1f} s  {text}", flush=True)  # noqa: T201 - a command line program


if __name__ == "__main__":
    sys.exit(main())
