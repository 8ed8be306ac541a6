"""A process killed at any named point loses nothing, doubles nothing and leaves nothing undecided."""

import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.fault.driver import Intent
from tests.fault.killable import HASTE
from tests.fault.lab import Lab, Options
from tests.fault.oracle import findings
from tests.fault.points import POINTS
from tests.fault.provoking import Scene
from tests.fault.run import settled
from tests.fault.story import story
from tests.fault.truth import truths

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="reads /proc and stops processes")]

# A poll or a sync that is killed holds its connection for two minutes: there is another for each.
TRADERS = 8
# Nothing hangs here, so that a lost sender may be missed sooner than the longest request takes.
SENDER_LOST = "trades.execution.submit:SEND_TIMEOUT=20"


# The sender that the sweep has to miss, and who leaves a halt to the workers, die at points of their own.
STRUCK = {"submit.claimed": 2, "halt.committed": 3}


@dataclass
class Struck:
    strikes: Counter[str]
    intents: dict[str, list[Intent]]
    stories: list[str]
    missed: dict[str, str]


@pytest.fixture(scope="module")
def struck() -> Iterator[Struck]:
    """Every point is struck once, one after the other; then everything settles together."""
    with Lab(Options(traders=TRADERS, variables={HASTE: SENDER_LOST})) as lab:
        scene = Scene(lab)
        missed: dict[str, str] = {}
        for point in POINTS:
            try:
                scene.strike(point)
            except AssertionError as problem:
                missed[point] = str(problem)
        lab.calm()
        scene.drain()
        settled(lab, scene.all_intents(), within=120)
        read = truths(lab)
        found = findings(read, scene.all_intents())
        stories = [story(lab, one, read, scene.all_intents()) for one in found]
        yield Struck(lab.strikes(), scene.intents, stories, missed)


@pytest.mark.parametrize("point", POINTS)
def test_a_process_dies_at_the_point_and_what_it_was_about_is_finished(point: str, struck: Struck) -> None:
    assert point not in struck.missed, struck.missed[point]
    assert struck.strikes[point] == STRUCK.get(point, 1)
    assert all(intent.is_answered for intent in struck.intents[point])
    orders = {intent.order for intent in struck.intents[point] if intent.order}
    assert [one for one in struck.stories if any(order in one for order in orders)] == []


def test_nothing_is_lost_doubled_undecided_or_untold(struck: Struck) -> None:
    assert struck.stories == [], "\n\n".join(struck.stories)
