"""Writes the figures of a run into docs/reliability.md, between its two marks."""

import platform
import subprocess
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from tests.fault.injections import INJECTIONS
from tests.fault.points import POINTS
from tests.fault.run import Outcome, never, quantiles

ROOT = Path(__file__).resolve().parent.parent.parent
PAGE = ROOT / "docs" / "reliability.md"
BEGIN, END = "<!-- figures of a run: begin -->", "<!-- figures of a run: end -->"
PROMISES = {
    "lost": "lost: an order, a cancellation, a change or an execution",
    "doubled": "doubled: an order, a row, a change or a fill",
    "undecided": "undecided at the end",
    "untold": "undecided or ended, and nobody told",
    "wrong": "wrong: a state, a quantity, a price, a sum or a trail",
}


def write(outcome: Outcome, page: Path = PAGE) -> None:
    text = page.read_text(encoding="utf-8")
    head, rest = text.split(BEGIN, 1)
    _, tail = rest.split(END, 1)
    page.write_text(f"{head}{BEGIN}\n{figures(outcome)}\n{END}{tail}", encoding="utf-8")


def figures(outcome: Outcome) -> str:
    """Tables of what was done, what was found and how long recovery took."""
    settled = "not" if outcome.settled is None else f"{outcome.settled:.0f} s after the last fault"
    lines = [
        "",
        f"Measured on {datetime.now(UTC):%-d %B %Y} at commit `{_commit()}`, Python {platform.python_version()};",
        f"seed {outcome.seed}, {outcome.seconds / 60:.0f} minutes of work.",
        "",
        "| | |",
        "|---|---|",
        f"| orders in the desk (denied ones left out) | {outcome.orders:,} |",
        f"| orders at the exchange | {outcome.broker_orders:,} |",
        f"| executions | {outcome.executions:,} |",
        f"| steps in the trails of orders | {outcome.events:,} |",
        f"| orders that were in doubt | {outcome.doubts:,} |",
        f"| processes killed with -9 | {outcome.kills:,} |",
        f"| injections that struck (drawn) | {_known(outcome.befell):,} ({_known(outcome.injected):,}) |",
        f"| single blows of them: requests, updates, connections, processes at points | {outcome.blows:,} |",
        f"| everything settled by itself | {settled} |",
        f"| requests of traders that were never answered | {outcome.unanswered} |",
        *[f"| {words} | {outcome.count(kind)} |" for kind, words in PROMISES.items()],
        "",
        "| what recovered | times | p50 | p95 | longest |",
        "|---|---|---|---|---|",
        *[_recovery(what, seconds) for what, seconds in outcome.recoveries.items()],
        "",
        "| kind | injection | struck | drawn |",
        "|---|---|---|---|",
        *_injections(outcome),
        "",
        "| killed or stopped at the point | times |",
        "|---|---|",
        *[f"| `{point}` | {outcome.struck[point]} |" for point in POINTS],
        "",
        f"Never struck: {', '.join(never(outcome)) or 'nothing'}.",
        *[f"Not possible on this machine: {name} ({why})." for name, why in outcome.impossible.items()],
        "",
    ]
    return "\n".join(lines)


def _known(counted: Counter[str]) -> int:
    return sum(count for name, count in counted.items() if name in INJECTIONS)


def _recovery(what: str, seconds: list[float]) -> str:
    p50, p95, most = quantiles(seconds)
    return f"| {what} | {len(seconds):,} | {p50:.1f} s | {p95:.1f} s | {most:.1f} s |"


def _injections(outcome: Outcome) -> list[str]:
    by_kind = sorted((one.kind, name) for name, one in INJECTIONS.items())
    return [f"| {kind} | {name} | {outcome.befell[name]} | {outcome.injected[name]} |" for kind, name in by_kind]


def _commit() -> str:
    answer = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],  # noqa: S607 - git is where the system has it
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return answer.stdout.strip() or "unknown"
