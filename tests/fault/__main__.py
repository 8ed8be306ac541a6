"""`make chaos SECONDS=120 SEED=1`: a seeded run of the fault laboratory; ends with 1 when a promise was broken."""

import argparse
import secrets
import signal
import sys
import threading
import time
from pathlib import Path

from tests.fault import everything  # noqa: F401 - it fills the table of injections
from tests.fault.disk import SmallDisk
from tests.fault.lab import Options
from tests.fault.report import figures, write
from tests.fault.run import Plan, run, told


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fault", description=__doc__)
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--orders", type=int, default=0, help="go on until so many orders were placed")
    parser.add_argument("--kills", type=int, default=0, help="go on until so many processes were killed")
    parser.add_argument("--most-seconds", type=float, default=2700, help="and no longer than this")
    parser.add_argument("--rate", type=float, default=2.5, help="deeds of the traders a second")
    parser.add_argument("--every", type=float, default=2.0, help="seconds between two injections")
    parser.add_argument("--traders", type=int, default=5)
    parser.add_argument("--kinds", default="", help="only these kinds of injections, with commas between")
    parser.add_argument("--report", action="store_true", help="write the figures into docs/reliability.md")
    parser.add_argument("--figures", type=Path, default=None, help="write the figures into this file, good or not")
    given = parser.parse_args()
    seed = given.seed if given.seed is not None else secrets.randbelow(1_000_000)
    kinds = frozenset(filter(None, given.kinds.split(","))) or None
    plan = Plan(
        seed, given.seconds, given.orders, given.kills, max(given.most_seconds, given.seconds), given.rate,
        given.every, kinds,
    )  # fmt: skip
    # Ctrl-C ends the work, and the oracle is asked.
    is_enough = threading.Event()
    signal.signal(signal.SIGINT, lambda *_: is_enough.set())
    began = time.monotonic()
    say(began, f"seed {seed}, for {given.seconds:.0f} s; the lab starts")
    with SmallDisk(Options(seed=seed, traders=given.traders)) as lab:
        say(began, f"the desk works, its logs are in {lab.logs}")
        # Also where it breaks off.
        is_kept, lab.is_kept = lab.is_kept, True
        outcome = run(lab, plan, lambda line: say(began, line), is_enough.is_set)
        lab.is_kept = is_kept or not outcome.is_good
    print(told(outcome), flush=True)  # noqa: T201 - a command line program
    if given.figures is not None:
        given.figures.write_text(figures(outcome), encoding="utf-8")
    if given.report and outcome.is_good:
        write(outcome)
    return 0 if outcome.is_good else 1


def say(began: float, line: str) -> None:
    print(f"{time.monotonic() - began:7.1f} s  {line}", flush=True)  # noqa: T201 - a command line program


if __name__ == "__main__":
    sys.exit(main())
