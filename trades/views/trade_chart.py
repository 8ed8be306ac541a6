"""The chart of one trade: bars with its entries, exits, stops and targets, and the same as a table."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.calendars import exchange_timezone
from brokers.errors import BrokerError
from brokers.services.bars import BAR_SIZES, TIMEFRAMES
from brokers.vault import VaultError
from trades.models import Fill, StopMove, Trade
from trades.selectors.trade_chart import REASONS, ChartState, chart_state
from trades.selectors.trade_page import TradePage, trade_page
from trades.services.trade_bars import OWN, SETTLED, Candle, TradeBars, bars_fetch, bars_known
from trades.views.charts import Data
from trenddojo.templatetags.numbers import averaged

DAILY = "1Day"
MOST_PLACES = 6
Point = list[Any]


@login_required
@require_safe
def trade_bars(request: HttpRequest, pk: UUID) -> HttpResponse:
    """What the chart draws. Bars nobody has asked for yet are asked for now; without them it says why."""
    page = trade_page(request.user, pk)
    found = _bars(page.trade, page.fills, now=timezone.now()) if page.fills else None
    answer = JsonResponse(_drawn(page, found) if found else {"series": [], "empty": _why_empty(page)})
    answer["Cache-Control"] = "private, no-store"
    return answer


def chart_of(page: TradePage, state: ChartState) -> Data | None:
    """The figure of the page of a trade with fills; None where it has no bars."""
    if state != ChartState.READY:
        return None
    return {
        "id": "trade-chart",
        "kind": "line",
        "title": "Chart",
        "summary": _summary(page),
        "data_url": reverse("trades:trade-bars", args=[page.trade.pk]),
        "head": ["Time", "What", "Quantity", "Price"],
        "rows": [row for _at, row in sorted(_events(page), key=lambda event: event[0])],
    }


def _bars(trade: Trade, fills: Sequence[Fill], *, now: datetime) -> TradeBars | None:
    if trade.exit_date is None or trade.measured_version != trade.version:
        try:
            return bars_fetch(trade, fills, now=now)
        except (BrokerError, VaultError):
            # The feed is silent: what is known already is drawn.
            pass
    return bars_known(trade, fills, now=now)


def _why_empty(page: TradePage) -> str:
    state = chart_state(page.trade) if page.fills else ChartState.NO_BARS
    return "There are no bars of this time yet." if state == ChartState.READY else REASONS[state]


def _drawn(page: TradePage, found: TradeBars) -> Data:
    axis = _Axis(page.trade, found)
    return {
        "unit": page.currency,
        "places": axis.places(),
        "zone": timezone.get_current_timezone_name(),
        "note": _source(page.trade, found),
        "series": [{"name": "Price", "kind": "candles", "points": axis.candles()}, *_lines(page, axis)],
        "markers": [axis.marker(fill) for fill in page.fills if axis.reaches(fill.executed_at)],
    }


def _lines(page: TradePage, axis: "_Axis") -> Iterator[Data]:
    """The stop as it was moved, each target, and where the plan meant to enter."""
    if stops := axis.steps([(move.moved_at, move.to_price) for move in page.stops]):
        yield {"name": "Stop", "tone": "loss", "kind": "line", "dashed": False, "steps": True, "points": stops}
    for number, line in enumerate(page.targets, 1):
        name = "Target" if len(page.targets) == 1 else f"Target {number}"
        points = axis.level(line.target.price)
        yield {"name": name, "tone": "gain", "kind": "line", "dashed": False, "points": points}
    if page.trade.entry_price is not None:
        points = axis.level(page.trade.entry_price)
        yield {"name": "Planned entry", "tone": "muted", "kind": "line", "dashed": True, "points": points}


def _source(trade: Trade, found: TradeBars) -> str:
    told = f"Bars of {BAR_SIZES.get(found.timeframe, found.timeframe)} from {found.source}."
    if trade.exit_date is None and found.source != OWN:
        told += f" The last {SETTLED // timedelta(minutes=1)} minutes are added later."
    if not found.fits:
        told += " The fills lie far from these prices: they may be adjusted for a split, or of another symbol."
    return told


class _Axis:
    """Moments as bars: what happened inside a bar is drawn at it."""

    def __init__(self, trade: Trade, found: TradeBars) -> None:
        self._trade = trade
        self._bars: list[Candle] = found.candles
        self._starts = [candle.start for candle in self._bars]
        self._end = self._starts[-1] + TIMEFRAMES[found.timeframe]
        self._zone = exchange_timezone(trade.account.exchange) if found.timeframe == DAILY else None

    def at(self, moment: datetime) -> Any:
        """The time of the bar a moment lies in, as the chart library takes it."""
        return self._time(self._bars[max(0, bisect_right(self._starts, moment) - 1)].start)

    def reaches(self, moment: datetime) -> bool:
        """Whether the bars go on until a moment; those of a closed trade are all there are."""
        return self._trade.exit_date is not None or moment < self._end

    def _time(self, start: datetime) -> Any:
        return start.astimezone(self._zone).date().isoformat() if self._zone else int(start.timestamp())

    def candles(self) -> list[Point]:
        return [[self._time(bar.start), *map(_plain, (bar.close, bar.open, bar.high, bar.low))] for bar in self._bars]

    def level(self, price: Decimal) -> list[Point]:
        """A line at one price while the trade was open."""
        return self._line([(self._trade.entry_date, price)])

    def steps(self, moves: Sequence[tuple[datetime, Decimal | None]]) -> list[Point]:
        """A line that steps where the stop was moved; a stop from before the entry counts from the entry on."""
        opened = self._trade.entry_date
        return self._line([(max(at, opened), price) for at, price in moves if price is not None])

    def _line(self, steps: Sequence[tuple[datetime, Decimal]]) -> list[Point]:
        closed = self._trade.exit_date
        points = {self.at(at): _plain(price) for at, price in steps if closed is None or at <= closed}
        if points:
            end = self.at(closed) if closed else self._time(self._starts[-1])
            points.setdefault(end, list(points.values())[-1])
        return [[time, price] for time, price in points.items()]

    def marker(self, fill: Fill) -> Data:
        word = "In" if fill.side == _entry_side(self._trade) else "Out"
        text = f"{word} {_plain(fill.quantity)}"
        return {"time": self.at(fill.executed_at), "side": fill.side, "text": text}

    def places(self) -> int:
        digits = [-bar.close.normalize().as_tuple().exponent for bar in self._bars[:50]]
        return min(MOST_PLACES, max(2, *digits))


def _entry_side(trade: Trade) -> str:
    return "buy" if trade.direction == "long" else "sell"


def _plain(value: Decimal) -> str:
    return f"{value.normalize():f}"


def _summary(page: TradePage) -> str:
    trade = page.trade
    done = f"exit at {averaged(trade.actual_exit)}" if trade.status == "closed" else "still open"
    stops = sum(move.from_price is not None for move in page.stops)
    moved = f", the stop moved {'once' if stops == 1 else f'{stops} times'}" if stops else ""
    return f"{trade.symbol} {trade.direction}: entry at {averaged(trade.actual_entry)}, {done}{moved}."


def _events(page: TradePage) -> Iterator[tuple[datetime, list[str]]]:
    entry = _entry_side(page.trade)
    for fill in page.fills:
        word = "Entry" if fill.side == entry else "Exit"
        told = f"{word}, {fill.get_side_display().lower()}"
        yield fill.executed_at, [_when(fill.executed_at), told, _plain(fill.quantity), _plain(fill.price)]
    for move in page.stops:
        yield move.moved_at, _stop_row(move)
    for line in page.targets:
        opened = page.trade.entry_date
        yield opened, [_when(opened), "Target", "", _plain(line.target.price)]


def _stop_row(move: StopMove) -> list[str]:
    word = "Stop" if move.from_price is None else "Stop moved"
    return [_when(move.moved_at), word, "", _plain(move.to_price) if move.to_price is not None else "none"]


def _when(at: datetime) -> str:
    return f"{timezone.localtime(at):%Y-%m-%d %H:%M}"
