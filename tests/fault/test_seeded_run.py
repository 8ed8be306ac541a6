"""A short run with a seed: traders at work, everything that can be injected, and every promise kept."""

import sys

import pytest

from tests.fault import everything  # noqa: F401 - it fills the table of injections
from tests.fault.lab import Lab, Options
from tests.fault.run import Plan, run, told

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="reads /proc and stops processes")]


# What is around has tests of its own: a server that starts anew would take most of so short a run.
KINDS = frozenset({"kill", "wire", "stream", "twice", "market", "sleep"})


def test_nothing_is_lost_or_doubled_while_faults_happen() -> None:
    with Lab(Options(seed=7, traders=3)) as lab:
        outcome = run(lab, Plan(seed=7, seconds=30, rate=4, every=0.6, kinds=KINDS))
        assert outcome.is_good, told(outcome)
        # It was no fair weather, and not little work.
        assert outcome.kills >= 3, told(outcome)
        assert sum(outcome.befell.values()) >= 15, told(outcome)
        assert outcome.orders >= 30, told(outcome)
