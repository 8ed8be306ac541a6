"""Figures over many trades come from totals that add and subtract exactly."""

import statistics
from decimal import Decimal as D

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.domain.streams import START
from trenddojo.domain.metrics.figure import Figure
from trenddojo.domain.metrics.streaks import StreakSummary
from trenddojo.domain.metrics.trades import Outcome, TradeOutcome, TradeTotals, figures, outcome_of


def trade(net: str, r: str | None = None, costs: str = "0") -> TradeOutcome:
    return TradeOutcome(D(net), D(r) if r else None, D(net) + D(costs), D(costs), START)


def of_r(*values: str) -> TradeTotals:
    return TradeTotals.of(trade(value + "00", value) for value in values)


@pytest.mark.parametrize(
    ("net", "band", "outcome"),
    [
        ("0.004", "0", "break_even"),
        ("0.005", "0", "win"),
        ("-0.004", "0", "break_even"),
        ("-0.01", "0", "loss"),
        ("5", "5", "break_even"),
        ("-5", "5", "break_even"),
        ("5.01", "5", "win"),
        ("-5.01", "5", "loss"),
    ],
)
def test_the_band_decides_what_is_a_break_even(net: str, band: str, outcome: str) -> None:
    assert outcome_of(D(net), D(band)) is Outcome(outcome)


def test_a_worked_example() -> None:
    totals = TradeTotals.of(
        [
            trade("300.00", "1.5", "2.00"),
            trade("-200.00", "-1", "2.00"),
            trade("500.00", None, "1.00"),
            trade("-100.00", "-0.5"),
            trade("0.00", "0", "4.00"),
        ]
    )
    found = figures(totals)
    values = {key: figure.value for key, figure in found.items()}
    assert values == {
        "trade_count": 5,
        "break_even_count": 1,
        "net_pnl": D("500.00"),
        "gross_pnl": D("509.00"),
        "total_costs": D("9.00"),
        "win_rate": D("0.5"),
        "expectancy_money": D("100.00"),
        "expectancy_r": D(0),
        "average_win": D("400.00"),
        "average_loss": D("-150.00"),
        "payoff_ratio": pytest.approx(D(8) / 3, abs=D("1e-25")),
        "profit_factor": pytest.approx(D(8) / 3, abs=D("1e-25")),
        "sqn": D(0),
        # 0.5 - 0.5 / (8/3)
        "kelly_fraction": D("0.3125"),
    }
    assert {key: figure.n for key, figure in found.items()} == {
        "trade_count": 5,
        "break_even_count": 5,
        "net_pnl": 5,
        "gross_pnl": 5,
        "total_costs": 5,
        "win_rate": 4,
        "expectancy_money": 5,
        "expectancy_r": 4,
        "average_win": 2,
        "average_loss": 2,
        "payoff_ratio": 4,
        "profit_factor": 4,
        "sqn": 4,
        "kelly_fraction": 4,
    }


def test_the_sqn_of_the_worked_case() -> None:
    sqn = figures(of_r("2", "-1", "4", "-1", "-1", "3"))["sqn"]
    assert sqn.value is not None
    assert round(sqn.value, 4) == D("1.0742")
    assert (sqn.n, sqn.is_muted) == (6, True)


def test_two_trades_are_enough_for_an_sqn() -> None:
    # sqrt(2) * 2 / sqrt(2)
    assert figures(of_r("1", "3"))["sqn"].value == pytest.approx(D(2), abs=D("1e-25"))


@pytest.mark.parametrize(("n", "is_muted"), [(29, True), (30, False)])
def test_the_sqn_is_muted_below_30(n: int, is_muted: bool) -> None:  # noqa: FBT001 a table of cases
    values = ["2", "-1", "1"] * 10
    assert figures(of_r(*values[:n]))["sqn"].is_muted is is_muted


