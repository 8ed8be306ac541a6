"""Worked examples: fills become trades."""

from datetime import timedelta
from decimal import Decimal as D

import pytest

from tests.domain.streams import START, fill
from trenddojo.domain.errors import FillError
from trenddojo.domain.positions import CostMethod, Direction, FillKind, Side, build_trades, split_flip


def test_sides_and_directions_know_each_other() -> None:
    assert (Side.BUY.sign, Side.SELL.sign, Side.BUY.opposite, Side.SELL.opposite) == (1, -1, Side.SELL, Side.BUY)
    assert (Direction.LONG.sign, Direction.SHORT.sign) == (1, -1)
    assert (Direction.LONG.entry_side, Direction.LONG.exit_side) == (Side.BUY, Side.SELL)
    assert (Direction.SHORT.entry_side, Direction.SHORT.exit_side) == (Side.SELL, Side.BUY)
    assert (Direction.LONG.opposite, Direction.SHORT.opposite) == (Direction.SHORT, Direction.LONG)


def test_no_fills_are_no_trades() -> None:
    assert build_trades([]) == []


def test_a_long_from_flat_to_flat() -> None:
    [trade] = build_trades([fill(0, "buy", "100", "50.00", "1.00"), fill(90, "sell", "100", "52.50", "1.00", "0.02")])
    assert trade.direction is Direction.LONG
    assert (trade.gross, trade.costs, trade.net) == (D("250.00"), D("2.02"), D("247.98"))
    assert (trade.average_entry, trade.average_exit) == (D(50), D("52.5"))
    assert (trade.quantity_entered, trade.quantity_exited, trade.open_quantity, trade.peak_quantity) == (
        100,
        100,
        0,
        100,
    )
    assert (trade.opened_at, trade.closed_at, trade.holding_seconds) == (START, START + timedelta(minutes=90), 5400)
    assert (trade.is_closed, trade.is_incomplete) == (True, False)
    assert (trade.open_entry_costs, trade.open_cost_basis) == (0, 0)
    assert [(lot.fill_key, lot.quantity, lot.price, lot.costs, lot.opened_at) for lot in trade.entries] == [
        ("0-buy-50.00", D(100), D(50), D(1), START)
    ]


def test_a_short_earns_when_the_price_falls() -> None:
    [trade] = build_trades([fill(0, "sell", "10", "30"), fill(1, "buy", "10", "27")])
    assert (trade.direction, trade.gross) == (Direction.SHORT, D("30.00"))


def test_an_option_counts_its_multiplier() -> None:
    [trade] = build_trades(
        [fill(0, "buy", "2", "1.25", "1.30"), fill(1, "sell", "2", "2.00", "1.30")], multiplier=D(100)
    )
    assert (trade.gross, trade.net) == (D("150.00"), D("147.40"))


def test_crypto_keeps_nine_decimals() -> None:
    [trade] = build_trades([fill(0, "buy", "0.123456789", "65000.5"), fill(1, "sell", "0.123456789", "66000.5")])
    # 0.123456789 * 1000
    assert trade.gross == D("123.46")


