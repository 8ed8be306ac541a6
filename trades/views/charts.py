"""Charts as the front-end draws them (docs/frontend.md), from what selectors read."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from trades.selectors.contributions import R_STEP
from trades.selectors.equity import EquityDay
from trades.selectors.figures import KeyTotals
from trenddojo.domain.errors import UndefinedReturnError
from trenddojo.domain.metrics.returns import daily_returns, drawdown_curve

HALF_R = Decimal("0.5")
# The distribution is drawn in steps of half an R between these; what lies beyond is in the outermost bars.
LOWEST_R, HIGHEST_R = Decimal(-4), Decimal(8)

Data = dict[str, Any]


def equity_data(days: Sequence[EquityDay], currency: str) -> Data:
    """Equity, and the money paid in so far less what was taken out, so that a deposit never looks like profit."""
    paid, equity, put_in = Decimal(0), [], []
    for day in days:
        paid += day.deposits - day.withdrawals
        equity.append([day.day.isoformat(), str(day.equity)])
        put_in.append([day.day.isoformat(), str(paid)])
    series = [
        {"name": "Equity", "kind": "area", "tone": "main", "points": equity},
        {"name": "Paid in", "kind": "line", "tone": "muted", "points": put_in},
    ]
    return {"unit": currency, "places": 2, "series": series}


def recent_data(days: Sequence[EquityDay], before: Decimal, currency: str) -> Data:
    """Equity of the last sessions, and what it would be without their results: ``before`` and what was paid in."""
    base, equity, without = before, [], []
    for day in days:
        base += day.deposits - day.withdrawals
        equity.append([day.day.isoformat(), str(day.equity)])
        without.append([day.day.isoformat(), str(base)])
    series = [
        {"name": "Equity", "kind": "area", "tone": "main", "points": equity},
        {"name": "Without results", "kind": "line", "tone": "muted", "points": without},
    ]
    return {"unit": currency, "places": 2, "series": series}


def drawdown_data(days: Sequence[EquityDay]) -> Data:
    """The fall from the highest point of the growth index, in percent; empty where returns are undefined."""
    try:
        curve = drawdown_curve(daily_returns([day.row for day in days]))
    except UndefinedReturnError:
        curve = []
    points = [[day.day.isoformat(), f"{value * 100:.2f}"] for day, value in zip(days, curve, strict=False)]
    return {
        "unit": "%",
        "places": 2,
        "series": [{"name": "Drawdown", "kind": "area", "tone": "loss", "points": points}],
    }


def result_data(results: Sequence[tuple[Any, Decimal]], currency: str) -> Data:
    """The results of filtered trades added up, session by session."""
    total, points = Decimal(0), []
    for day, net in results:
        total += net
        points.append([day.isoformat(), str(total)])
    series = [{"name": "Result so far", "kind": "area", "tone": "main", "points": points}]
    return {"unit": currency, "places": 2, "series": series}


def r_bars(buckets: Sequence[KeyTotals]) -> list[tuple[str, int]]:
    """Label and number of trades for each half R, gaps included."""
    counts: dict[Decimal, int] = {}
    for bucket in buckets:
        start = (int(bucket.key) * Decimal(R_STEP)) // HALF_R * HALF_R
        # Decimal's // cuts towards zero; a bucket below zero that is no exact step belongs one lower.
        if start > int(bucket.key) * Decimal(R_STEP):
            start -= HALF_R
        start = min(max(start, LOWEST_R - HALF_R), HIGHEST_R)
        counts[start] = counts.get(start, 0) + bucket.totals.r_n
    if not counts:
        return []
    first, last = min(counts), max(counts)
    steps = int((last - first) / HALF_R) + 1
    starts = [first + HALF_R * step for step in range(steps)]
    return [(_r_label(start), counts.get(start, 0)) for start in starts]


def _r_label(start: Decimal) -> str:
    if start < LOWEST_R:
        return f"below {_signed(LOWEST_R)}"
    if start >= HIGHEST_R:
        return f"{_signed(HIGHEST_R)} and more"
    return f"{_signed(start)} to {_signed(start + HALF_R)}"


def _signed(number: Decimal) -> str:
    return f"{number:+.1f}".replace("-", "−") if number else "0.0"


def r_chart(buckets: Sequence[KeyTotals]) -> Data:
    bars = r_bars(buckets)
    return {
        "id": "r-distribution",
        "kind": "bars",
        "title": "Distribution of R",
        "summary": "How many trades with an R ended in each half R.",
        "data": {
            "unit": "trades",
            "places": 0,
            "bars": [
                {"label": label, "value": str(count), "n": count, "tone": "up" if label[0] in "+0" else "down"}
                for label, count in bars
            ],
        },
        "head": ["R", "Trades"],
        "rows": [[label, f"{count:,}"] for label, count in bars],
    }
