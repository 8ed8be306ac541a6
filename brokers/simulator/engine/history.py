"""What the market showed until now."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from brokers.simulator.engine.market import (
    MINUTE,
    Timeframe,
    gathered,
    is_daily,
    merged,
    midnight,
    parse_timeframe,
    period_of,
    split_adjusted,
)
from brokers.simulator.engine.sessions import ONE_DAY, new_york_day
from brokers.simulator.engine.state import State
from brokers.simulator.engine.types import Bar, Print, Quote

INSTANT = timedelta(microseconds=1)
DAY_SECONDS = 86_400
LOOK_BACK = timedelta(hours=8)


def items(state: State, symbol: str, start: datetime, end: datetime) -> Iterator[Quote | Print | Bar]:
    """What the market showed from `start` to `end`, both included, never beyond the present."""
    ticks = state.market.ticks(symbol, start - INSTANT, min(end, state.now))
    return (tick.item for tick in ticks)


def latest_minute(state: State, symbol: str) -> Bar | None:
    """The last complete minute with a trade."""
    trade = state.market.trade_at(symbol, state.now)
    if trade is None:
        return None
    minutes = state.market.minutes(symbol, trade.at - LOOK_BACK, state.now)
    return minutes[-1] if minutes else None


def bars(state: State, symbol: str, timeframe: str, start: datetime, end: datetime, *, is_adjusted: bool) -> list[Bar]:
    """Bars that begin from `start` to `end`, made of what is complete by now. ValueError for an unknown timeframe."""
    frame = parse_timeframe(timeframe)
    pieces = _days(state, symbol, start, end, frame) if is_daily(frame) else _minutes(state, symbol, start, end, frame)
    if is_adjusted:
        pieces = [_adjusted(state, piece) for piece in pieces]
    whole = pieces if frame == Timeframe(1, "Min") else gathered(pieces, frame)
    return [bar for bar in whole if start <= bar.at <= end]


def _minutes(state: State, symbol: str, start: datetime, end: datetime, frame: Timeframe) -> list[Bar]:
    first = period_of(start, frame)
    last = end + timedelta(seconds=60 * frame.length if frame.unit == "Min" else 3600 * frame.length)
    return state.market.minutes(symbol, first, min(last, state.now))


def _days(state: State, symbol: str, start: datetime, end: datetime, frame: Timeframe) -> list[Bar]:
    """Whole sessions up to yesterday, and today's as far as it has come."""
    today = new_york_day(state.now)
    first = new_york_day(period_of(start, frame))
    last = new_york_day(end) + timedelta(days=31 * frame.length if frame.unit != "Day" else 0)
    found = state.market.days(symbol, first, min(last, today - ONE_DAY))
    running = _today(state, symbol) if first <= today <= last else None
    return [*found, running] if running else found


def _today(state: State, symbol: str) -> Bar | None:
    session = state.sessions.on(new_york_day(state.now))
    if session is None or state.now <= session.open:
        return None
    minutes = state.market.minutes(symbol, session.open, min(session.close, state.now))
    return merged(minutes, midnight(session.day), DAY_SECONDS) if minutes else None


def _adjusted(state: State, bar: Bar) -> Bar:
    factor = state.split_factor(bar.symbol, bar.at + (MINUTE if bar.seconds < DAY_SECONDS else ONE_DAY) - INSTANT)
    return bar if factor == 1 else split_adjusted(bar, factor)
