"""Properties that hold for every stream of fills."""

from dataclasses import replace
from decimal import Decimal as D
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tests.domain.streams import fill_streams, totals
from trenddojo.domain.money import cents
from trenddojo.domain.positions import CostMethod, Direction, Fill, TradeResult, build_trades

methods = st.sampled_from(CostMethod)
multipliers = st.sampled_from([D(1), D(100), D("0.1")])


@given(fill_streams(), methods, multipliers)
def test_gross_less_costs_is_net_to_the_cent_at_every_exit(
    fills: list[Fill], method: CostMethod, multiplier: D
) -> None:
    for trade in build_trades(fills, multiplier=multiplier, method=method):
        for match in trade.exits:
            assert match.gross - match.entry_costs - match.exit_costs == match.net
            assert match.net == cents(match.net)
        assert trade.gross - trade.costs == trade.net
        assert trade.gross == sum((match.gross for match in trade.exits), D(0))
        assert trade.net == sum((match.net for match in trade.exits), D(0))


@given(fill_streams(places=2), methods)
def test_no_unit_and_no_cent_of_costs_gets_lost(fills: list[Fill], method: CostMethod) -> None:
    trades = build_trades(fills, method=method)
    for trade in trades:
        assert trade.quantity_entered == trade.quantity_exited + trade.quantity_transferred_out + trade.open_quantity
    held = sum((trade.open_quantity * trade.direction.sign for trade in trades), D(0))
    assert held == sum((fill.signed_quantity for fill in fills), D(0))
    _, _, costs, open_costs, _ = totals(trades)
    assert costs + open_costs == sum((fill.costs for fill in fills), D(0))


@given(fill_streams(places=2), methods)
def test_gross_is_the_cash_that_came_in_plus_what_is_still_held(fills: list[Fill], method: CostMethod) -> None:
    trades = build_trades(fills, method=method)
    cash = -sum((fill.signed_quantity * fill.price for fill in fills), D(0))
    gross = sum((trade.gross for trade in trades), D(0))
    held = sum((trade.open_cost_basis * trade.direction.sign for trade in trades), D(0))
    # each trade rounds its gross and its open basis once
    assert abs(cash - (gross - held)) <= D("0.01") * len(trades)


@given(fill_streams(), st.randoms(use_true_random=False), methods)
def test_the_order_of_equal_time_fills_changes_nothing(fills: list[Fill], random: object, method: CostMethod) -> None:
    shuffled = list(fills)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert build_trades(shuffled, method=method) == build_trades(fills, method=method)


@given(fill_streams(), st.permutations(range(12)), methods)
def test_the_names_of_equal_time_fills_change_no_total(fills: list[Fill], order: list[int], method: CostMethod) -> None:
    priced = [replace(fill, price=D(fill.price) + number) for number, fill in enumerate(fills)]
    renamed = [replace(fill, key=f"n{order[number]:02}") for number, fill in enumerate(priced)]
    distinct = {(fill.executed_at, fill.price) for fill in priced}
    if len(distinct) == len(priced):
        assert totals(build_trades(renamed, method=method)) == totals(build_trades(priced, method=method))


def _split(fill: Fill, first: D) -> list[Fill]:
    """Two fills in place of one, the costs exactly pro rata."""
    share = first / fill.quantity
    part = replace(fill, key=fill.key + "a", quantity=first, commission=fill.commission * share, fees=fill.fees * share)
    rest = replace(
        fill,
        key=fill.key + "b",
        quantity=fill.quantity - first,
        commission=fill.commission - part.commission,
        fees=fill.fees - part.fees,
    )
    return [part, rest]


def _figures(trade: TradeResult) -> tuple[object, ...]:
    return (
        trade.direction,
        trade.gross,
        trade.quantity_entered,
        trade.quantity_exited,
        trade.open_quantity,
        trade.average_entry,
        trade.average_exit,
        trade.open_cost_basis,
        trade.opened_at,
        trade.closed_at,
        trade.peak_quantity,
    )


@given(fill_streams(), st.integers(0, 11), st.sampled_from([D("0.5"), D("0.25"), D("0.2")]), methods)
def test_splitting_a_fill_changes_nothing(fills: list[Fill], which: int, share: D, method: CostMethod) -> None:
    target = fills[which % len(fills)]
    split = [one for fill in fills for one in (_split(fill, fill.quantity * share) if fill is target else [fill])]
    whole_trades, split_trades = build_trades(fills, method=method), build_trades(split, method=method)
    assert [_figures(trade) for trade in split_trades] == [_figures(trade) for trade in whole_trades]
    if all(trade.is_closed for trade in whole_trades) and len(whole_trades) == 1:
        assert totals(split_trades) == totals(whole_trades)


@given(fill_streams(min_size=2), st.integers(0, 11), methods)
def test_splitting_a_fill_of_a_trade_without_a_flip_changes_no_cost(
    fills: list[Fill], which: int, method: CostMethod
) -> None:
    if len(build_trades(fills, method=method)) == 1:
        target = fills[which % len(fills)]
        split = [one for fill in fills for one in (_split(fill, fill.quantity / 2) if fill is target else [fill])]
        assert totals(build_trades(split, method=method)) == totals(build_trades(fills, method=method))


@given(fill_streams(), methods)
def test_a_long_mirrored_is_a_short(fills: list[Fill], method: CostMethod) -> None:
    mirrored = [replace(fill, side=fill.side.opposite) for fill in fills]
    cash = [(trade.gross, trade.costs) for trade in build_trades(mirrored, method=method)]
    if len({fill.executed_at for fill in fills}) == len(fills):
        assert cash == [(-trade.gross, trade.costs) for trade in build_trades(fills, method=method)]
        assert [trade.direction.opposite for trade in build_trades(mirrored, method=method)] == [
            trade.direction for trade in build_trades(fills, method=method)
        ]
    assert sum(g for g, _ in cash) == -sum(trade.gross for trade in build_trades(fills, method=method))


@given(fill_streams(), methods)
def test_mirrored_prices_make_a_long_and_its_short_earn_the_same(fills: list[Fill], method: CostMethod) -> None:
    """The short of an instrument whose price moves the other way is the long: 1000 - price."""
    mirrored = [replace(fill, side=fill.side.opposite, price=1000 - fill.price) for fill in fills]
    if len({fill.executed_at for fill in fills}) == len(fills):
        long_side = build_trades(fills, method=method)
        short_side = build_trades(mirrored, method=method)
        assert [(t.gross, t.net, t.costs) for t in long_side] == [(t.gross, t.net, t.costs) for t in short_side]


@given(fill_streams(), methods)
def test_only_the_last_trade_is_open_and_trades_alternate_in_time(fills: list[Fill], method: CostMethod) -> None:
    trades = build_trades(fills, method=method)
    assert all(trade.is_closed for trade in trades[:-1])
    for earlier, later in pairwise(trades):
        assert earlier.closed_at is not None
        assert earlier.closed_at <= later.opened_at
    assert {trade.direction for trade in trades} <= set(Direction)


@given(fill_streams())
def test_when_everything_is_sold_both_methods_agree(fills: list[Fill]) -> None:
    fifo, average = build_trades(fills), build_trades(fills, method=CostMethod.AVERAGE)
    for one, other in zip(fifo, average, strict=True):
        if one.is_closed:
            assert (one.gross, one.net, one.costs) == (other.gross, other.net, other.costs)
