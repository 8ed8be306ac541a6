"""Figures of one account over time."""

import math
from datetime import date, timedelta
from decimal import Decimal as D

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trenddojo.domain.errors import UndefinedReturnError
from trenddojo.domain.metrics.flows import xirr
from trenddojo.domain.metrics.series import (
    Drawdown,
    SessionRow,
    account_xirr,
    cagr,
    calmar,
    daily_returns,
    drawdown_curve,
    drawdown_figures,
    drawdown_recovered_on,
    growth_index,
    max_drawdown,
    series_figures,
    sharpe,
    sortino,
    twr,
    twr_annualised,
    volatility,
)

MONDAY = date(2025, 1, 6)


def row(day: int, equity: str, deposits: str = "0", withdrawals: str = "0") -> SessionRow:
    return SessionRow(MONDAY + timedelta(days=day), D(equity), D(deposits), D(withdrawals))


def test_deposits_count_at_the_start_of_the_day_and_withdrawals_at_its_end() -> None:
    rows = [row(0, "10100", "10000"), row(1, "15150", "4900"), row(2, "10000", "0", "5301.5")]
    assert daily_returns(rows) == pytest.approx([0.01, 0.01, 0.01], abs=1e-15)


def test_the_first_row_is_measured_from_the_opening_equity() -> None:
    assert daily_returns([row(0, "110")], opening_equity=D(100)) == [0.1]


def test_an_empty_account_earns_nothing() -> None:
    assert daily_returns([row(0, "0"), row(1, "100", "100"), row(2, "0", "0", "100"), row(3, "0")]) == [0, 0, 0, 0]
    assert daily_returns([]) == []


@pytest.mark.parametrize("rows", [[row(0, "100")], [row(0, "-5", "100"), row(1, "10")]])
def test_money_from_nothing_has_no_return(rows: list[SessionRow]) -> None:
    with pytest.raises(UndefinedReturnError, match="2025-01-0"):
        daily_returns(rows)
    found = series_figures(rows)
    assert found["twr"].value is None
    assert found["sharpe"].reason == found["drawdown_sessions"].reason
    assert "no money in the account" in str(found["twr"].reason)


def test_the_worked_case_of_a_deposit_that_is_no_profit() -> None:
    rows = [
        SessionRow(date(2025, 1, 1), D(10000), D(10000)),
        SessionRow(date(2025, 7, 1), D(10500)),
        SessionRow(date(2025, 7, 2), D(15500), D(5000)),
        SessionRow(date(2026, 1, 1), D(14725)),
    ]
    found = series_figures(rows)
    assert found["twr"].value == pytest.approx(-0.0025, abs=1e-15)
    assert found["twr_annualised"].value == pytest.approx(-0.0025, abs=1e-15)
    assert found["xirr"].value == pytest.approx(-0.021964, abs=5e-7)
    assert account_xirr(rows[1:], opening_equity=D(10000)).n == 3


def test_the_worked_case_of_xirr() -> None:
    found = xirr([(date(2025, 1, 1), D(-1000)), (date(2025, 7, 1), D(-500)), (date(2026, 1, 1), D(1650))])
    assert found.value == pytest.approx(0.1204871671, abs=5e-11)
    assert (found.n, found.reason) == (3, None)


@pytest.mark.parametrize(
    ("flows", "reason"),
    [
        ([], "paid in and money taken out"),
        ([(0, "-100"), (30, "-100")], "paid in and money taken out"),
        ([(0, "100")], "paid in and money taken out"),
        ([(0, "-100"), (0, "110")], "more than one day"),
        # 100 - 400 q + 500 q^2 has no root
        ([(0, "100"), (365, "-400"), (730, "500")], "No rate"),
    ],
)
def test_an_undefined_xirr_says_why(flows: list[tuple[int, str]], reason: str) -> None:
    found = xirr([(MONDAY + timedelta(days=day), D(amount)) for day, amount in flows])
    assert found.value is None
    assert reason in str(found.reason)


