"""Markets made of what was recorded: a tape that is written by hand, and the replay of a folder of CSVs.

When a recorded minute counts. A row is labelled with the minute's beginning and its bid and ask are those at the
minute's end, so the quote of the row `13:30` stands from 13:31:00 on, until the next row with a quote. The row's trades
are one trade at the same moment, at the row's close and of its volume, and its bar is complete then. A session from
13:30 to 20:00 thus trades on the quotes of the rows 13:30 to 19:59, at 13:31:00 to 20:00:00. The opening auction is the
`open` of the session's first row with a trade, the closing auction the `close` of its last.
"""

import csv
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

from brokers.simulator.engine.market import MINUTE, Band, Tick, merged, midnight
from brokers.simulator.engine.sessions import NewYork, Sessions
from brokers.simulator.engine.types import ZERO, Bar, Print, Quote, Session

UTC_SUFFIX = "+00:00"


class Tape:
    """What one symbol showed, in order of time, with the moments apart so that a moment is found quickly."""

    def __init__(self) -> None:
        self.ticks: list[Tick] = []
        self.times: list[datetime] = []
        self.quotes: list[Quote] = []
        self.quote_times: list[datetime] = []
        self.prints: list[Print] = []
        self.print_times: list[datetime] = []
        self.bars: list[Bar] = []
        self.bar_times: list[datetime] = []
        self.day_bars: dict[date, Bar] = {}

    def add(self, tick: Tick) -> None:
        """Append what was shown next. ValueError when it is older than the last."""
        if self.times and tick.at < self.times[-1]:
            raise ValueError(f"{tick.item.symbol} at {tick.at} comes after {self.times[-1]} on the tape")
        self.ticks.append(tick)
        self.times.append(tick.at)
        if isinstance(tick.item, Quote):
            self.quotes.append(tick.item)
            self.quote_times.append(tick.at)
        elif isinstance(tick.item, Print):
            self.prints.append(tick.item)
            self.print_times.append(tick.at)
        else:
            self.bars.append(tick.item)
            self.bar_times.append(tick.item.at)

    def bars_of(self, session: Session) -> list[Bar]:
        """The minutes of the session's regular hours."""
        first = bisect_left(self.bar_times, session.open)
        return self.bars[first : bisect_left(self.bar_times, session.close)]


class RecordedMarket:
    """A market that shows what is on its tapes, and nothing in between."""

    def __init__(self, ticks: Iterable[Quote | Print | Bar] = (), *, sessions: Sessions | None = None) -> None:
        self._sessions = sessions or NewYork()
        self._tapes: dict[str, Tape] = {}
        for item in ticks:
            self.add(item)

    @property
    def symbols(self) -> Collection[str]:
        return self._tapes.keys()

    def add(self, item: Quote | Print | Bar) -> None:
        """Append to the symbol's tape. ValueError when it is older than what is already there."""
        seen = item.at + MINUTE * item.seconds / 60 if isinstance(item, Bar) else item.at
        self._tapes.setdefault(item.symbol, Tape()).add(Tick(seen, item))

    def ticks(self, symbol: str, after: datetime, to: datetime) -> Iterator[Tick]:
        tape = self._tapes.get(symbol)
        if tape is None:
            return iter(())
        return iter(tape.ticks[bisect_right(tape.times, after) : bisect_right(tape.times, to)])

    def ticks_outside(self, symbol: str, after: datetime, to: datetime, band: Callable[[], Band]) -> Iterator[Tick]:
        """Nothing is gained by leaving out what is already there."""
        del band
        return self.ticks(symbol, after, to)

    def quote_at(self, symbol: str, at: datetime) -> Quote | None:
        tape = self._tapes.get(symbol)
        place = bisect_right(tape.quote_times, at) if tape else 0
        return tape.quotes[place - 1] if tape and place else None

    def trade_at(self, symbol: str, at: datetime) -> Print | None:
        tape = self._tapes.get(symbol)
        place = bisect_right(tape.print_times, at) if tape else 0
        return tape.prints[place - 1] if tape and place else None

    def minutes(self, symbol: str, start: datetime, end: datetime) -> list[Bar]:
        tape = self._tapes.get(symbol)
        if tape is None:
            return []
        return tape.bars[bisect_left(tape.bar_times, start) : bisect_right(tape.bar_times, end - MINUTE)]

    def days(self, symbol: str, start: date, end: date) -> list[Bar]:
        tape = self._tapes.get(symbol)
        if tape is None:
            return []
        days = {day: bar for day, bar in tape.day_bars.items() if start <= day <= end}
        return [days[day] for day in sorted(days)]

    def opening(self, symbol: str, session: Session) -> Decimal | None:
        bar = self._day_bar(symbol, session)
        return bar.open if bar else None

    def closing(self, symbol: str, session: Session) -> Decimal | None:
        bar = self._day_bar(symbol, session)
        return bar.close if bar else None

    def scale(self, symbol: str, factor: Decimal, at: datetime) -> None:
        """Recorded prices already hold their splits."""

    def _day_bar(self, symbol: str, session: Session) -> Bar | None:
        tape = self._tapes.get(symbol)
        if tape is None:
            return None
        minutes = tape.bars_of(session)
        return merged(minutes, midnight(session.day), 86_400) if minutes else tape.day_bars.get(session.day)


