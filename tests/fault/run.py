"""A seeded run: traders at work while faults happen; then calm, and the oracle is asked until everything has settled."""

import statistics
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from tests.fault.driver import Driver, Intent
from tests.fault.injections import INJECTIONS, draw, inject
from tests.fault.lab import Lab
from tests.fault.market import Market
from tests.fault.oracle import Finding, findings
from tests.fault.story import story
from tests.fault.truth import Truth, truths

# Seconds within which everything must have settled by itself after the last fault.
SETTLES_WITHIN = 300
STORIES = 8


@dataclass
class Plan:
    """How long, or how many orders and kills whichever takes longer; `every` is the mean pause between injections."""

    seed: int
    seconds: float = 120
    orders: int = 0
    kills: int = 0
    most_seconds: float = 2700
    rate: float = 2.5
    every: float = 2.0
    kinds: frozenset[str] | None = None


@dataclass
class Outcome:
    seed: int
    seconds: float
    settled: float | None
    findings: list[Finding]
    stories: list[str]
    orders: int
    broker_orders: int
    executions: int
    events: int
    doubts: int
    external: int
    denied: int
    kills: int
    injected: Counter[str]
    struck: Counter[str]
    answers: Counter[str]
    states: Counter[str]
    # What recovered, and after how many seconds each time.
    recoveries: dict[str, list[float]] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)
    unanswered: int = 0

    @property
    def is_good(self) -> bool:
        return not self.findings and self.settled is not None and not self.broken

    def count(self, kind: str) -> int:
        return sum(finding.kind == kind for finding in self.findings)


def run(
    lab: Lab, plan: Plan, say: Callable[[str], None] = lambda _line: None, is_enough: Callable[[], bool] = lambda: False
) -> Outcome:
    """`is_enough` may end the work before its time; the oracle is asked all the same."""
    rng = Random(plan.seed)  # noqa: S311 - a run is repeated by its seed
    market = Market(lab.control, Random(f"{plan.seed}:market"))  # noqa: S311 - see above
    market.show_all()
    market.wander()
    driver = Driver(lab, market, seed=plan.seed, rate=plan.rate)
    driver.start()
    began = time.monotonic()
    _work(lab, plan, driver, rng, say, is_enough)
    driver.stop()
    seconds = time.monotonic() - began
    say(f"calm after {seconds:.0f} s")
    lab.calm()
    calm_at = time.monotonic()
    driver.reconnect_all()
    driver.drain()
    market.stop()
    settled_at, found, read = settle(lab, driver, within=SETTLES_WITHIN)
    stories = [story(lab, finding, read, driver.intents) for finding in found[:STORIES]]
    return _outcome(lab, plan, driver, read, found, stories, seconds, settled_at and settled_at - calm_at)


def _work(
    lab: Lab, plan: Plan, driver: Driver, rng: Random, say: Callable[[str], None], is_enough: Callable[[], bool]
) -> None:
    began, told = time.monotonic(), 0.0
    while True:
        now = time.monotonic() - began
        enough = now >= plan.seconds and driver.placed() >= plan.orders and kills(lab) >= plan.kills
        if enough or now >= plan.most_seconds or driver.broken or is_enough():
            return
        if now - told >= 30:
            told = now
            say(f"{now:5.0f} s: {driver.placed()} orders, {kills(lab)} kills, {sum(lab.counts().values())} injections")
        inject(lab, draw(rng, plan.kinds), rng)
        time.sleep(min(plan.every * rng.uniform(0.5, 1.5), max(plan.seconds - now, 1)))


def kills(lab: Lab) -> int:
    """Processes that died by our hand: at points and at random."""
    whole = sum(count for name, count in lab.counts().items() if name.startswith("kill."))
    return whole + sum(one.deed == "kill" for one in lab.points.strikes())


def settle(lab: Lab, driver: Driver, *, within: float) -> tuple[float | None, list[Finding], list[Truth]]:
    """Until the oracle finds nothing: the moment (of the monotonic clock), what it found last, and what it looked at."""
    return settled(lab, driver.intents, within=within, meanwhile=driver.reconnect_all)


def settled(
    lab: Lab, intents: list[Intent], *, within: float, meanwhile: Callable[[], None] = lambda: None
) -> tuple[float | None, list[Finding], list[Truth]]:
    """As `settle`, of any intents; `meanwhile` is what people do before each look."""
    deadline = time.monotonic() + within
    while True:
        meanwhile()
        read = truths(lab)
        found = findings(read, intents)
        if not found:
            return time.monotonic(), found, read
        if time.monotonic() > deadline:
            return None, found, read
        time.sleep(1)


