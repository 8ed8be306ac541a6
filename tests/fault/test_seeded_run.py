"""A short run with a seed: traders at work, everything that can be injected, and every promise kept."""

import sys

import pytest

from tests.fault import everything  # noqa: F401 - it fills the table of injections
from tests.fault.lab import Lab, Options
from tests.fault.run import Plan, run, told

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="reads /proc and stops processes")]


def test_nothing_is_lost_or_doubled_while_faults_happen() -> None:
    with Lab(Options(seed=7, traders=3)) as lab:
        outcome = run(
            lab, Plan(seed=7, seconds=20, rate=3, every=0.8, kinds=frozenset({"kill", "wire", "stream", "twice"}))
        )
        assert outcome.is_good, told(outcome)
        assert outcome.orders > 0