@pytest.mark.parametrize(
    ("method", "gross", "entry_prices", "basis"),
    [
        # FIFO: 100 * (12 - 10) + 50 * (12 - 11) = 250; then 20 * (9 - 11) = -40; 30 left at 11
        ("fifo", ["250.00", "-40.00"], ["10.333333333", "11"], "330.00"),
        # average 10.50: 150 * 1.50 = 225; then 20 * -1.50 = -30; 30 left at 10.50
        ("average", ["225.00", "-30.00"], ["10.5", "10.5"], "315.00"),
    ],
)
def test_scaling_in_and_out(method: str, gross: list[str], entry_prices: list[str], basis: str) -> None:
    fills = [
        fill(0, "buy", "100", "10", "1.00"),
        fill(1, "buy", "100", "11", "1.00"),
        fill(2, "sell", "150", "12", "0.75"),
        fill(3, "sell", "20", "9", "0.10"),
    ]
    [trade] = build_trades(fills, method=CostMethod(method))
    assert [match.gross for match in trade.exits] == [D(text) for text in gross]
    assert [match.entry_price for match in trade.exits] == [D(text) for text in entry_prices]
    # entry costs 2.00 * 150 / 200, then * 20 / 200
    assert [match.entry_costs for match in trade.exits] == [D("1.50"), D("0.20")]
    assert [match.exit_costs for match in trade.exits] == [D("0.75"), D("0.10")]
    assert trade.costs == D("2.55")
    assert trade.net == trade.gross - D("2.55") == sum(match.net for match in trade.exits)
    assert (trade.open_quantity, trade.open_cost_basis, trade.open_entry_costs) == (30, D(basis), D("0.30"))
    assert (trade.is_closed, trade.closed_at, trade.holding_seconds) == (False, None, None)
    assert trade.average_entry == D("10.5")


def test_a_scale_in_after_a_partial_exit_starts_from_what_is_left() -> None:
    fills = [
        fill(0, "buy", "100", "10", "1.00"),
        fill(1, "sell", "50", "12"),
        fill(2, "buy", "50", "14", "2.00"),
        fill(3, "sell", "50", "15"),
        fill(4, "sell", "50", "15"),
    ]
    [fifo] = build_trades(fills)
    assert [match.gross for match in fifo.exits] == [D(100), D(250), D(50)]
    # 0.50 of the first 1.00; then half of 0.50 + 2.00, twice
    assert [match.entry_costs for match in fifo.exits] == [D("0.50"), D("1.25"), D("1.25")]
    [average] = build_trades(fills, method=CostMethod.AVERAGE)
    # 50 left at 10 and 50 at 14: average 12
    assert [match.gross for match in average.exits] == [D(100), D(150), D(150)]
    assert fifo.gross == average.gross == D(400)


def test_thirds_of_a_cent_add_up_to_the_rounded_whole() -> None:
    fills = [fill(0, "buy", "3", "10", "0.01"), *(fill(minute, "sell", "1", "10.005", "0.004") for minute in (1, 2, 3))]
    [trade] = build_trades(fills)
    # running totals 0.005, 0.010, 0.015 round to 0.01, 0.01, 0.02
    assert [match.gross for match in trade.exits] == [D("0.01"), D("0.00"), D("0.01")]
    # 0.0033, 0.0067, 0.01
    assert [match.entry_costs for match in trade.exits] == [D("0.00"), D("0.01"), D("0.00")]
    # 0.004, 0.008, 0.012
    assert [match.exit_costs for match in trade.exits] == [D("0.00"), D("0.01"), D("0.00")]
    assert (trade.gross, trade.costs, trade.net) == (D("0.02"), D("0.02"), D("0.00"))


def test_a_flip_through_zero_closes_one_trade_and_opens_the_next() -> None:
    fills = [
        fill(0, "buy", "100", "10", "1"),
        fill(1, "sell", "150", "11", "1.00", "0.50"),
        fill(2, "buy", "50", "10", "1"),
    ]
    first, second = build_trades(fills)
    assert (first.direction, first.gross, first.costs, first.net) == (Direction.LONG, 100, D("2.00"), D("98.00"))
    assert (second.direction, second.gross, second.costs, second.net) == (Direction.SHORT, 50, D("1.50"), D("48.50"))
    assert second.opened_at == first.closed_at
    assert [first.exits[0].fill_key, second.entries[0].fill_key] == ["1-sell-11"] * 2


def test_the_costs_of_a_flip_are_split_to_the_cent() -> None:
    closing, opening = split_flip(fill(0, "buy", "3", "10", "0.10", "0.05"), D(-1))
    assert (closing.quantity, closing.commission, closing.fees) == (1, D("0.03"), D("0.02"))
    assert (opening.quantity, opening.commission, opening.fees) == (2, D("0.07"), D("0.03"))
    assert closing.key == opening.key


