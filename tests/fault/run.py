"""A seeded run: traders at work while faults happen; then calm, and the oracle is asked until everything has settled."""

import statistics
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from tests.fault.driver import Driver, Intent
from tests.fault.injections import INJECTIONS, Deck, inject, weights
from tests.fault.lab import Lab
from tests.fault.market import Market
from tests.fault.oracle import Finding, findings
from tests.fault.points import POINTS
from tests.fault.story import story
from tests.fault.truth import Truth, truths
from tests.fault.us import KILL_AT_POINT, POINT_WEIGHTS, SELDOM

# Seconds within which everything must have settled by itself after the last fault.
SETTLES_WITHIN = 300
STORIES = 8
# Injections from which on a run is long: each kind and each point is to be there.
LONG = 600
# Seconds at the end of a long run in which what never struck is done, and between two tries.
MADE_UP_WITHIN, MADE_UP_EVERY = 240, 20


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

    @property
    def is_long(self) -> bool:
        """Long enough for each kind of injection and each point to be there at least once."""
        return self.seconds / self.every >= LONG


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
    # What was drawn, and what of it struck; points that were struck; and how many single blows all of it was.
    injected: Counter[str]
    befell: Counter[str]
    struck: Counter[str]
    blows: int
    # Why what was drawn could not be done, and how often.
    misses: Counter[str]
    answers: Counter[str]
    states: Counter[str]
    # What recovered, and after how many seconds each time.
    recoveries: dict[str, list[float]] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)
    unanswered: int = 0
    # Injections that the machine does not allow, and why; those that the run was to draw from.
    impossible: dict[str, str] = field(default_factory=dict)
    wanted: list[str] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        return not self.findings and self.settled is not None and not self.broken and not self.unanswered

    def count(self, kind: str) -> int:
        return sum(finding.kind == kind for finding in self.findings)


def run(
    lab: Lab, plan: Plan, say: Callable[[str], None] = lambda _line: None, is_enough: Callable[[], bool] = lambda: False
) -> Outcome:
    """`is_enough` may end the work before its time; the oracle is asked all the same."""
    market = Market(lab.control, Random(f"{plan.seed}:market"))  # noqa: S311 - see above
    market.show_all()
    market.wander()
    driver = Driver(lab, market, seed=plan.seed, rate=plan.rate)
    driver.start()
    began = time.monotonic()
    _work(lab, plan, driver, say, is_enough)
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


def _work(lab: Lab, plan: Plan, driver: Driver, say: Callable[[str], None], is_enough: Callable[[], bool]) -> None:
    began, told = time.monotonic(), 0.0
    rng = Random(plan.seed)  # noqa: S311 - a run is repeated by its seed
    kinds, points = _decks(lab, plan)
    lab.next_point = points.draw
    while True:
        now = time.monotonic() - began
        enough = now >= plan.seconds and driver.placed() >= plan.orders and kills(lab) >= plan.kills
        if enough or now >= plan.most_seconds or driver.broken or is_enough():
            break
        if now - told >= 30:
            told = now
            say(
                f"{now:5.0f} s: {driver.placed()} orders, {kills(lab)} kills, {_struck_of_drawn(lab)} injections struck"
            )
        name = kinds.draw()
        inject(lab, name, _own(plan, kinds.turns))
        time.sleep(min(plan.every * rng.uniform(0.5, 1.5), max(plan.seconds - now, 1)))
    if plan.is_long and not driver.broken and not is_enough():
        _make_up(lab, driver, plan, points, say)


def _decks(lab: Lab, plan: Plan) -> tuple[Deck, Deck]:
    """Of injections and of points; each is shuffled by the seed alone."""
    of_all = int(plan.is_long)
    kinds = Deck(Random(f"{plan.seed}:kinds"), weights(lab, plan.kinds), of_all=of_all)  # noqa: S311 - see above
    return kinds, Deck(Random(f"{plan.seed}:points"), POINT_WEIGHTS, of_all=of_all)  # noqa: S311 - see above


