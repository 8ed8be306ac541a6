"""How each trade of the demo trader went: entries, stops, scale-ins and exits along the market's bars.

Nothing here touches the database; ``writing.py`` puts the story down.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from trades.demo.market import Bar, Listing
from trades.demo.playbook import PLAYS, Play
from trenddojo.domain.fills import Direction

SCALE_R = Decimal(1)
ADD_R = Decimal("0.5")
# The last three sessions belong to the trades that are still open.
LAST_BARS = 39


@dataclass(frozen=True, slots=True)
class Execution:
    """One execution; ``share`` of the first entry's quantity, all that is left where it is None."""

    at: datetime
    price: Decimal
    share: Decimal | None
    opens: bool


@dataclass(slots=True)
class StoryTrade:
    listing: Listing
    play: Play
    direction: Direction
    entry_at: datetime
    entry: Decimal
    stop: Decimal
    target: Decimal
    executions: list[Execution] = field(default_factory=list)
    stop_moves: list[tuple[datetime, Decimal]] = field(default_factory=list)
    last_bar: int = 0
    is_finished: bool = False


def tell(
    listing: Listing, bars: Sequence[Bar], *, seed: str, pause_bars: tuple[int, int], plays: Sequence[Play] = PLAYS
) -> Iterator[StoryTrade]:
    """The trades in one listing, one after the other, pausing between them."""
    chance = random.Random(f"{seed}:{listing.symbol}:trades")  # noqa: S311 - a story, not a secret
    at, free_from = chance.randint(2, pause_bars[1]), 0
    while at < len(bars) - LAST_BARS:
        play = chance.choices(plays, [play.share for play in plays])[0]
        trade = _open(listing, bars, at, play, chance)
        _follow(trade, bars, at, chance)
        yield trade
        free_from = trade.last_bar + 1
        at = free_from + chance.randint(*pause_bars)
    if listing.held_at_the_end:
        yield from _still_open(listing, bars, max(free_from, len(bars) - LAST_BARS), chance)


def _still_open(listing: Listing, bars: Sequence[Bar], earliest: int, chance: random.Random) -> Iterator[StoryTrade]:
    """A trade of the last days that neither stop nor target has ended yet, if the market allows one."""
    longest = max(PLAYS, key=lambda play: play.longest_bars)
    for at in range(earliest, len(bars) - 1):
        trade = _open(listing, bars, at, longest, chance)
        _follow(trade, bars, at, chance)
        if not trade.is_finished:
            yield trade
            return


def _open(listing: Listing, bars: Sequence[Bar], at: int, play: Play, chance: random.Random) -> StoryTrade:
    entry = bars[at].close
    tick = Decimal(1).scaleb(entry.as_tuple().exponent)  # type: ignore[arg-type]
    distance = (entry * Decimal(str(listing.daily_volatility * play.stop_days))).quantize(tick)
    ends = bars[min(at + play.longest_bars, len(bars) - 1)].close
    rising = Direction.LONG if ends >= entry else Direction.SHORT
    right = rising if play.edge >= 0 else rising.opposite
    # Mostly long.
    liked = Direction.LONG if chance.random() < 0.72 else Direction.SHORT  # noqa: PLR2004
    direction = right if chance.random() < abs(play.edge) else liked
    sign = direction.sign
    return StoryTrade(
        listing=listing,
        play=play,
        direction=direction,
        entry_at=bars[at].at + timedelta(minutes=chance.randint(1, 29), seconds=chance.randint(0, 59)),
        entry=entry,
        stop=entry - sign * distance,
        target=entry + sign * (distance * Decimal(str(play.target_r))).quantize(tick),
    )


def _follow(trade: StoryTrade, bars: Sequence[Bar], start: int, chance: random.Random) -> None:
    """Walks the bars until the stop, the target or the time is reached, or the story's year ends."""
    play, sign = trade.play, trade.direction.sign
    risk = abs(trade.entry - trade.stop)
    stop = trade.stop
    adds = chance.random() < play.scale_in
    reduces = chance.random() < play.scale_out
    trade.executions.append(Execution(trade.entry_at, trade.entry, Decimal(1), opens=True))
    for index in range(start + 1, min(start + play.longest_bars, len(bars) - 1) + 1):
        bar, trade.last_bar = bars[index], index
        at = bar.at + timedelta(minutes=chance.randint(1, 28), seconds=chance.randint(0, 59))
        worst, best = (bar.low, bar.high) if sign > 0 else (bar.high, bar.low)
        if sign * (worst - stop) <= 0:
            slipped = bar.open if sign * (bar.open - stop) < 0 else stop
            return _finish(trade, at, slipped)
        if sign * (best - trade.target) >= 0:
            gapped = bar.open if sign * (bar.open - trade.target) > 0 else trade.target
            return _finish(trade, at, gapped)
        if adds and sign * (best - trade.entry) >= ADD_R * risk:
            adds = False
            trade.executions.append(Execution(at, trade.entry + sign * ADD_R * risk, Decimal("0.5"), opens=True))
        if reduces and sign * (best - trade.entry) >= SCALE_R * risk:
            reduces = False
            trade.executions.append(Execution(at, trade.entry + sign * SCALE_R * risk, Decimal("0.5"), opens=False))
            stop = trade.entry
            trade.stop_moves.append((at + timedelta(minutes=1), stop))
    if trade.last_bar - start >= play.longest_bars:
        return _finish(trade, bars[trade.last_bar].at + timedelta(minutes=29), bars[trade.last_bar].close)
    trade.last_bar = len(bars)
    return None


def _finish(trade: StoryTrade, at: datetime, price: Decimal) -> None:
    trade.executions.append(Execution(at, price, None, opens=False))
    trade.is_finished = True
