"""The figures agree with quantstats, empyrical-reloaded and pyxirr to 1e-12 on generated series."""

import math
import random
import warnings
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from decimal import Decimal as D

import empyrical
import numpy as np
import pandas as pd
import pytest
import pyxirr
import quantstats.stats as qs

from tests.domain.streams import START
from trenddojo.domain.metrics.figure import Figure
from trenddojo.domain.metrics.flows import xirr
from trenddojo.domain.metrics.series import (
    SessionRow,
    account_xirr,
    cagr,
    calmar,
    daily_returns,
    max_drawdown,
    series_figures,
    sharpe,
    sortino,
    twr,
    volatility,
)
from trenddojo.domain.metrics.trades import TradeOutcome, TradeTotals, figures

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(autouse=True)
def _libraries_may_warn() -> Iterator[None]:
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield


def agree(figure: Figure, *references: float) -> None:
    assert figure.value is not None, figure.reason
    for reference in references:
        assert math.isclose(float(figure.value), float(reference), rel_tol=1e-12, abs_tol=1e-12), (figure, reference)


def normal(seed: int, n: int, mean: float = 0.0005, spread: float = 0.012) -> list[float]:
    return [float(r) for r in np.random.default_rng(seed).normal(mean, spread, n)]


SERIES: dict[str, list[float]] = {
    **{f"seed {seed}": normal(seed, 20 + 37 * seed) for seed in range(12)},
    "exactly 20 sessions": normal(99, 20),
    "ten years": normal(100, 2520),
    "tiny moves": normal(101, 300, 1e-5, 1e-4),
    "huge moves": normal(102, 60, 0.02, 0.25),
    "mostly flat": [r if number % 7 == 0 else 0.0 for number, r in enumerate(normal(103, 210))],
    "one losing day": [*[abs(r) for r in normal(104, 60)], -0.01],
    "only losing days": [-abs(r) - 1e-6 for r in normal(105, 60)],
    "loses on the first day and never recovers": [-0.4, *normal(106, 50, 0.0, 0.001)],
    "a crash and a recovery": [*normal(107, 40), -0.6, *normal(108, 400, 0.004, 0.01)],
    "fat tails": [float(r) * 0.01 for r in np.random.default_rng(109).standard_t(2.5, 500)],
}
series = pytest.mark.parametrize("returns", SERIES.values(), ids=SERIES.keys())
rates = pytest.mark.parametrize("rate", [0.0, 0.02, 0.05])


def as_pandas(returns: list[float]) -> pd.Series:
    return pd.Series(returns, index=pd.bdate_range("2020-01-01", periods=len(returns)))


@series
@rates
def test_the_sharpe_ratio(returns: list[float], rate: float) -> None:
    daily = (1 + rate) ** (1 / 252) - 1
    data = as_pandas(returns)
    agree(sharpe(returns, risk_free=rate), empyrical.sharpe_ratio(data, risk_free=daily), qs.sharpe(data, rf=rate))


@series
@rates
def test_the_sortino_ratio(returns: list[float], rate: float) -> None:
    daily = (1 + rate) ** (1 / 252) - 1
    data = as_pandas(returns)
    agree(
        sortino(returns, risk_free=rate),
        empyrical.sortino_ratio(data, required_return=daily),
        qs.sortino(data, rf=rate),
    )


@series
def test_the_ratios_under_a_negative_rate(returns: list[float]) -> None:
    """Only empyrical: quantstats leaves rates below zero out."""
    daily = 0.995 ** (1 / 252) - 1
    data = as_pandas(returns)
    agree(sharpe(returns, risk_free=-0.005), empyrical.sharpe_ratio(data, risk_free=daily))
    agree(sortino(returns, risk_free=-0.005), empyrical.sortino_ratio(data, required_return=daily))


@series
def test_volatility_return_and_growth(returns: list[float]) -> None:
    data = as_pandas(returns)
    agree(volatility(returns), empyrical.annual_volatility(data), qs.volatility(data))
    agree(twr(returns), empyrical.cum_returns_final(data), qs.comp(data))
    agree(cagr(returns), empyrical.annual_return(data), qs.cagr(data))


@series
def test_drawdown_and_calmar(returns: list[float]) -> None:
    data = as_pandas(returns)
    worst = max_drawdown(returns)
    assert worst is not None
    agree(Figure(worst.depth, 1), empyrical.max_drawdown(data), qs.max_drawdown(data))
    agree(calmar(returns), empyrical.calmar_ratio(data), qs.calmar(data))


@pytest.mark.parametrize(
    ("figure", "library", "returns"),
    [
        (sharpe, qs.sharpe, [0.001] * 30),
        (sharpe, empyrical.sharpe_ratio, [0.0] * 30),
        (sortino, qs.sortino, [0.001, 0.002] * 15),
        (sortino, empyrical.sortino_ratio, [0.001, 0.002] * 15),
        (calmar, empyrical.calmar_ratio, [0.001, 0.002] * 15),
    ],
)
def test_where_a_library_leaves_the_numbers_the_figure_is_undefined(
    figure: Callable[[list[float]], Figure], library: Callable[[pd.Series], float], returns: list[float]
) -> None:
    value = float(library(as_pandas(returns)))
    assert not math.isfinite(value) or value == 0 or abs(value) > 1e10
    assert figure(returns).value is None