@pytest.mark.parametrize(
    ("flows", "rate"),
    [
        # doubled within a day: 2^365 - 1
        ([(0, "-100"), (1, "200")], 2.0**365 - 1),
        # nearly everything lost within a month
        ([(0, "-100"), (30, "0.01")], 0.0001 ** (365 / 30) - 1),
        # unchanged
        ([(0, "-100"), (100, "100")], 0.0),
        # (1 - 1.1 q)(1 - 2 q): 10 % and 100 %; the nearer one counts
        ([(0, "-100"), (365, "310"), (730, "-220")], 0.1),
        # forty years
        ([(0, "-100"), (14600, "100000")], 1000 ** (1 / 40) - 1),
        # flows in any order
        ([(365, "110"), (0, "-100")], 0.1),
    ],
)
def test_xirr_finds_far_and_near_rates(flows: list[tuple[int, str]], rate: float) -> None:
    found = xirr([(MONDAY + timedelta(days=day), D(amount)) for day, amount in flows])
    assert found.value == pytest.approx(rate, rel=1e-9, abs=1e-12)


@given(st.floats(-0.9, 5), st.lists(st.tuples(st.integers(1, 2000), st.integers(1, 10**6)), min_size=1, max_size=12))
def test_xirr_brings_the_flows_back_to_zero(rate: float, paid: list[tuple[int, int]]) -> None:
    """Deposits grown at a rate are found to have grown at that rate."""
    last = max(day for day, _ in paid) + 1
    end = sum(amount * (1 + rate) ** ((last - day) / 365) for day, amount in paid)
    flows = [(MONDAY + timedelta(days=day), D(-amount)) for day, amount in paid]
    found = xirr([*flows, (MONDAY + timedelta(days=last), D(end))])
    assert found.value == pytest.approx(rate, rel=1e-7, abs=1e-9)


def test_an_account_without_sessions_has_no_figures() -> None:
    found = series_figures([])
    assert all(figure.value is None and figure.reason for figure in found.values())
    assert found["twr"].reason == "No trading sessions yet."


ZIGZAG = [0.01, -0.02, 0.015, 0.0, -0.005] * 5


@pytest.mark.parametrize("figure", [cagr, volatility, sharpe, sortino, calmar])
def test_ratios_need_20_sessions(figure: object) -> None:
    assert figure(ZIGZAG[:19]).reason == "It needs at least 20 trading sessions."  # type: ignore[operator]
    assert figure(ZIGZAG[:20]).value is not None  # type: ignore[operator]


def test_returns_that_do_not_vary_have_no_sharpe() -> None:
    assert sharpe([0.1 / 3] * 25).reason == "The returns do not vary."
    assert volatility([0.1 / 3] * 25).value == pytest.approx(0, abs=1e-15)


def test_without_a_losing_day_there_is_no_sortino_and_no_calmar() -> None:
    rising = [0.01, 0.02] * 12
    assert sortino(rising).reason == "There is no losing day."
    assert calmar(rising).reason == "There is no drawdown."
    assert drawdown_figures(rising)["max_drawdown"].value == 0
    assert drawdown_figures(rising)["drawdown_sessions"].reason == "There is no drawdown."


@pytest.mark.parametrize("first", [1e250, 1e308])
def test_a_rate_beyond_what_a_number_can_hold_is_undefined(first: float) -> None:
    found = cagr([first, *[9.0] * 19])
    assert (found.value, found.n, found.reason) == (None, 20, "The rate is too large to be told.")


def test_annualising_waits_for_a_year() -> None:
    assert twr_annualised([0.1], days=364).reason == "It needs at least one year."
    assert twr_annualised([0.21], days=730).value == pytest.approx(0.1, abs=1e-15)


def test_a_total_loss_is_minus_100_percent_and_a_debt_has_no_rate() -> None:
    assert cagr([-1.0] + [0.0] * 20).value == -1
    assert twr([-1.0, 0.5]).value == -1
    assert cagr([-1.5] + [0.1] * 20).reason == "More than everything was lost."
    assert calmar([-1.5] + [0.1] * 20).reason == "More than everything was lost."
    assert twr_annualised([-1.5], days=400).reason == "More than everything was lost."


