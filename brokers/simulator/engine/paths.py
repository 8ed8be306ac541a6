"""Paths a price takes: over the days, through the minutes of a session, through the seconds of a minute.

Whole numbers only, so that every machine walks the same way: prices in cents, in thousandths of a cent while a path is
drawn, logarithms of prices in billionths.
"""

from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from itertools import accumulate, pairwise
from math import isqrt
from random import Random
from typing import NamedTuple

from brokers.simulator.engine.catalogue import CHARACTERS, Character
from brokers.simulator.engine.market import MINUTE
from brokers.simulator.engine.sessions import Sessions
from brokers.simulator.engine.types import Session

# The day on which a symbol has the price its character gives it, and the days between two drawn without halving.
ANCHOR = date(2026, 1, 2).toordinal()
STRETCH = 8192
# A draw is the sum of four sixteen-bit numbers, near enough to normal, with this middle and deviation.
CENTRE = 2 * 65_535
DEVIATION = 37_837
# One basis point of a price, as a logarithm in billionths.
BASIS_POINT = 100_000
THOUSAND = 1000
# What a day of the calendar moves, in thousandths of what a session moves: the root of 252/365.
CALENDAR_DAY = 831
# Over a stretch prices come back: they move less than the days between would make them, in tenths.
STRETCH_MOVE = 4
# In hundredths: the part of a session's way that is gone overnight, and how much of it is seen when.
OVERNIGHT = 30
BY_EVENING = 30
BY_MORNING = 85
# In thousandths of a session's deviation: the roots of .3 × .7 and of .7, and what extended hours add.
OPENING = 458
INTRADAY = 837
EXTENDED = 120
# One minute in two to that power jumps, by so many times what it would move.
JUMP_BITS = 8
JUMP = 6
# Extended hours have one part in so many of the day's volume, and so many times its spread; so has the opening.
THIN = 40
WIDE = 5
OPENING_MINUTES = 5
OPENING_SPREAD = 3
LOWEST = 100
LEAST_VOLUME = 60


class Minute(NamedTuple):
    """The trades of one minute: prices and spread in cents, volume in shares."""

    start: datetime
    open: int
    high: int
    low: int
    close: int
    volume: int
    spread: int
    depth: int
    is_regular: bool


class Second(NamedTuple):
    """One trade, in cents and shares, and the quote around it."""

    price: int
    size: int
    spread: int
    is_at_bid: bool
    bid_size: int
    ask_size: int


class Leg(NamedTuple):
    """A part of a session: from which price to which, how far it strays (thousandths of a cent), how it is traded."""

    start: datetime
    minutes: int
    begin: int
    end: int
    deviation: int
    volume: int
    is_regular: bool