@pytest.mark.parametrize("seed", range(8))
def test_an_account_with_deposits_and_withdrawals(seed: int) -> None:
    generator = random.Random(seed)  # noqa: S311 a fixed series
    equity, rows, expected = D(0), [], []
    for number in range(300):
        deposit = D(generator.randrange(1, 5000)) if number == 0 or generator.random() < 0.05 else D(0)
        grown = ((equity + deposit) * D(str(round(generator.gauss(1.0004, 0.01), 6)))).quantize(D("0.01"))
        withdrawal = (grown / 10).quantize(D("0.01")) if generator.random() < 0.03 else D(0)
        expected.append(float(grown) / float(equity + deposit) - 1)
        equity = grown - withdrawal
        rows.append(SessionRow(date(2023, 1, 2) + timedelta(days=number), equity, deposit, withdrawal))
    found, data = series_figures(rows, risk_free=0.03), as_pandas(daily_returns(rows))
    assert daily_returns(rows) == pytest.approx(expected, abs=1e-12)
    agree(found["sharpe"], qs.sharpe(data, rf=0.03))
    agree(found["sortino"], qs.sortino(data, rf=0.03))
    agree(found["twr"], empyrical.cum_returns_final(data))
    agree(found["max_drawdown"], empyrical.max_drawdown(data), qs.max_drawdown(data))
    flows = [(row.day, float(row.withdrawals - row.deposits)) for row in rows] + [(rows[-1].day, float(equity))]
    agree(account_xirr(rows), pyxirr_to_the_end(flows))


def pyxirr_to_the_end(flows: list[tuple[date, float]]) -> float:
    """pyxirr stops when the present value is a small part of a cent; go on with Newton's steps on its own xnpv."""
    days, amounts = [day for day, _ in flows], [amount for _, amount in flows]
    rate = pyxirr.xirr(days, amounts)
    assert rate is not None
    for _ in range(3):
        step = 1e-6 * (1 + rate)
        above, below = (pyxirr.xnpv(rate + way, days, amounts) for way in (step, -step))
        here = pyxirr.xnpv(rate, days, amounts)
        assert None not in (above, below, here)
        corrected = rate - here * 2 * step / (above - below)
        assert abs(corrected - rate) <= 1e-7 * (1 + abs(rate))
        rate = corrected
    return rate


def _flows(seed: int) -> list[tuple[date, D]]:
    """Deposits, a few withdrawals and what is left: one to forty years."""
    generator = random.Random(seed)  # noqa: S311 a fixed series
    days = sorted(generator.sample(range(1, 365 * generator.choice([1, 5, 40])), generator.randrange(1, 30)))
    found = [(date(1980, 1, 1), D(-generator.randrange(1000, 10**6)))]
    found += [(found[0][0] + timedelta(days=day), D(generator.randrange(-50000, 20000))) for day in days]
    paid = -sum(amount for _, amount in found if amount < 0)
    left = (paid * D(str(round(generator.uniform(0.3, 3), 4)))).quantize(D("0.01"))
    return [*found, (found[-1][0] + timedelta(days=30), left)]


@pytest.mark.parametrize("seed", range(200))
def test_xirr(seed: int) -> None:
    flows = _flows(seed)
    agree(xirr(flows), pyxirr_to_the_end([(day, float(amount)) for day, amount in flows]))


@pytest.mark.parametrize(
    "flows",
    [
        [(0, -1000), (1, 1001)],
        [(0, -1000), (7, 900)],
        [(0, -1000), (0, -500), (400, 1500)],
        [(0, -0.01), (365, 1000)],
        [(0, -(10**12)), (365, 10**12 + 1)],
        [(0, -1000), (181, -500), (365, 1650)],
    ],
)
def test_xirr_at_the_edges(flows: list[tuple[int, float]]) -> None:
    dated = [(date(2025, 1, 1) + timedelta(days=day), amount) for day, amount in flows]
    agree(xirr([(day, D(str(amount))) for day, amount in dated]), pyxirr_to_the_end(dated))


@pytest.mark.parametrize("flows", [[(0, -1000), (365, -5)], [(0, 1000), (365, 5)]])
def test_xirr_is_undefined_where_pyxirr_finds_nothing(flows: list[tuple[int, float]]) -> None:
    dated = [(date(2025, 1, 1) + timedelta(days=day), amount) for day, amount in flows]
    with pytest.raises(pyxirr.InvalidPaymentsError):
        pyxirr.xirr([day for day, _ in dated], [amount for _, amount in dated])
    assert xirr([(day, D(amount)) for day, amount in dated]).value is None


@pytest.mark.parametrize("seed", range(10))
def test_trade_ratios_from_money(seed: int) -> None:
    generator = random.Random(seed)  # noqa: S311 a fixed series
    nets = [D(generator.randrange(-50000, 60000)) / 100 for _ in range(120)] + [D(0)] * 5
    found = figures(TradeTotals.of(TradeOutcome(net, None, net, D(0), START) for net in nets))
    data = as_pandas([float(net) for net in nets])
    agree(found["win_rate"], qs.win_rate(data, prepare_returns=False))
    agree(found["payoff_ratio"], qs.payoff_ratio(data, prepare_returns=False))
    agree(found["profit_factor"], qs.profit_factor(data, prepare_returns=False))
    agree(found["kelly_fraction"], qs.kelly_criterion(data, prepare_returns=False))
    agree(Figure(found["average_win"].value, 1), round(qs.avg_win(data, prepare_returns=False), 2))


@pytest.mark.parametrize("seed", range(10))
def test_the_sqn_from_sums_is_the_sqn_of_the_list(seed: int) -> None:
    rs = [D(str(round(r, 4))) for r in normal(seed, 50 + seed * 100, 0.2, 1.7)]
    found = figures(TradeTotals.of(TradeOutcome(D(1), r, D(1), D(0), START) for r in rs))
    array = np.array([float(r) for r in rs])
    agree(found["expectancy_r"], array.mean())
    agree(found["sqn"], math.sqrt(len(array)) * array.mean() / array.std(ddof=1))
