"""Prices before and after a split stand on the footing of the fills: whichever count of shares these were typed in."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal as D
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from trenddojo.domain.fills import Fill, FillKind, Side
from trenddojo.domain.footing import Split, Traded, footing

NEW_YORK = ZoneInfo("America/New_York")
SEVEN = Split(date(2014, 6, 9), D(7))


def at(day: int, hour: int = 15) -> datetime:
    return datetime(2014, 6, day, hour, tzinfo=UTC)


def bar(day: int, low: str, high: str, hour: int = 14) -> Traded:
    return Traded(at(day, hour), D(high), D(low))


def fill(day: int, side: str, price: str, kind: str = "trade", quantity: str = "10") -> Fill:
    return Fill(f"{day}{side}", Side(side), D(quantity), D(price), D(0), D(0), at(day), FillKind(kind))


BARS = [bar(5, "643", "649"), bar(6, "644", "651"), bar(9, "91", "94")]


def prices(fills: list[Fill], splits: list[Split], bars: list[Traded] = BARS) -> list[D]:
    """The highs as the fills see them, in cents."""
    found = footing(fills, bars, splits, zone=NEW_YORK)
    assert found.fits
    return [(one.high * (factor or 0)).quantize(D("0.01")) for one, factor in zip(bars, found.factors, strict=True)]


def test_without_a_split_bars_are_as_they_were_traded() -> None:
    fills = [fill(5, "buy", "645"), fill(6, "sell", "650")]
    assert footing(fills, BARS[:2], [], zone=NEW_YORK).factors == [1, 1]
    assert footing(fills, BARS[:2], [SEVEN], zone=NEW_YORK).factors == [1, 1]
    assert footing([], BARS, [SEVEN], zone=NEW_YORK).factors == [1, 1, 1]


def test_an_entry_in_old_shares_and_an_exit_in_old_shares_lift_what_came_after() -> None:
    assert prices([fill(5, "buy", "645"), fill(9, "sell", "651")], [SEVEN]) == [D(649), D(651), D(658)]


def test_an_entry_typed_in_new_shares_brings_down_what_was_before() -> None:
    assert prices([fill(5, "buy", "92.14"), fill(9, "sell", "93")], [SEVEN]) == [D("92.71"), D("93.00"), D(94)]


def test_new_shares_that_were_booked_when_they_came_leave_each_day_its_own_prices() -> None:
    arrived = Fill("new", Side.BUY, D(60), D(0), D(0), D(0), at(9, 13), FillKind.TRANSFER_IN)
    assert prices([fill(5, "buy", "645"), arrived, fill(9, "sell", "93", quantity="70")], [SEVEN]) == [649, 651, 94]


def test_a_split_counts_from_the_exchanges_own_day() -> None:
    late = [bar(5, "643", "649"), Traded(datetime(2014, 6, 9, 3, tzinfo=UTC), D(651), D(644)), bar(9, "91", "94")]
    assert prices([fill(5, "buy", "92.14"), fill(9, "sell", "93")], [SEVEN], late)[1] == D(93)


def test_a_bar_that_holds_late_prints_in_old_shares_is_left_out() -> None:
    bars = [*BARS[:2], bar(9, "92.23", "645.57", hour=8), bar(9, "91", "94")]
    found = footing([fill(5, "buy", "645"), fill(9, "sell", "651")], bars, [SEVEN], zone=NEW_YORK)
    assert found.factors == [1, 1, None, 7]


def test_fills_far_from_the_bars_do_not_fit() -> None:
    adjusted = [bar(5, "91", "93"), bar(6, "91", "94"), bar(9, "91", "94")]
    assert not footing([fill(5, "buy", "645"), fill(9, "sell", "93")], adjusted, [], zone=NEW_YORK).fits
    assert footing([fill(5, "buy", "92"), fill(9, "sell", "93")], adjusted, [], zone=NEW_YORK).fits


@given(st.lists(st.tuples(st.integers(2, 27), st.integers(2, 9)), max_size=4, unique_by=lambda one: one[0]))
def test_prices_of_one_count_of_shares_never_jump_at_a_split(told: list[tuple[int, int]]) -> None:
    splits = [Split(date(2014, 6, day), D(ratio)) for day, ratio in told]
    worth, bars, shares = D(5040), [], D(1)
    for day in range(1, 29):
        shares *= next((one.ratio for one in splits if one.effective_on.day == day), D(1))
        bars.append(Traded(at(day, 14), worth / shares, worth / shares))
    entry = Fill("in", Side.BUY, D(1), worth, D(0), D(0), at(1) + timedelta(hours=1))
    found = footing([entry], bars, splits, zone=NEW_YORK)
    levels = {round(one.high * factor, 6) for one, factor in zip(bars, found.factors, strict=True) if factor}
    assert levels == {round(worth, 6)}


def test_an_exit_at_nothing_fits_any_count_of_shares() -> None:
    assert prices([fill(5, "buy", "645"), fill(9, "sell", "0")], []) == [D(649), D(651), D(94)]
