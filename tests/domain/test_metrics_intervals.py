"""Confidence intervals beside the averages."""

import random
import statistics
from decimal import Decimal as D

import pytest

from trenddojo.domain.metrics.intervals import bootstrap_mean, histogram, wilson


@pytest.mark.parametrize(
    ("wins", "n", "low", "high"),
    [
        # statsmodels.stats.proportion.proportion_confint(method="wilson")
        (50, 100, 0.4038315303659956, 0.5961684696340044),
        (0, 10, 0.0, 0.27753279986288926),
        (10, 10, 0.7224672001371107, 1.0),
        (1, 1, 0.20654931437723745, 1.0),
    ],
)
def test_the_wilson_interval(wins: int, n: int, low: float, high: float) -> None:
    assert wilson(wins, n) == pytest.approx((low, high), abs=1e-12)


def test_there_is_no_interval_without_trades() -> None:
    assert wilson(0, 0) is None


def sample(n: int) -> list[D]:
    generator = random.Random(7)  # noqa: S311 a fixed sample
    return [D(str(round(generator.gauss(0.2, 1.5), 3))) for _ in range(n)]


def test_the_bootstrap_interval_is_where_theory_puts_it_and_repeats() -> None:
    values = sample(400)
    interval = bootstrap_mean([(value, 1) for value in values], seed=42)
    assert interval is not None
    low, high = interval
    mean, half = float(statistics.mean(values)), 1.96 * float(statistics.stdev(values)) / 20
    assert (low, high) == pytest.approx((mean - half, mean + half), abs=0.02)
    assert bootstrap_mean([(value, 1) for value in values], seed=42) == (low, high)
    assert bootstrap_mean([(value, 1) for value in values], seed=43) != (low, high)


def test_a_histogram_gives_nearly_the_interval_of_the_list() -> None:
    values = sample(3000)
    whole = bootstrap_mean([(value, 1) for value in values], seed=1)
    grouped = bootstrap_mean(histogram(values), seed=1)
    assert grouped == pytest.approx(whole, abs=0.01)


def test_a_histogram_keeps_the_sum_and_the_count() -> None:
    buckets = histogram([D("0.05"), D("0.09"), D("-0.01"), D("0.1")])
    assert buckets == [(D("-0.01"), 1), (D("0.14"), 2), (D("0.1"), 1)]


@pytest.mark.parametrize("buckets", [[], [(D(1), 1)], [(D(0), 0), (D(1), 1)]])
def test_one_value_has_no_interval(buckets: list[tuple[D, int]]) -> None:
    assert bootstrap_mean(buckets, seed=1) is None


def test_equal_values_have_an_interval_without_width() -> None:
    assert bootstrap_mean([(D(10), 5)], seed=1) == (2.0, 2.0)


def test_resamples_are_drawn_in_parts_when_there_are_many_buckets() -> None:
    values = [(D(number), 1) for number in range(3000)]
    interval = bootstrap_mean(values, seed=1, resamples=200)
    assert interval is not None
    assert interval[0] < 1499.5 < interval[1]
