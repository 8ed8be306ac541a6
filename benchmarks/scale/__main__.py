"""``python -m benchmarks.scale``: measure on servers of its own, play the schedule through, write docs/scale.md."""

import os
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.surroundings import surroundings
from tests.servers import Servers

REPORT = Path(os.environ.get("REPORT", Path(__file__).resolve().parent.parent.parent / "docs" / "scale.md"))


def main() -> int:
    started = time.perf_counter()
    servers = Servers.start(durable=True)
    try:
        with tempfile.TemporaryDirectory(prefix="trenddojo-scale-") as folder:
            # A minute's budget is what is planned with, not what is measured under.
            budgets = {"API_USER_PER_MINUTE": "1000000", "API_TOKEN_PER_MINUTE": "1000000"}
            os.environ |= {**surroundings(servers, folder), **budgets}
            text = _measured(servers, Path(folder), started)
    finally:
        servers.stop()
    REPORT.write_text(text, encoding="utf-8")
    _say(started, f"{REPORT.name} is written.")
    return 0


def _measured(servers: Servers, folder: Path, started: float) -> str:
    import django

    django.setup()
    from django.conf import settings
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    from benchmarks.load import world
    from benchmarks.scale import costs, report, scenes
    from benchmarks.scale.schedule_simulation import play, play_together
    from tests.brokers.simulator_server import simulator_process

    words = ("--market", "scripted", "--always-open", "--rate-limit", "1000000")
    with simulator_process(*words, cash=world.CASH, state=folder / "exchange") as (exchange, _process):
        settings.SIMULATOR_URL = os.environ["SIMULATOR_URL"] = exchange.url
        _say(started, "Measuring costs.")
        found = costs.measure(exchange, servers.guard.pid)
    for cost in found.operations.values():
        _say(started, f"  {cost.name}: {cost.processor:.1f} ms of processor, {cost.queries:.0f} queries")
    played = []
    for scene in scenes.of(found):
        _say(started, f"Playing: {scene.name}.")
        played.append((scene, play(scene)))
    shard, shards = scenes.shard_of(found), scenes.MILLION // scenes.SHARD
    _say(started, f"Playing: a million, {shards} shards of {scenes.SHARD:,} one after the other.")
    million = play_together(shard, shards)
    _say(started, "Played.")
    return report.document(found, played, shard, million)


def _say(started: float, text: str) -> None:
    print(f"{time.perf_counter() - started:6.1f} s  {text}", flush=True)  # noqa: T201 - a command line program


if __name__ == "__main__":
    sys.exit(main())
