"""What a recorded week makes of a few brackets, worked out with a pencil: from the rows of the CSV and the stand-in
exchange's documented rule alone. Nothing of the product is asked.

The rule: a minute's quote stands from the minute's end. In regular hours a buy takes the ask and a sale the bid, at exactly
that price and for no more than its size; a limit takes what is as good or better. Stop and target work once the entry is
filled: the stop is reached at its price or beyond it and takes whatever comes from then on, the target is a limit.
"""

import csv
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_HALF_EVEN, ROUND_UP, Decimal
from functools import cache
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

RECORDED = Path(__file__).resolve().parents[3] / "shared" / "market-data"
NEW_YORK = ZoneInfo("America/New_York")
CENT = Decimal("0.01")
MINUTE = timedelta(minutes=1)
# New York's regular hours, in that week's UTC.
OPEN, CLOSE = time(13, 30), time(20, 0)
# What the exchange charges at the end of a day for the dollars and shares sold and for the shares traded, each rounded up.
FEES = (("sold_value", "0.0000278"), ("sold_shares", "0.000166"), ("traded_shares", "0.000046"))


@dataclass(frozen=True)
class Quote:
    at: datetime
    bid: Decimal
    bid_size: int
    ask: Decimal
    ask_size: int

    def entry(self, sign: int) -> tuple[Decimal, int]:
        """Price and size that a long (1) or a short (-1) enters at."""
        return (self.ask, self.ask_size) if sign > 0 else (self.bid, self.bid_size)

    def exit(self, sign: int) -> tuple[Decimal, int]:
        return self.entry(-sign)


@dataclass(frozen=True)
class Bar:
    start: datetime
    high: Decimal
    low: Decimal


@dataclass(frozen=True)
class Bracket:
    """A limit entry with its exits, at the exchange from `sent_at` on; closed by the trader at `closed_at`."""

    symbol: str
    direction: str
    limit: str
    stop: str
    target: str
    quantity: int
    sent_at: datetime
    closed_at: datetime | None = None

    @property
    def sign(self) -> int:
        return 1 if self.direction == "long" else -1


@dataclass(frozen=True)
class Execution:
    at: datetime
    side: str
    quantity: int
    price: Decimal


@dataclass(frozen=True)
class Outcome:
    """What became of a bracket. Money in cents, averages and R as they come."""

    bracket: Bracket
    entries: tuple[Execution, ...]
    exits: tuple[Execution, ...]
    ended_by: str

    @property
    def executions(self) -> tuple[Execution, ...]:
        return self.entries + self.exits

    @property
    def is_closed(self) -> bool:
        return _shares(self.exits) == self.bracket.quantity

    @property
    def open_quantity(self) -> int:
        return _shares(self.entries) - _shares(self.exits)

    @property
    def entry(self) -> Decimal:
        return _value(self.entries) / _shares(self.entries)

    @property
    def exit(self) -> Decimal:
        return _value(self.exits) / _shares(self.exits)

    @property
    def risk(self) -> Decimal:
        """Frozen at the plan."""
        return abs(Decimal(self.bracket.limit) - Decimal(self.bracket.stop)) * self.bracket.quantity

    @property
    def result(self) -> Decimal:
        """Gross and net alike: the broker takes no commission."""
        return (_value(self.exits) - _value(self.entries)) * self.bracket.sign

    @property
    def r(self) -> Decimal:
        return self.result / self.risk

    @property
    def excursions(self) -> tuple[Decimal, Decimal]:
        """The worst and the best running result: at the minutes wholly between two executions, and at executions."""
        found, held, cash = [Decimal(0)], 0, Decimal(0)
        for one, following in pairwise(self.executions):
            signed = one.quantity if one.side == "buy" else -one.quantity
            held, cash = held + signed, cash - signed * one.price
            seen = [following.price]
            for bar in bars(self.bracket.symbol):
                if one.at <= bar.start and bar.start + MINUTE <= following.at:
                    seen += [bar.low, bar.high]
            found += [cash + held * price for price in seen]
        return min(found), max(found)

    @property
    def closed_on(self) -> date:
        return self.exits[-1].at.date()


@cache
def quotes(symbol: str) -> tuple[Quote, ...]:
    """Those of regular hours with both sides, in order."""
    with (RECORDED / "minute" / f"{symbol}.csv").open(newline="") as lines:
        return tuple(_regular(csv.DictReader(lines)))