class ReplayMarket(RecordedMarket):
    """The recorded minutes of a folder: `minute/SYMBOL.csv`, and `daily/SYMBOL.csv` for the years before."""

    def __init__(self, folder: Path, *, sessions: Sessions | None = None) -> None:
        """Read the folder. ValueError, with the file's name, when a row cannot be read; or when there is no file."""
        super().__init__(sessions=sessions)
        files = sorted((folder / "minute").glob("*.csv"))
        if not files:
            raise ValueError(f"{folder} holds no minute/SYMBOL.csv to replay")
        for file in files:
            self._read(file, folder / "daily" / file.name)

    @property
    def span(self) -> tuple[datetime, datetime]:
        """When the first and the last recorded moment is."""
        tapes = self._tapes.values()
        return min(tape.times[0] for tape in tapes), max(tape.times[-1] for tape in tapes)

    def _read(self, minutes: Path, days: Path) -> None:
        try:
            tape = self._tapes.setdefault(minutes.stem, Tape())
            for row in _rows(minutes):
                for tick in ticks_of(minutes.stem, row):
                    tape.add(tick)
            tape.day_bars = _recorded_days(minutes.stem, days) | self._days_of(tape)
        except (ArithmeticError, KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{minutes.name} cannot be replayed: {error!r}") from error

    def _days_of(self, tape: Tape) -> dict[date, Bar]:
        """The sessions of the recorded minutes, as bars."""
        first, last = tape.bars[0].at, tape.bars[-1].at
        session = self._sessions.before(first.date())
        found = {}
        while (session := self._sessions.after(session.day)).open <= last:
            minutes = tape.bars_of(session)
            if minutes:
                found[session.day] = merged(minutes, midnight(session.day), 86_400)
        return found


def ticks_of(symbol: str, row: dict[str, str]) -> Iterator[Tick]:
    """What one recorded minute shows at its end: its trades as one, its bar, its quote."""
    start = datetime.fromisoformat(row["timestamp"].replace("Z", UTC_SUFFIX))
    end = start + MINUTE
    if row["close"]:
        bar = _bar(symbol, start, 60, row)
        yield Tick(end, Print(symbol, end, bar.close, bar.volume, int(start.timestamp()) // 60))
        yield Tick(end, bar)
    if row["bid"] or row["ask"]:
        bid, bid_size, ask, ask_size = (
            Decimal(row[name]) if row[name] else ZERO for name in ("bid", "bid_size", "ask", "ask_size")
        )
        yield Tick(end, Quote(symbol, end, bid, bid_size, ask, ask_size))


def _recorded_days(symbol: str, file: Path) -> dict[date, Bar]:
    if not file.exists():
        return {}
    return {
        day: _bar(symbol, midnight(day), 86_400, row)
        for row in _rows(file)
        for day in [date.fromisoformat(row["date"])]
    }


def _bar(symbol: str, start: datetime, seconds: int, row: dict[str, str]) -> Bar:
    opening, high, low, close = (Decimal(row[name]) for name in ("open", "high", "low", "close"))
    # The records hold no trades: a bar counts as one, and its typical price stands for the average.
    typical = ((high + low + close) / 3).quantize(Decimal("0.000001"))
    return Bar(symbol, start, seconds, opening, high, low, close, Decimal(row["volume"]), 1, typical)


def _rows(file: Path) -> Iterator[dict[str, str]]:
    with file.open(encoding="ascii", newline="") as lines:
        yield from csv.DictReader(lines)