def _outcome(
    lab: Lab,
    plan: Plan,
    driver: Driver,
    read: list[Truth],
    found: list[Finding],
    stories: list[str],
    seconds: float,
    settled: float | None,
) -> Outcome:
    rows = [row for truth in read for row in truth.orders]
    return Outcome(
        seed=plan.seed,
        seconds=seconds,
        settled=settled,
        findings=found,
        stories=stories,
        orders=sum(row["status"] != "denied" for row in rows),
        broker_orders=sum(len(truth.theirs) for truth in read),
        executions=sum(len(truth.executions) for truth in read),
        events=sum(len(events) for truth in read for events in truth.events.values()),
        doubts=sum(
            any(event["to_status"] == "in_doubt" for event in events)
            for truth in read
            for events in truth.events.values()
        ),
        external=sum(row["origin"] == "external" for row in rows),
        denied=sum(row["status"] == "denied" for row in rows),
        kills=kills(lab),
        injected=lab.counts(),
        struck=lab.strikes(),
        answers=driver.answers(),
        states=Counter(row["status"] for row in rows),
        recoveries=_recoveries(lab, driver.intents, read),
        broken=driver.broken,
        unanswered=sum(not intent.is_answered for intent in driver.intents),
    )


def _recoveries(lab: Lab, intents: list[Intent], read: list[Truth]) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {
        "a process, from its death to its work": [
            seconds for mine in lab.supervisor.running.values() for seconds in mine.recoveries[1:]
        ],
        "a request of a trader, from the first try to the answer": [
            intent.answered - intent.began for intent in intents if intent.tries > 1 and intent.is_answered
        ],
        "an order in doubt, from its claim to certainty": [],
        "an execution, from the exchange to the journal": [],
    }
    for truth in read:
        for events in truth.events.values():
            found["an order in doubt, from its claim to certainty"] += _doubts(events)
        executed = {line["id"]: line["transaction_time"] for line in truth.executions}
        found["an execution, from the exchange to the journal"] += [
            max((fill["created_at"] - fill["executed_at"]).total_seconds(), 0)
            for fill in truth.fills
            if fill["execution_id"] in executed
        ]
    return found


def _doubts(events: list[dict[str, Any]]) -> list[float]:
    """Every doubt of an order: from the claim of the sending that it is about to the first word after it."""
    found, claimed, is_doubted = [], None, False
    for event in events:
        if event["fact"] == "claim":
            claimed, is_doubted = event["at"], False
        elif event["to_status"] == "in_doubt":
            is_doubted = True
        elif claimed is not None and is_doubted:
            found.append((event["at"] - claimed).total_seconds())
            claimed = None
    return found


def quantiles(values: list[float]) -> tuple[float, float, float]:
    """p50, p95 and the longest."""
    if len(values) < 2:
        one = values[0] if values else 0.0
        return one, one, one
    cuts = statistics.quantiles(values, n=20, method="inclusive")
    return cuts[9], cuts[18], max(values)


def told(outcome: Outcome) -> str:
    """The run in figures, for a terminal."""
    lines = [
        f"seed {outcome.seed}: {'GOOD' if outcome.is_good else 'BROKEN'}",
        f"  {outcome.seconds:.0f} s of work, settled {_settled(outcome)}",
        f"  {outcome.orders} orders, {outcome.broker_orders} at the exchange, {outcome.executions} executions",
        f"  {outcome.events} events, {outcome.doubts} in doubt, {outcome.denied} denied",
        f"  {outcome.kills} kills, {sum(outcome.injected.values())} injections, unanswered requests {outcome.unanswered}",
        *[f"  {kind} {outcome.count(kind)}" for kind in ("lost", "doubled", "undecided", "untold", "wrong")],
        f"  states {dict(outcome.states.most_common())}",
    ]
    for what, seconds in outcome.recoveries.items():
        p50, p95, most = quantiles(seconds)
        lines.append(f"  {what}: {len(seconds)} times, p50 {p50:.1f} s, p95 {p95:.1f} s, longest {most:.1f} s")
    lines.append("  answers " + ", ".join(f"{name}: {count}" for name, count in sorted(outcome.answers.items())))
    by_kind = Counter({name: count for name, count in outcome.injected.items() if count})
    lines.append("  injected " + ", ".join(f"{name}: {count}" for name, count in sorted(by_kind.items())))
    lines.append("  struck " + ", ".join(f"{name}: {count}" for name, count in sorted(outcome.struck.items())))
    lines += [f"  {word}" for word in outcome.broken]
    lines += [f"  {finding}" for finding in outcome.findings[:40]]
    return "\n".join([*lines, *outcome.stories])


def _settled(outcome: Outcome) -> str:
    return "NOT" if outcome.settled is None else f"{outcome.settled:.0f} s after the last fault"


__all__ = ["INJECTIONS", "Outcome", "Plan", "quantiles", "run", "settle", "told"]
