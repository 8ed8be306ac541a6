"""Streaks of consecutive stretches combine into the streaks of the whole."""

from decimal import Decimal as D

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trenddojo.domain.metrics.streaks import Run, StreakSummary


@pytest.mark.parametrize(
    ("nets", "wins", "losses", "current"),
    [
        ("", 0, 0, (0, 0)),
        ("w", 1, 0, (1, 0)),
        ("wwlwwwl", 3, 1, (0, 1)),
        ("ll0l", 0, 3, (0, 3)),
        ("w0w0w", 3, 0, (3, 0)),
        ("000", 0, 0, (0, 0)),
    ],
)
def test_a_break_even_ends_no_streak(nets: str, wins: int, losses: int, current: tuple[int, int]) -> None:
    found = StreakSummary.of([{"w": D(1), "l": D(-1), "0": D(0)}[one] for one in nets])
    assert (found.wins.longest, found.losses.longest) == (wins, losses)
    assert (found.current_wins, found.current_losses) == current


def test_the_band_decides_here_too() -> None:
    assert StreakSummary.of([D(9), D(5), D(9)], band=D(5)) == StreakSummary(2, Run(2, 2, 2), Run())


nets = st.lists(st.sampled_from([D(-1), D(0), D(1)]), max_size=15)


@given(nets, nets)
def test_earlier_plus_later_is_the_whole(earlier: list[D], later: list[D]) -> None:
    assert StreakSummary.of(earlier) + StreakSummary.of(later) == StreakSummary.of(earlier + later)


@given(nets, nets, nets)
def test_it_does_not_matter_where_the_stretches_are_cut(a: list[D], b: list[D], c: list[D]) -> None:
    one, two, three = map(StreakSummary.of, (a, b, c))
    assert (one + two) + three == one + (two + three)
    assert one + StreakSummary() == StreakSummary() + one == one