@pytest.mark.parametrize(
    ("returns", "expected"),
    [
        ([], None),
        ([0.1, 0.0], None),
        ([-0.1], Drawdown(-0.1, -1, 0, None, 1)),
        ([0.1, -0.5, 0.5, 1.0], Drawdown(-0.5, 0, 1, 3, 3)),
        ([0.0, 0.25, -0.5, 0.1], Drawdown(-0.5, 1, 2, None, 2)),
        ([-0.5, 1.0, -0.25, 1.0], Drawdown(-0.5, -1, 0, 1, 2)),
    ],
)
def test_the_deepest_drawdown_its_length_and_its_recovery(returns: list[float], expected: Drawdown | None) -> None:
    found = max_drawdown(returns)
    if expected is None:
        assert found is None
    else:
        assert found is not None
        assert found.depth == pytest.approx(expected.depth, abs=1e-15)
        assert (found.peak, found.trough, found.recovered, found.sessions) == (
            expected.peak,
            expected.trough,
            expected.recovered,
            expected.sessions,
        )


@pytest.mark.parametrize(
    ("equities", "recovered"),
    [([], None), (["100", "110"], None), (["90", "80", "99"], None), (["90", "100", "95", "99"], 1)],
)
def test_the_day_of_the_recovery_is_known(equities: list[str], recovered: int | None) -> None:
    rows = [row(number, equity) for number, equity in enumerate(equities)]
    day = None if recovered is None else MONDAY + timedelta(days=recovered)
    assert drawdown_recovered_on(rows, opening_equity=D(100)) == day


def test_returns_from_nothing_recover_on_no_day() -> None:
    assert drawdown_recovered_on([row(0, "100")]) is None


@given(st.integers(10000, 10**9), st.lists(st.integers(1, 99), min_size=1, max_size=8))
def test_an_equity_that_is_back_at_its_peak_has_recovered(start: int, path: list[int]) -> None:
    fallen = [D(start * percent // 100) / 100 for percent in path]
    peak = D(start) / 100
    rows = [SessionRow(MONDAY + timedelta(days=n), equity) for n, equity in enumerate([*fallen, peak])]
    found = max_drawdown(daily_returns(rows, opening_equity=peak))
    assert found is not None
    assert (found.peak, found.recovered, found.sessions) == (-1, len(path), len(path) + 1)
    assert found.depth == pytest.approx(float(min(fallen) / peak - 1), abs=1e-12)


def test_the_curves_have_the_start_as_their_first_peak() -> None:
    assert growth_index([0.5, -0.5]) == [1.0, 1.5, 0.75]
    assert drawdown_curve([-0.5, 1.0, 0.5, -0.5]) == [-0.5, 0.0, 0.0, -0.5]
    assert drawdown_curve([]) == []


def test_the_risk_free_rate_is_taken_off_every_day() -> None:
    daily = 1.05 ** (1 / 252) - 1
    shifted = [r + daily for r in ZIGZAG]
    assert sharpe(shifted, risk_free=0.05).value == pytest.approx(sharpe(ZIGZAG).value, abs=1e-12)
    assert sortino(shifted, risk_free=0.05).value == pytest.approx(sortino(ZIGZAG).value, abs=1e-12)


def test_all_figures_of_a_series_by_their_keys() -> None:
    equity, rows = D(10000), []
    for day, r in enumerate(ZIGZAG):
        equity *= 1 + D(str(r))
        rows.append(row(day, str(equity)))
    found = series_figures(rows, opening_equity=D(10000), risk_free=0.0)
    returns = daily_returns(rows, opening_equity=D(10000))
    assert set(found) == {
        "twr",
        "twr_annualised",
        "xirr",
        "cagr",
        "volatility",
        "sharpe",
        "sortino",
        "max_drawdown",
        "drawdown_sessions",
        "calmar",
    }
    assert found["twr"].value == pytest.approx(math.prod(1 + r for r in ZIGZAG) - 1, abs=1e-14)
    assert found["sharpe"] == sharpe(returns)
    assert found["calmar"].value == pytest.approx(float(cagr(returns).value or 0) / -min(drawdown_curve(returns)))
    assert {figure.n for key, figure in found.items() if key != "xirr"} == {25}