def test_without_trades_every_figure_but_the_sums_is_undefined_with_a_reason() -> None:
    found = figures(TradeTotals())
    for key in ("trade_count", "break_even_count", "net_pnl", "gross_pnl", "total_costs"):
        assert found.pop(key) == Figure(D(0), 0)
    for figure in found.values():
        assert (figure.value, figure.n) == (None, 0)
        assert figure.reason is not None
        assert figure.reason.endswith(".")


@pytest.mark.parametrize(
    ("key", "nets", "n", "reason"),
    [
        ("payoff_ratio", ["5", "6"], 2, "No losing trades."),
        ("payoff_ratio", ["-5"], 1, "No winning trades."),
        ("profit_factor", ["5", "6"], 2, "No losing trades."),
        ("kelly_fraction", ["5", "6"], 2, "No losing trades."),
        ("kelly_fraction", ["-6"], 1, "No winning trades."),
        ("average_win", ["-5", "0"], 0, "No winning trades."),
        ("average_loss", ["5", "0"], 0, "No losing trades."),
        ("win_rate", ["0", "0"], 0, "No wins or losses yet."),
    ],
)
def test_an_undefined_figure_says_why(key: str, nets: list[str], n: int, reason: str) -> None:
    assert figures(TradeTotals.of(map(trade, nets)))[key] == Figure(None, n, reason)


def test_only_losses_have_a_profit_factor_of_zero() -> None:
    assert figures(TradeTotals.of([trade("-5")]))["profit_factor"].value == 0


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ([], "No trade has an initial risk: R needs a stop."),
        (["1"], "It needs at least two trades with an R."),
        (["0.333333333"] * 3, "All trades have the same R, so there is no spread to compare with."),
    ],
)
def test_the_sqn_needs_a_spread(values: list[str], reason: str) -> None:
    assert figures(of_r(*values))["sqn"] == Figure(None, len(values), reason)


def test_streaks_are_shown_where_they_are_known() -> None:
    found = figures(TradeTotals(), StreakSummary.of([D(1), D(2), D(-1)]))
    assert (found["longest_win_streak"], found["longest_loss_streak"]) == (Figure(D(2), 3), Figure(D(1), 3))


outcomes = st.lists(
    st.builds(
        TradeOutcome,
        net=st.decimals(-10000, 10000, places=2),
        r=st.none() | st.decimals(-10, 10, places=9),
        gross=st.decimals(-10000, 10000, places=2),
        costs=st.decimals(0, 100, places=2),
        closed_at=st.just(START),
    ),
    max_size=20,
)
bands = st.sampled_from([D(0), D(5)])


@given(outcomes, outcomes, bands)
def test_totals_are_additive_and_what_was_added_can_be_taken_away(
    first: list[TradeOutcome], second: list[TradeOutcome], band: D
) -> None:
    one, other = TradeTotals.of(first, band), TradeTotals.of(second, band)
    both = TradeTotals.of(first + second, band)
    assert one + other == other + one == both
    assert both - other == one
    assert one + TradeTotals() == one


@given(outcomes, bands)
def test_figures_from_totals_are_the_figures_of_the_list(trades: list[TradeOutcome], band: D) -> None:
    found = figures(TradeTotals.of(trades, band))
    rs = [trade.r for trade in trades if trade.r is not None]
    if rs:
        assert found["expectancy_r"].value == pytest.approx(statistics.mean(rs), abs=D("1e-25"))
    if trades:
        expectancy = found["expectancy_money"].value
        assert expectancy is not None
        assert abs(expectancy - statistics.mean(trade.net for trade in trades)) <= D("0.005")
    sqn = found["sqn"].value
    if sqn is not None:
        expected = len(rs) ** 0.5 * float(statistics.mean(rs)) / float(statistics.stdev(rs))
        assert float(sqn) == pytest.approx(expected, rel=1e-9, abs=1e-12)
    assert all((figure.value is None) == (figure.reason is not None) for figure in found.values())
