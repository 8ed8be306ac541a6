"""What can be done to a desk at work: a table of injections, from which a seeded run draws by weight.

An injection is a function of the lab and the run's random numbers. It does its deed at once, leaves undoing to
`lab.later`, and may answer a word about what it chose, which is kept for the story. It must not wait for anything, and
raises Missed where there is nothing that it could befall. What waits for somebody to come by (a request, an update, a
process at a point) is done through the lab, which hears whether it struck.
"""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from tests.fault.lab import Lab

EVERY = 3
Deed = Callable[[Lab, Random], str | None]


@dataclass(frozen=True)
class Injection:
    """`weight` is how often it is drawn beside the others; `kind` groups it in reports."""

    kind: str
    deed: Deed
    weight: float = 1.0


INJECTIONS: dict[str, Injection] = {}


def injection(name: str, kind: str, weight: float = 1.0) -> Callable[[Deed], Deed]:
    """Enter a function into the table under its name."""

    def enter(deed: Deed) -> Deed:
        if name in INJECTIONS:
            raise ValueError(f"There is an injection {name} already.")
        INJECTIONS[name] = Injection(kind, deed, weight)
        return deed

    return enter


def inject(lab: Lab, name: str, rng: Random) -> None:
    """Do one to the desk, and write down whether it could be done."""
    with lab.record.drawn(name) as line:
        line.detail = INJECTIONS[name].deed(lab, rng) or ""


class Deck:
    """Names by weight. Where a run is long enough every third one is the next of a shuffled deck, until each was there."""

    def __init__(self, rng: Random, weights: dict[str, float], *, of_all: int) -> None:
        self.rng = rng
        self.weights = weights
        self.turns = 0
        # How often each is there once, before weight alone decides.
        self.waiting = [name for _ in range(of_all) for name in rng.sample(sorted(weights), len(weights))]
        # What is drawn before anything else.
        self.first: list[str] = []

    def draw(self) -> str:
        self.turns += 1
        if self.first:
            return self.first.pop(0)
        if self.waiting and self.turns % EVERY == 0:
            return self.waiting.pop(0)
        return self.rng.choices(list(self.weights), list(self.weights.values()))[0]


def weights(lab: Lab, kinds: frozenset[str] | None = None) -> dict[str, float]:
    """Of some kinds or of all, but what this machine does not allow."""
    return {
        name: one.weight
        for name, one in INJECTIONS.items()
        if name not in lab.impossible and (kinds is None or one.kind in kinds)
    }