@pytest.mark.parametrize("position", ["100", "0", "-3", "-4"])
def test_only_a_fill_through_zero_can_be_split(position: str) -> None:
    with pytest.raises(FillError) as caught:
        split_flip(fill(0, "buy", "3", "10"), D(position))
    assert caught.value.code == "not_a_flip"


def test_shares_that_arrive_by_transfer_bring_their_basis() -> None:
    fills = [fill(0, "buy", "100", "40", kind="transfer_in"), fill(1, "sell", "100", "45")]
    [trade] = build_trades(fills)
    assert (trade.gross, trade.is_incomplete) == (D(500), False)


def test_shares_that_arrive_without_a_basis_are_left_out_of_the_figures() -> None:
    fills = [fill(0, "buy", "100", "0", kind="transfer_in"), fill(1, "sell", "100", "45")]
    [trade] = build_trades(fills)
    assert trade.is_incomplete


def test_shares_that_leave_by_transfer_are_no_sale() -> None:
    fills = [
        fill(0, "buy", "100", "40", "1.00"),
        fill(1, "sell", "50", "45"),
        fill(2, "sell", "50", "99", "25", kind="transfer_out"),
    ]
    [trade] = build_trades(fills)
    # half of the entry costs left with the shares, the transfer's own cost is not the trade's
    assert (trade.gross, trade.costs, trade.net) == (D(250), D("0.50"), D("249.50"))
    assert (trade.quantity_exited, trade.quantity_transferred_out, trade.open_quantity) == (50, 50, 0)
    assert (trade.is_closed, trade.is_incomplete) == (True, False)
    assert trade.average_exit == D(45)


def test_a_trade_that_only_left_by_transfer_has_no_result() -> None:
    [trade] = build_trades([fill(0, "buy", "100", "40", "1"), fill(1, "sell", "100", "0", kind="transfer_out")])
    assert (trade.is_closed, trade.is_incomplete, trade.gross, trade.net, trade.exits) == (True, True, 0, 0, ())


def test_shares_that_arrive_against_a_short_are_no_purchase() -> None:
    fills = [fill(0, "sell", "100", "40"), fill(1, "buy", "150", "30", kind="transfer_in")]
    short, rest = build_trades(fills)
    assert (short.gross, short.is_incomplete, short.quantity_transferred_out) == (0, True, 100)
    assert (rest.direction, rest.open_quantity, rest.average_entry) == (Direction.LONG, 50, 30)


@pytest.mark.parametrize(("side", "back", "net"), [("buy", "sell", "-251.30"), ("sell", "buy", "248.70")])
def test_an_option_expires_at_zero(side: str, back: str, net: str) -> None:
    fills = [fill(0, side, "2", "1.25", "1.30"), fill(9, back, "2", "0", kind="expiry")]
    [trade] = build_trades(fills, multiplier=D(100))
    assert (trade.net, trade.is_closed, trade.average_exit) == (D(net), True, 0)


@pytest.mark.parametrize("kind", ["expiry", "transfer_out"])
def test_an_ending_never_opens_a_position(kind: str) -> None:
    fills = [fill(0, "sell", "5", "0" if kind == "expiry" else "7", kind=kind)]
    [trade] = build_trades(fills)
    assert (trade.direction, trade.is_closed, trade.is_incomplete) == (Direction.LONG, True, True)
    assert (trade.open_quantity, trade.gross, trade.average_entry) == (0, 0, None)


def test_a_sale_whose_purchase_is_missing_is_marked_and_opens_no_short() -> None:
    fills = [fill(0, "sell", "100", "12", "1", key="orphan"), fill(1, "buy", "10", "5"), fill(2, "sell", "10", "6")]
    missing, whole = build_trades(fills, opening_missing={"orphan"})
    assert (missing.is_incomplete, missing.is_closed, missing.direction) == (True, True, Direction.LONG)
    assert (missing.quantity_entered, missing.quantity_exited, missing.exits[0].entry_price) == (0, 100, None)
    assert missing.gross - missing.costs == missing.net == D(-1)
    assert (whole.is_incomplete, whole.gross) == (False, 10)


