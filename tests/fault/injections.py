"""What can be done to a desk at work: a table of injections, from which a seeded run draws by weight.

An injection is a function of the lab and the run's random numbers. It does its deed at once, leaves undoing to
`lab.later`, and may answer a word about what it chose, which is kept for the story. It must not wait for anything.
"""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from tests.fault.lab import Lab

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
    """Do one to the desk, and write it down. Servers that are away for the moment take no orders from us either."""
    try:
        detail = INJECTIONS[name].deed(lab, rng)
    except Exception as problem:  # noqa: BLE001 - whatever it is, it is told in the run's figures
        lab.note("not injected", f"{name}: {problem!r}")
        return
    lab.note(name, detail or "")


def draw(rng: Random, kinds: frozenset[str] | None = None) -> str:
    """A name by weight, of some kinds or of all."""
    names = [name for name, one in INJECTIONS.items() if kinds is None or one.kind in kinds]
    return rng.choices(names, [INJECTIONS[name].weight for name in names])[0]
