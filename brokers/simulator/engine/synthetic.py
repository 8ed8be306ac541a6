"""A market that was never there but moves like one, at any time, without a beginning.

Everything is worked out from a seed, in whole cents, when it is asked for:

- a symbol's closes are a random walk over the calendar's days, found by halving a stretch of 8 192 days until the day
  is reached, so that any day of any year costs a dozen draws and no day needs the one before;
- a session has its own path of minutes between two such closes: an opening gap, moves that are wild in the morning,
  calm at noon and livelier towards the close, now and then a jump, thin trading before and after hours;
- a minute has its own path of seconds, which begins and ends where the minutes say and touches its high and its low,
  so that bars of years come from the minutes alone and agree with every trade shown live.

Trades and their quotes come `pace` seconds apart, in the middle of their step; the trade is at the quote's bid or ask.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from math import prod

from brokers.simulator.engine.catalogue import CHARACTERS
from brokers.simulator.engine.market import CENT, MINUTE, Band, Tick, merged, midnight
from brokers.simulator.engine.paths import Minute, Paths, Second, seconds_of
from brokers.simulator.engine.sessions import ONE_DAY, NewYork, Sessions, new_york_day
from brokers.simulator.engine.types import Bar, Print, Quote, Session

ONE = Decimal(1)
DAY_SECONDS = 86_400
LONGEST_PACE = 15
MINUTE_SECONDS = 60
VWAP = Decimal("0.000001")


class SyntheticMarket:
    """A seeded market of the listed symbols. The same seed gives the same prices on every machine."""

    def __init__(
        self, seed: str, symbols: Iterable[str] = tuple(CHARACTERS), *, sessions: Sessions | None = None, pace: int = 1
    ) -> None:
        """`pace` is the seconds from one quote to the next: 1 to 15, a divisor of 60. ValueError otherwise, or for a
        symbol that has no character.
        """
        self._symbols = tuple(symbols)
        unknown = [symbol for symbol in self.symbols if symbol not in CHARACTERS]
        if unknown:
            raise ValueError(f"no character is known for {', '.join(unknown)}")
        if not 1 <= pace <= LONGEST_PACE or MINUTE_SECONDS % pace:
            raise ValueError("pace must be 1 to 15 seconds and divide a minute")
        self._seed = seed
        self._sessions = sessions or NewYork()
        self._paths = Paths(seed, self._sessions)
        self._pace = pace
        self._scalings: dict[str, list[tuple[datetime, Decimal]]] = {}
        # A minute of ticks takes some 80 kB: enough of them for what every symbol shows now.
        self._minute_ticks = lru_cache(maxsize=128)(self._ticks_of)
        self._day_bar = lru_cache(maxsize=16_384)(self._bar_of)

    @property
    def symbols(self) -> Collection[str]:
        return self._symbols

    def ticks(self, symbol: str, after: datetime, to: datetime) -> Iterator[Tick]:
        for minute in self._minutes_between(symbol, after - MINUTE, to):
            for tick in self._minute_ticks(symbol, minute):
                if after < tick.at <= to:
                    yield tick

    def ticks_outside(self, symbol: str, after: datetime, to: datetime, band: Callable[[], Band]) -> Iterator[Tick]:
        """A minute that stays inside the band as a whole is left out as a whole, and never worked out."""
        for minute in self._minutes_between(symbol, after - MINUTE, to):
            if self._is_inside(symbol, minute, band()):
                continue
            for tick in self._minute_ticks(symbol, minute):
                if after < tick.at <= to:
                    yield tick

    def quote_at(self, symbol: str, at: datetime) -> Quote | None:
        return next((tick.item for tick in self._backwards(symbol, at) if isinstance(tick.item, Quote)), None)

    def trade_at(self, symbol: str, at: datetime) -> Print | None:
        return next((tick.item for tick in self._backwards(symbol, at) if isinstance(tick.item, Print)), None)

    def minutes(self, symbol: str, start: datetime, end: datetime) -> list[Bar]:
        found = self._minutes_between(symbol, start, end - MINUTE)
        return [self._minute_bar(symbol, minute) for minute in found]

    def days(self, symbol: str, start: date, end: date) -> list[Bar]:
        if symbol not in self.symbols:
            return []
        found = []
        session = self._sessions.after(start - ONE_DAY)
        while session.day <= end:
            found.append(self._day_bar(symbol, session))
            session = self._sessions.after(session.day)
        return found

    def opening(self, symbol: str, session: Session) -> Decimal | None:
        return self._day_bar(symbol, session).open if symbol in self.symbols else None

    def closing(self, symbol: str, session: Session) -> Decimal | None:
        return self._day_bar(symbol, session).close if symbol in self.symbols else None

    def scale(self, symbol: str, factor: Decimal, at: datetime) -> None:
        """From `at` on there are `factor` times as many shares, at a price that much lower."""
        self._scalings.setdefault(symbol, []).append((at, factor))
        self._minute_ticks.cache_clear()
        self._day_bar.cache_clear()

    def _is_inside(self, symbol: str, minute: Minute, band: Band) -> bool:
        end = minute.start + MINUTE
        if self._is_scaled_within(symbol, minute.start, end):
            return False
        factor, widest = self._factor(symbol, end), Decimal(minute.spread + 1).scaleb(-2)
        return band.holds(_price(minute.low, factor) - widest, _price(minute.high, factor) + widest)

    def _minutes_between(self, symbol: str, start: datetime, end: datetime) -> Iterator[Minute]:
        """The minutes that begin from `start` to `end`, both included."""
        if symbol not in self.symbols:
            return
        session = self._sessions.after(new_york_day(start) - ONE_DAY)
        while session.pre <= end:
            first = max(0, -((session.pre - start) // MINUTE))
            last = (end - session.pre) // MINUTE + 1
            yield from self._paths.minutes(symbol, session)[first:last]
            session = self._sessions.after(session.day)

    def _backwards(self, symbol: str, at: datetime) -> Iterator[Tick]:
        """What was shown up to `at`, the last first, as far back as the session before."""
        if symbol not in self.symbols:
            return
        tomorrow = new_york_day(at) + ONE_DAY
        session = self._sessions.before(tomorrow)
        for _ in range(2):
            minutes = self._paths.minutes(symbol, session)[: max(0, (at - session.pre) // MINUTE + 1)]
            for minute in reversed(minutes):
                yield from (tick for tick in reversed(self._minute_ticks(symbol, minute)) if tick.at <= at)
            session = self._sessions.before(session.day)

    def _ticks_of(self, symbol: str, minute: Minute) -> list[Tick]:
        """The trades and quotes of a minute, and at its end its bar."""
        first_id = (minute.start.hour * 60 + minute.start.minute) * 100 + 1
        found = []
        for place, (at, second) in enumerate(self._seconds(symbol, minute)):
            found += self._shown(symbol, at, second, first_id + place)
        found.append(Tick(minute.start + MINUTE, self._minute_bar(symbol, minute)))
        return found

    def _seconds(self, symbol: str, minute: Minute) -> list[tuple[datetime, Second]]:
        """The trades of a minute, each in the middle of its step."""
        count = self._trade_count(minute)
        step = timedelta(seconds=MINUTE_SECONDS // count)
        seconds = seconds_of(minute, f"{self._seed}/{symbol}/{minute.start:%Y%m%d%H%M}", count)
        return [(minute.start + step * place + step / 2, second) for place, second in enumerate(seconds)]

    def _trade_count(self, minute: Minute) -> int:
        return MINUTE_SECONDS // (self._pace if minute.is_regular else LONGEST_PACE)

    def _shown(self, symbol: str, at: datetime, second: Second, trade_id: int) -> list[Tick]:
        factor = self._factor(symbol, at)
        price = _price(second.price, factor)
        # The spread is that of the market, whatever a share has become.
        spread = Decimal(second.spread).scaleb(-2)
        bid, ask = (price, price + spread) if second.is_at_bid else (price - spread, price)
        bid_size, ask_size = Decimal(second.bid_size), Decimal(second.ask_size)
        return [
            Tick(at, Print(symbol, at, price, Decimal(second.size), trade_id)),
            Tick(at, Quote(symbol, at, max(bid, CENT), bid_size, max(ask, CENT + spread), ask_size)),
        ]

    def _minute_bar(self, symbol: str, minute: Minute) -> Bar:
        end = minute.start + MINUTE
        if self._is_scaled_within(symbol, minute.start, end):
            return self._traded_bar(symbol, minute)
        return self._plain_bar(symbol, minute.start, [minute], self._factor(symbol, end))

    def _traded_bar(self, symbol: str, minute: Minute) -> Bar:
        """The bar of a minute within which the shares changed, from its trades."""
        prices = [_price(second.price, self._factor(symbol, at)) for at, second in self._seconds(symbol, minute)]
        typical = ((max(prices) + min(prices) + prices[-1]) / 3).quantize(VWAP)
        extremes = (prices[0], max(prices), min(prices), prices[-1])
        return Bar(symbol, minute.start, MINUTE_SECONDS, *extremes, Decimal(minute.volume), len(prices), typical)

    def _bar_of(self, symbol: str, session: Session) -> Bar:
        """The bar of a session's regular hours."""
        minutes = self._paths.regular_minutes(symbol, session)
        start = midnight(session.day)
        if self._is_scaled_within(symbol, session.open, session.close):
            return merged([self._minute_bar(symbol, minute) for minute in minutes], start, DAY_SECONDS)
        return self._plain_bar(symbol, start, minutes, self._factor(symbol, session.close))

    def _plain_bar(self, symbol: str, start: datetime, minutes: list[Minute], factor: Decimal) -> Bar:
        """One bar of minutes with the same shares; the typical price stands for the average."""
        high = _price(max(minute.high for minute in minutes), factor)
        low = _price(min(minute.low for minute in minutes), factor)
        close = _price(minutes[-1].close, factor)
        return Bar(
            symbol=symbol,
            at=start,
            seconds=MINUTE_SECONDS if len(minutes) == 1 else DAY_SECONDS,
            open=_price(minutes[0].open, factor),
            high=high,
            low=low,
            close=close,
            volume=Decimal(sum(minute.volume for minute in minutes)),
            trade_count=sum(self._trade_count(minute) for minute in minutes),
            vwap=((high + low + close) / 3).quantize(VWAP),
        )

    def _factor(self, symbol: str, at: datetime) -> Decimal:
        """How many shares at `at` one share of the beginning has become."""
        scalings = self._scalings.get(symbol)
        return prod((factor for since, factor in scalings if since < at), start=ONE) if scalings else ONE

    def _is_scaled_within(self, symbol: str, start: datetime, end: datetime) -> bool:
        return any(start < at < end for at, _ in self._scalings.get(symbol, ()))


def _price(cents: int, factor: Decimal) -> Decimal:
    price = Decimal(cents).scaleb(-2)
    return price if factor == 1 else max(CENT, (price / factor).quantize(CENT))