class Paths:
    """The paths of every symbol with a character, of one seed."""

    def __init__(self, seed: str, sessions: Sessions) -> None:
        self._seed = seed
        self._sessions = sessions
        self._levels: dict[tuple[str, int], int] = {}
        # A session takes some 400 kB: enough of them for every symbol's today and yesterday.
        self.minutes = lru_cache(maxsize=64)(self._minutes_of)

    def close(self, symbol: str, day: date) -> int:
        """The price at the end of a day, in cents."""
        level = Decimal(self._level(symbol, day.toordinal() - ANCHOR)).scaleb(-9)
        return max(LOWEST, int(CHARACTERS[symbol].price * level.exp()))

    def open(self, symbol: str, session: Session) -> int:
        """The price of the opening auction, in cents."""
        before = self._sessions.before(session.day)
        start = self.close(symbol, before.day)
        if before.post >= session.pre:
            return start
        way = self.close(symbol, session.day) - start
        stray = self._draw(symbol, f"open/{session.day}") * _deviation(symbol, start) * OPENING
        return max(LOWEST, start + way * OVERNIGHT // 100 + stray // (DEVIATION * THOUSAND * THOUSAND))

    def _minutes_of(self, symbol: str, session: Session) -> list[Minute]:
        """All minutes of a session, extended hours included."""
        before, _, after = self._session_legs(symbol, session)
        return [*self._walked(symbol, before), *self.regular_minutes(symbol, session), *self._walked(symbol, after)]

    def regular_minutes(self, symbol: str, session: Session) -> list[Minute]:
        """The minutes of a session's regular hours."""
        return self._walked(symbol, self._session_legs(symbol, session)[1])

    def _walked(self, symbol: str, leg: Leg) -> list[Minute]:
        rng = Random(f"{self._seed}/{symbol}/{leg.start:%Y%m%d%H%M}/leg")  # noqa: S311 - a market, not a secret
        return _walk(leg, CHARACTERS[symbol], rng)

    def _session_legs(self, symbol: str, session: Session) -> list[Leg]:
        last = self.close(symbol, self._sessions.before(session.day).day)
        opening, close = self.open(symbol, session), self.close(symbol, session.day)
        gap = opening - last
        next_gap = self.open(symbol, self._sessions.after(session.day)) - close
        stray, volume = _deviation(symbol, close), CHARACTERS[symbol].volume
        morning, evening = last + gap * BY_EVENING // 100, close + next_gap * BY_EVENING // 100
        quiet, lively = stray * EXTENDED // THOUSAND, stray * INTRADAY // THOUSAND
        before, during, after = (
            (end - start) // MINUTE
            for start, end in (
                (session.pre, session.open),
                (session.open, session.close),
                (session.close, session.post),
            )
        )
        return [
            Leg(session.pre, before, morning, last + gap * BY_MORNING // 100, quiet, volume // THIN, is_regular=False),
            Leg(session.open, during, opening, close, lively, volume, is_regular=True),
            Leg(session.close, after, close, evening, quiet, volume // THIN, is_regular=False),
        ]

    def _level(self, symbol: str, day: int) -> int:
        """The logarithm of the price on a day, counted from the anchor, over that on the anchor."""
        low = day // STRETCH * STRETCH
        high = low + STRETCH
        left, right = self._knot(symbol, low), self._knot(symbol, high)
        while high - low > 1 and day != low:
            middle = (low + high) // 2
            value = self._middle(symbol, middle, high - low, (left + right) // 2)
            if day < middle:
                high, right = middle, value
            else:
                low, left = middle, value
        return left

    def _middle(self, symbol: str, day: int, days: int, straight: int) -> int:
        key = (symbol, day)
        if key not in self._levels:
            stray = self._draw(symbol, f"day/{day}") * _daily(symbol) * isqrt(days * 10**6)
            self._levels[key] = straight + stray // (2 * THOUSAND * DEVIATION)
        return self._levels[key]

    def _knot(self, symbol: str, day: int) -> int:
        """The level where a stretch begins: the sum of the ways from the anchor to there."""
        days = range(STRETCH, day + 1, STRETCH) if day > 0 else range(day, 0, STRETCH)
        move = _daily(symbol) * isqrt(STRETCH * 10**6) * STRETCH_MOVE
        return sum(self._draw(symbol, f"stretch/{each}") * move // (10 * THOUSAND * DEVIATION) for each in days)

    def _draw(self, symbol: str, key: str) -> int:
        return _normal(Random(f"{self._seed}/{symbol}/{key}"))  # noqa: S311 - a market, not a secret


def seconds_of(minute: Minute, key: str, count: int) -> list[Second]:
    """A minute's trades, `count` of them (4 at least), evenly spaced: the first at its open, the last at its close,
    one at its high and one at its low.
    """
    rng = Random(key)  # noqa: S311 - a market, not a secret
    prices = _through(_knots(minute, count, rng), minute, rng)
    sizes = _sizes(minute.volume, count, rng)
    return [
        Second(
            price,
            size,
            minute.spread + (rng.getrandbits(3) == 0),
            bool(rng.getrandbits(1)),
            _round_lots(minute.depth, rng),
            _round_lots(minute.depth, rng),
        )
        for price, size in zip(prices, sizes, strict=True)
    ]


def _knots(minute: Minute, count: int, rng: Random) -> list[tuple[int, int]]:
    """The places of a minute whose prices are given."""
    high, low = rng.sample(range(1, count - 1), 2)
    return sorted([(0, minute.open), (high, minute.high), (low, minute.low), (count - 1, minute.close)])


def _through(knots: list[tuple[int, int]], minute: Minute, rng: Random) -> list[int]:
    """Prices from knot to knot, straying a little, never beyond the minute's high and low."""
    stray = (minute.high - minute.low) // 8
    prices = []
    for (start, begin), (stop, end) in pairwise(knots):
        prices.append(begin)
        for place in range(start + 1, stop):
            straight = begin + (end - begin) * (place - start) // (stop - start)
            prices.append(min(minute.high, max(minute.low, straight + rng.randint(-stray, stray))))
    return [*prices, knots[-1][1]]


def _sizes(volume: int, count: int, rng: Random) -> list[int]:
    """Uneven parts of a volume that add up to it."""
    even, rest = divmod(volume, count)
    shifts = [rng.randrange(even // 2 + 1) for _ in range(count // 2)]
    sizes = [even + shift for shift in shifts] + [even - shift for shift in shifts] + [even] * (count % 2)
    rng.shuffle(sizes)
    sizes[0] += rest
    return sizes


def _round_lots(depth: int, rng: Random) -> int:
    return (1 + rng.randrange(2 * depth)) * 100


def _walk(leg: Leg, character: Character, rng: Random) -> list[Minute]:
    """The minutes of a part of a session: a bridge from its first price to its last."""
    weights = _weights(leg)
    total = sum(weight * weight for weight in weights)
    unit = DEVIATION * isqrt(total or 1)
    steps = [_step(rng) * weight * leg.deviation // unit for weight in weights]
    prices = _bridge(leg, steps, weights, total)
    return [
        _minute(leg, character, place, edges, abs(_normal(rng) * weight * leg.deviation // unit), rng)
        for place, (edges, weight) in enumerate(zip(pairwise(prices), weights, strict=True))
    ]


def _bridge(leg: Leg, steps: list[int], weights: list[int], total: int) -> list[int]:
    """The price at the edges of the minutes, in cents."""
    walked = [0, *accumulate(steps)]
    share = [0, *accumulate(weight * weight for weight in weights)]
    missing = (leg.end - leg.begin) * THOUSAND - walked[-1]
    return [
        max(LOWEST, leg.begin + (way + missing * part // (total or 1)) // THOUSAND)
        for way, part in zip(walked, share, strict=True)
    ]


def _minute(leg: Leg, character: Character, place: int, edges: tuple[int, int], reach: int, rng: Random) -> Minute:
    chance = rng.getrandbits(24)
    above, below = reach * (chance & 0xFF) // (256 * THOUSAND), reach * (chance >> 8 & 0xFF) // (256 * THOUSAND)
    share = leg.volume * (128 + (chance >> 16)) // 256 // leg.minutes
    is_early = leg.is_regular and place < OPENING_MINUTES
    width = 1 if leg.is_regular else WIDE
    return Minute(
        start=leg.start + place * MINUTE,
        open=edges[0],
        high=max(edges) + above,
        low=max(LOWEST, min(edges) - below),
        close=edges[1],
        volume=max(LEAST_VOLUME, share * _liveliness(leg, place)),
        spread=character.spread * (OPENING_SPREAD if is_early else width),
        depth=character.depth,
        is_regular=leg.is_regular,
    )


def _weights(leg: Leg) -> list[int]:
    """How far each minute moves, relative to the others: most at the open, least at noon."""
    if not leg.is_regular:
        return [100] * leg.minutes
    from_noon = [abs(2 * place - leg.minutes) * 100 // leg.minutes for place in range(leg.minutes)]
    early = [max(0, 60 - 4 * place) for place in range(leg.minutes)]
    return [60 + far * far * 80 // 10_000 + more for far, more in zip(from_noon, early, strict=True)]


def _liveliness(leg: Leg, place: int) -> int:
    """One at noon, up to three at the edges of the day: how a session's volume is spread."""
    return 1 + 2 * abs(2 * place - leg.minutes) // leg.minutes if leg.is_regular else 1


def _step(rng: Random) -> int:
    return _normal(rng) * (JUMP if rng.getrandbits(JUMP_BITS) == 0 else 1)


def _normal(rng: Random) -> int:
    bits = rng.getrandbits(64)
    return (bits & 0xFFFF) + (bits >> 16 & 0xFFFF) + (bits >> 32 & 0xFFFF) + (bits >> 48) - CENTRE


def _daily(symbol: str) -> int:
    """The deviation of a day of the calendar, in billionths."""
    return CHARACTERS[symbol].daily_move * BASIS_POINT * CALENDAR_DAY // THOUSAND


def _deviation(symbol: str, price: int) -> int:
    """The deviation of a session at a price, in thousandths of a cent."""
    return price * CHARACTERS[symbol].daily_move * THOUSAND // 10_000
