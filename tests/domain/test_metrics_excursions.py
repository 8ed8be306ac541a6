"""How far a trade went against and for the trader."""

from datetime import timedelta
from decimal import Decimal as D

import pytest

from tests.domain.streams import START, fill
from trenddojo.domain.metrics.excursions import Bar, Excursions, efficiencies, excursions
from trenddojo.domain.positions import Direction, Fill

MINUTE = timedelta(minutes=1)


def bar(minute: int, low: str, high: str) -> Bar:
    return Bar(START + timedelta(minutes=minute), D(high), D(low))


def of(fills: list[Fill], bars: list[Bar], direction: str = "long", risk: str | None = None) -> Excursions | None:
    return excursions(
        fills,
        bars,
        direction=Direction(direction),
        multiplier=D(1),
        initial_risk=D(risk) if risk else None,
        bar_size=MINUTE,
    )


def test_a_long_is_measured_at_lows_and_highs_between_its_fills() -> None:
    fills = [fill(0, "buy", "10", "100"), fill(5, "sell", "10", "103")]
    bars = [bar(-1, "50", "200"), bar(0, "99", "101"), bar(1, "97", "104"), bar(4, "102", "103"), bar(5, "1", "300")]
    assert of(fills, bars, risk="50") == Excursions(
        mae_price=D(-3),
        mfe_price=D(4),
        mae_money=D("-30.00"),
        mfe_money=D("40.00"),
        mae_r=D("-0.6"),
        mfe_r=D("0.8"),
        bar_size=MINUTE,
    )


def test_a_short_is_measured_the_other_way() -> None:
    fills = [fill(0, "sell", "10", "100"), fill(5, "buy", "10", "98")]
    found = of(fills, [bar(1, "97", "104")], "short")
    assert found is not None
    assert (found.mae_money, found.mfe_money, found.mae_r, found.mfe_r) == (-40, 30, None, None)
    assert (found.mae_price, found.mfe_price) == (-4, 3)


def test_without_bars_nothing_is_estimated() -> None:
    fills = [fill(0, "buy", "10", "100"), fill(5, "sell", "10", "103")]
    assert of(fills, []) is None
    assert of(fills, [bar(5, "90", "110"), bar(-1, "90", "110")]) is None
    assert of(fills[:1], [bar(1, "90", "110")]) is None


def test_shares_that_arrive_carry_no_price_of_the_market() -> None:
    fills = [
        fill(0, "buy", "10", "100"),
        fill(3, "buy", "10", "0", kind="transfer_in"),
        fill(5, "sell", "20", "103"),
    ]
    found = of(fills, [bar(1, "98", "101")])
    assert found is not None
    # What is worth 103 in the end cost nothing for one half of it.
    assert (found.mae_money, found.mfe_money) == (-20, 1060)


def test_a_bar_that_holds_a_fill_does_not_count() -> None:
    fills = [fill(0, "buy", "10", "100"), fill(2, "buy", "10", "99"), fill(5, "sell", "20", "101")]
    hourly = excursions(
        fills,
        [bar(0, "1", "900")],
        direction=Direction.LONG,
        multiplier=D(1),
        initial_risk=None,
        bar_size=timedelta(hours=1),
    )
    assert hourly is None


def test_scaling_counts_what_was_realised_and_what_was_held() -> None:
    fills = [
        fill(0, "buy", "10", "100"),
        fill(2, "buy", "10", "90"),
        fill(4, "sell", "15", "105"),
        fill(8, "sell", "5", "120"),
    ]
    bars = [bar(1, "89", "101"), bar(3, "85", "100"), bar(5, "80", "121")]
    found = of(fills, bars)
    assert found is not None
    # 20 held at 95 fall to 85; then 150 realised (15 * 10) and 5 held at 95 rise to 121: 150 + 130
    assert (found.mae_money, found.mfe_money) == (D(-200), D(280))
    # a unit: -11 on the first ten (100 to 89), -10 on twenty, -15 on the last five; +26 on the last five
    assert (found.mae_price, found.mfe_price) == (D(-15), D(26))


def test_a_fill_counts_at_its_own_price_and_nothing_is_estimated_beyond() -> None:
    fills = [fill(0, "buy", "10", "100"), fill(5, "sell", "10", "110")]
    found = of(fills, [bar(1, "101", "102")])
    assert found is not None
    assert (found.mae_money, found.mfe_money, found.mae_price, found.mfe_price) == (0, 100, 0, 10)


def test_a_pause_at_flat_holds_no_position() -> None:
    fills = [
        fill(0, "buy", "10", "100"),
        fill(2, "sell", "10", "101"),
        fill(4, "buy", "10", "100"),
        fill(6, "sell", "10", "101"),
    ]
    assert of(fills, [bar(3, "1", "900")]) is None


def test_the_multiplier_counts() -> None:
    found = excursions(
        [fill(0, "buy", "1", "2"), fill(5, "sell", "1", "3")],
        [bar(1, "1.5", "3.5")],
        direction=Direction.LONG,
        multiplier=D(100),
        initial_risk=D(100),
        bar_size=MINUTE,
    )
    assert found is not None
    assert (found.mae_money, found.mfe_money, found.mae_price, found.mfe_r) == (-50, 150, D("-0.5"), D("1.5"))


@pytest.mark.parametrize(
    ("pnl", "mae", "mfe", "entry", "exit_", "total"),
    [
        ("30", "-20", "60", "0.75", "0.625", "0.375"),
        ("-20", "-20", "0", "0", "0", "-1"),
        ("60", "0", "60", "1", "1", "1"),
    ],
)
def test_the_efficiencies(pnl: str, mae: str, mfe: str, entry: str, exit_: str, total: str) -> None:
    found = efficiencies(D(pnl), D(mae), D(mfe))
    assert {key: figure.value for key, figure in found.items()} == {
        "entry_efficiency": D(entry),
        "exit_efficiency": D(exit_),
        "total_efficiency": D(total),
    }


def test_a_price_that_did_not_move_has_no_efficiency() -> None:
    found = efficiencies(D(0), D(0), D(0))
    assert {figure.reason for figure in found.values()} == {"The price did not move while the trade was open."}