def _own(plan: Plan, number: int) -> Random:
    """What an injection chooses by: how much one has drawn changes nothing for the next."""
    return Random(f"{plan.seed}:{number}")  # noqa: S311 - see above


def _make_up(lab: Lab, driver: Driver, plan: Plan, deck: Deck, say: Callable[[str], None]) -> None:
    """What found nobody until now is done again, while the traders still work."""
    deadline = time.monotonic() + MADE_UP_WITHIN
    while time.monotonic() < deadline:
        lab.collect()
        strikes, points = lab.record.strikes(), lab.strikes()
        missing = [name for name in weights(lab, plan.kinds) if not strikes[name]]
        unmet = [point for point in POINTS if not points[point]] if _kills_at_points(plan) else []
        if not missing and not unmet:
            return
        say(f"never struck until now: {', '.join([*missing, *unmet])}")
        deck.first = [*unmet]
        for name in [*missing, *[KILL_AT_POINT] * len(unmet)]:
            inject(lab, name, _own(plan, len(lab.record.lines)))
            time.sleep(1)
        for deed in SELDOM:
            if any(point.startswith(f"{deed}.") for point in unmet):
                driver.wish(deed)
        time.sleep(MADE_UP_EVERY)


def _kills_at_points(plan: Plan) -> bool:
    return plan.kinds is None or INJECTIONS[KILL_AT_POINT].kind in plan.kinds


def kills(lab: Lab) -> int:
    """Processes of the desk that died by our hand: at points and at random."""
    lab.collect()
    return lab.record.kills()


def _struck_of_drawn(lab: Lab) -> str:
    return f"{sum(lab.record.strikes().values())} of {len(lab.record.lines)}"


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
        injected=lab.record.counts(),
        befell=lab.record.strikes(),
        struck=lab.strikes(),
        misses=lab.record.misses(),
        blows=sum(lab.record.befallen.values()),
        impossible=lab.impossible,
        wanted=list(weights(lab, plan.kinds)),
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
        f"  {outcome.kills} kills, unanswered requests {outcome.unanswered}",
        f"  {sum(outcome.befell.values())} of {sum(outcome.injected.values())} injections struck, {outcome.blows} blows",
        *[f"  {kind} {outcome.count(kind)}" for kind in ("lost", "doubled", "undecided", "untold", "wrong")],
        f"  states {dict(outcome.states.most_common())}",
    ]
    for what, seconds in outcome.recoveries.items():
        p50, p95, most = quantiles(seconds)
        lines.append(f"  {what}: {len(seconds)} times, p50 {p50:.1f} s, p95 {p95:.1f} s, longest {most:.1f} s")
    lines.append("  answers " + ", ".join(f"{name}: {count}" for name, count in sorted(outcome.answers.items())))
    lines.append(
        "  injected, struck/drawn "
        + ", ".join(f"{name}: {outcome.befell[name]}/{outcome.injected[name]}" for name in sorted(outcome.injected))
    )
    lines.append("  missed " + "; ".join(f"{why}: {times}" for why, times in outcome.misses.most_common(30)))
    lines.append("  never struck: " + (", ".join(never(outcome)) or "nothing"))
    lines += [f"  not possible here: {name}: {why}" for name, why in outcome.impossible.items()]
    lines.append("  points struck " + ", ".join(f"{name}: {count}" for name, count in sorted(outcome.struck.items())))
    lines += [f"  {word}" for word in outcome.broken]
    lines += [f"  {finding}" for finding in outcome.findings[:40]]
    return "\n".join([*lines, *outcome.stories])


def never(outcome: Outcome) -> list[str]:
    """Kinds of injections and points that were to strike and did not."""
    kinds = [name for name in outcome.wanted if not outcome.befell[name]]
    return kinds + [point for point in POINTS if not outcome.struck[point] and KILL_AT_POINT in outcome.wanted]


def _settled(outcome: Outcome) -> str:
    return "NOT" if outcome.settled is None else f"{outcome.settled:.0f} s after the last fault"


__all__ = ["INJECTIONS", "Outcome", "Plan", "quantiles", "run", "settle", "told"]