@cache
def bars(symbol: str) -> tuple[Bar, ...]:
    """The minutes somebody traded in, before and after regular hours too."""
    with (RECORDED / "minute" / f"{symbol}.csv").open(newline="") as lines:
        rows = [row for row in csv.DictReader(lines) if row["close"]]
    return tuple(
        Bar(datetime.fromisoformat(row["timestamp"]), Decimal(row["high"]), Decimal(row["low"])) for row in rows
    )


def _regular(rows: Iterator[dict[str, str]] | csv.DictReader) -> Iterator[Quote]:  # type: ignore[type-arg]
    for row in rows:
        at = datetime.fromisoformat(row["timestamp"]) + MINUTE
        if not (row["bid"] and row["ask"]) or not OPEN < at.time() <= CLOSE:
            continue
        yield Quote(at, Decimal(row["bid"]), int(row["bid_size"]), Decimal(row["ask"]), int(row["ask_size"]))


def standing(symbol: str, at: datetime) -> Quote:
    return [quote for quote in quotes(symbol) if quote.at <= at][-1]


def outcome(bracket: Bracket, *, until: datetime) -> Outcome:
    """Follow a bracket from the quote that stands when it arrives."""
    first = standing(bracket.symbol, bracket.sent_at).at
    asked = standing(bracket.symbol, bracket.closed_at).at if bracket.closed_at else None
    entries: list[Execution] = []
    exits: list[Execution] = []
    ended_by = ""
    for quote in quotes(bracket.symbol):
        if not first <= quote.at <= until:
            continue
        _enter(bracket, quote, entries)
        if _shares(entries) < bracket.quantity:
            continue
        if not ended_by or ended_by == "target":
            ended_by = _end(bracket, quote, asked) or ended_by
        if ended_by and _leave(bracket, quote, exits, ended_by):
            break
    return Outcome(bracket, tuple(entries), tuple(exits), ended_by)


def _enter(bracket: Bracket, quote: Quote, entries: list[Execution]) -> None:
    price, size = quote.entry(bracket.sign)
    wanted = min(bracket.quantity - _shares(entries), size)
    if wanted and bracket.sign * (Decimal(bracket.limit) - price) >= 0:
        side = "buy" if bracket.sign > 0 else "sell"
        entries.append(Execution(max(quote.at, bracket.sent_at), side, wanted, price))


def _end(bracket: Bracket, quote: Quote, asked: datetime | None) -> str:
    """What ends the trade on this quote, if anything does."""
    price, _ = quote.exit(bracket.sign)
    if asked is not None and quote.at >= asked:
        return "close"
    if bracket.sign * (price - Decimal(bracket.stop)) <= 0:
        return "stop"
    return "target" if bracket.sign * (price - Decimal(bracket.target)) >= 0 else ""


def _leave(bracket: Bracket, quote: Quote, exits: list[Execution], ended_by: str) -> bool:
    """Take what the quote has; says whether that was all of it."""
    price, size = quote.exit(bracket.sign)
    if ended_by == "target" and bracket.sign * (price - Decimal(bracket.target)) < 0:
        return False
    part = min(bracket.quantity - _shares(exits), size)
    at = max(quote.at, bracket.closed_at) if ended_by == "close" and bracket.closed_at else quote.at
    exits.append(Execution(at, "sell" if bracket.sign > 0 else "buy", part, price))
    return _shares(exits) == bracket.quantity