def test_a_sale_of_more_than_was_bought_here_marks_the_whole_trade() -> None:
    fills = [fill(0, "buy", "60", "10"), fill(1, "sell", "100", "12", key="partly")]
    [trade] = build_trades(fills, opening_missing={"partly"})
    assert (trade.is_incomplete, trade.is_closed, trade.gross) == (True, True, D(120))
    assert [(match.quantity, match.entry_price) for match in trade.exits] == [(40, None), (60, 10)]


def test_covering_a_short_from_elsewhere_leaves_an_open_long_alone() -> None:
    fills = [fill(0, "buy", "10", "5"), fill(1, "buy", "7", "4", key="cover")]
    long, short = build_trades(fills, opening_missing={"cover"})
    assert (long.direction, long.open_quantity) == (Direction.LONG, 10)
    assert (short.direction, short.is_incomplete) == (Direction.SHORT, True)


@pytest.mark.parametrize(("closes", "may_open"), [("a", "b"), ("b", "a")])
def test_of_equal_sales_the_one_known_to_close_comes_first_whatever_their_keys(closes: str, may_open: str) -> None:
    bought = fill(0, "buy", "10", "5")
    sales = [fill(1, "sell", "10", "6", key=closes), fill(1, "sell", "10", "6", key=may_open)]
    closed, opened = build_trades([bought, *sales], opening_missing={closes})
    assert (closed.direction, closed.is_closed, closed.is_incomplete, closed.gross) == (Direction.LONG, True, False, 10)
    assert (opened.direction, opened.open_quantity) == (Direction.SHORT, 10)


def test_fills_may_come_in_any_order() -> None:
    fills = [fill(2, "sell", "10", "12"), fill(0, "buy", "10", "10")]
    assert build_trades(fills) == build_trades(fills[::-1])


def test_at_equal_time_entries_come_before_exits() -> None:
    same = [fill(0, "sell", "60", "12"), fill(0, "buy", "100", "10")]
    [trade] = build_trades(same)
    assert (trade.direction, trade.open_quantity, trade.gross) == (Direction.LONG, 40, 120)
    added = [fill(0, "sell", "10", "10"), fill(1, "buy", "5", "9"), fill(1, "sell", "5", "11")]
    [short] = build_trades(added)
    assert (short.direction, short.peak_quantity, short.open_quantity) == (Direction.SHORT, 15, 10)


def test_as_much_bought_as_sold_at_once_from_flat_is_a_long() -> None:
    [trade] = build_trades([fill(0, "sell", "10", "9"), fill(0, "buy", "10", "10")])
    assert (trade.direction, trade.gross, trade.is_closed) == (Direction.LONG, -10, True)


def test_at_equal_time_a_transfer_in_comes_first_and_an_expiry_last() -> None:
    fills = [
        fill(0, "sell", "1", "0", kind="expiry"),
        fill(0, "sell", "1", "3"),
        fill(0, "buy", "2", "1", kind="transfer_in"),
    ]
    [trade] = build_trades(fills)
    assert [match.price for match in trade.exits] == [3, 0]
    assert trade.entries[0].price == 1


def test_a_known_sequence_decides_before_the_rule_for_equal_times() -> None:
    fills = [fill(0, "sell", "10", "12", sequence=1), fill(0, "buy", "10", "10", sequence=2)]
    [trade] = build_trades(fills)
    assert (trade.direction, trade.gross) == (Direction.SHORT, 20)


def test_kinds_and_methods_have_lower_case_names() -> None:
    assert [kind.value for kind in FillKind] == ["trade", "transfer_in", "transfer_out", "expiry"]
    assert [method.value for method in CostMethod] == ["fifo", "average"]
