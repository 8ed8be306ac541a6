"""When a desk counts as having recovered from too many."""

import pytest

from benchmarks.load.judge import ORDER, Phase, Row, recovered
from benchmarks.load.visitors import BUSY

PAGE = "dashboard"


def phase(*slow_until: tuple[str, float, float], refused_at: float | None = None) -> Phase:
    """A minute with an order and a page every half second, each answered in 0.1 s, but for kinds that are slow until a
    second of it."""
    rows = []
    for half in range(120):
        at = half / 2
        for kind in (ORDER, PAGE):
            took = max([0.1, *(seconds for slow, until, seconds in slow_until if slow == kind and at < until)])
            status = BUSY if kind == PAGE and at == refused_at else 200
            rows.append(Row(at, kind, status, took, is_right=True))
    return Phase("afterwards", 50, 20, 0.0, 60.0, rows)


@pytest.mark.parametrize(
    ("after", "within", "seconds"),
    [
        (phase(), 1.25, 0),
        (phase((ORDER, 60, 0.12), (PAGE, 60, 0.12)), 1.25, 0),
        (phase((ORDER, 60, 0.15)), 1.25, None),
        (phase((ORDER, 60, 0.15)), 2.0, 0),
        # One in twenty may be late.
        (phase((ORDER, 30, 0.3)), 2.0, 27),
        (phase(refused_at=7.0), 2.0, 8),
        (phase(refused_at=59.0), 2.0, None),
    ],
)
def test_all_is_as_before_from_when_on_it_stays_so(after: Phase, within: float, seconds: int | None) -> None:
    assert recovered(phase(), after, within=within) == seconds


def test_orders_and_pages_are_judged_by_themselves() -> None:
    after = phase((ORDER, 30, 0.3))
    assert recovered(phase(), after, within=1.25, kinds=ORDER.__ne__) == 0
    assert recovered(phase(), after, within=1.25, kinds=ORDER.__eq__) == 29