def fees(outcomes: Sequence[Outcome]) -> dict[date, Decimal]:
    """What each day's trading was charged with."""
    basis: dict[date, dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for execution in (each for outcome in outcomes for each in outcome.executions):
        day = basis[execution.at.date()]
        day["traded_shares"] += execution.quantity
        if execution.side == "sell":
            day["sold_shares"] += execution.quantity
            day["sold_value"] += execution.quantity * execution.price
    return {
        day: sum(((Decimal(rate) * sums[name]).quantize(CENT, ROUND_UP) for name, rate in FEES), Decimal(0))
        for day, sums in basis.items()
    }


@dataclass(frozen=True)
class Sums:
    """Figures over closed trades."""

    closed: tuple[Outcome, ...]

    @property
    def wins(self) -> list[Decimal]:
        return [each.result for each in self.closed if each.result > 0]

    @property
    def losses(self) -> list[Decimal]:
        return [each.result for each in self.closed if each.result < 0]

    @property
    def win_rate(self) -> Decimal:
        return Decimal(len(self.wins)) / (len(self.wins) + len(self.losses))

    @property
    def expectancy(self) -> Decimal:
        return sum((each.result for each in self.closed), Decimal(0)) / len(self.closed)

    @property
    def expectancy_r(self) -> Decimal:
        return sum((each.r for each in self.closed), Decimal(0)) / len(self.closed)

    @property
    def profit_factor(self) -> Decimal:
        return sum(self.wins) / abs(sum(self.losses))

    @property
    def average_win(self) -> Decimal:
        return sum(self.wins) / len(self.wins)

    @property
    def average_loss(self) -> Decimal:
        return sum(self.losses) / len(self.losses)

    @property
    def payoff(self) -> Decimal:
        return self.average_win / abs(self.average_loss)

    @property
    def net(self) -> Decimal:
        return sum((each.result for each in self.closed), Decimal(0))

    @property
    def kelly(self) -> Decimal:
        return self.win_rate - (1 - self.win_rate) / self.payoff

    @property
    def sqn(self) -> Decimal:
        """The root of N times mean over deviation of R, with N - 1 below it."""
        squares = sum((each.r - self.expectancy_r) ** 2 for each in self.closed)
        spread = (squares / (len(self.closed) - 1)).sqrt()
        return Decimal(len(self.closed)).sqrt() * self.expectancy_r / spread

    @property
    def break_evens(self) -> int:
        return len(self.closed) - len(self.wins) - len(self.losses)

    def longest(self, sign: int) -> int:
        """The most wins (1) or losses (-1) in a row, by the moment each trade was over."""
        best = run = 0
        for each in sorted(self.closed, key=lambda each: each.exits[-1].at):
            run = run + 1 if sign * each.result > 0 else 0
            best = max(best, run)
        return best


@dataclass(frozen=True)
class Curve:
    """An account that began with money on the first day and got no more: what it was worth at each day's end."""

    cash: Decimal
    days: tuple[tuple[date, Decimal], ...]

    @property
    def growth(self) -> Decimal:
        return self.days[-1][1] / self.cash - 1

    @property
    def yearly(self) -> Decimal:
        """The rate a year by which one payment at the start comes to the end."""
        span = (self.days[-1][0] - self.days[0][0]).days
        return (1 + self.growth) ** (Decimal(365) / span) - 1

    def fallen(self) -> tuple[Decimal, int, date | None]:
        """The deepest fall from the highest end so far, how many sessions it lasted, and the day it was made up for."""
        worst, found = Decimal(0), (Decimal(0), 0, None)
        values = [self.cash, *(value for _, value in self.days)]
        for at, value in enumerate(values):
            top = max(values[: at + 1])
            if value / top - 1 < worst:
                worst = value / top - 1
                peak = max(n for n in range(at) if values[n] == top)
                back = next((n for n in range(at, len(values)) if values[n] >= top), None)
                ended = len(values) - 1 if back is None else back
                found = (worst, ended - peak, self.days[back - 1][0] if back else None)
        return found


def _shares(executions: Sequence[Execution]) -> int:
    return sum(each.quantity for each in executions)


def _value(executions: Sequence[Execution]) -> Decimal:
    return sum((each.quantity * each.price for each in executions), Decimal(0))


def utc(day: int, clock: str) -> datetime:
    """A moment of October 2013."""
    return datetime.combine(date(2013, 10, day), time.fromisoformat(clock), UTC)


def shown(value: Decimal, places: int = 2, *, unit: str = "") -> str:
    """A number as pages write it, without sign or glyph."""
    # Nothing is added, so that what is rounded to nothing has no sign.
    rounded = value.quantize(Decimal(1).scaleb(-places), ROUND_HALF_EVEN) + 0
    text = f"{rounded:,f}".replace("-", "\N{MINUS SIGN}")
    return f"{text} {unit}".rstrip()


def signed(value: Decimal, places: int = 2, *, unit: str = "") -> str:
    """A gain or a loss as pages write it."""
    return ("+" if value > 0 else "") + shown(value, places, unit=unit)


def averaged(value: Decimal) -> str:
    """A mean price: two decimals at least, four at most."""
    text = shown(value, 4)
    return text[:-2] if text.endswith("00") else text.rstrip("0")
