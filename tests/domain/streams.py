"""Fills for the tests: written short, and generated."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal as D

from hypothesis import strategies as st

from trenddojo.domain.positions import Fill, FillKind, Side, TradeResult

START = datetime(2025, 3, 3, 14, 30, tzinfo=UTC)


def fill(
    minute: int,
    side: str,
    quantity: str,
    price: str,
    commission: str = "0",
    fees: str = "0",
    *,
    kind: str = "trade",
    key: str | None = None,
    sequence: int = 0,
) -> Fill:
    """A fill some minutes after START."""
    return Fill(
        key=key or f"{minute}-{side}-{price}",
        side=Side(side),
        quantity=D(quantity),
        price=D(price),
        commission=D(commission),
        fees=D(fees),
        executed_at=START + timedelta(minutes=minute),
        kind=FillKind(kind),
        sequence=sequence,
    )


def totals(trades: list[TradeResult]) -> tuple[D, D, D, D, D]:
    """Gross, net, costs, open entry costs and open basis over all trades."""
    return (
        sum((trade.gross for trade in trades), D(0)),
        sum((trade.net for trade in trades), D(0)),
        sum((trade.costs for trade in trades), D(0)),
        sum((trade.open_entry_costs for trade in trades), D(0)),
        sum((trade.open_cost_basis for trade in trades), D(0)),
    )


@st.composite
def fill_streams(draw: st.DrawFn, *, places: int = 4, min_size: int = 1, max_size: int = 12) -> list[Fill]:
    """Buys and sales of one instrument; minutes repeat, so that some fills have equal times."""
    count = draw(st.integers(min_size, max_size))
    found = []
    for number in range(count):
        cost = draw(st.decimals(0, 20, places=places))
        found.append(
            Fill(
                key=f"k{number}",
                side=draw(st.sampled_from(Side)),
                quantity=D(draw(st.integers(1, 400))),
                price=draw(st.decimals(D("0.01"), 500, places=places)),
                commission=cost,
                fees=draw(st.decimals(0, 1, places=places)),
                executed_at=START + timedelta(minutes=draw(st.integers(0, count))),
            )
        )
    return found
