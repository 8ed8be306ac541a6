"""The time nobody was there: the clock went on, orders expired, and nothing traded.

To play days of quotes for every working order would take minutes. What was reached meanwhile trades at the first quote
after the pause.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from brokers.simulator.commands import World
from brokers.simulator.engine.exchange import Exchange

# A restart after a crash misses nothing.
PLAYED = timedelta(minutes=10)


class QuietMarket:
    """The same prices at any moment, without anything to see in between."""

    def __init__(self, market: Any) -> None:
        self._market = market

    def __getattr__(self, name: str) -> Any:
        return getattr(self._market, name)

    def ticks(self, _symbol: str, _after: datetime, _to: datetime) -> Any:
        return iter(())


def is_long(left: datetime, now: datetime) -> bool:
    return now - left > PLAYED


def sleep(world: World, make_market: Callable[[], Any], sessions: Any, now: datetime) -> World:
    """The world at `now`. Its markets are fresh ones: loading applies the splits of the past to them."""
    asleep = Exchange.load(world.exchange.dump(), QuietMarket(make_market()), sessions=sessions)
    asleep.advance(now)
    market = make_market()
    woken = World(Exchange.load(asleep.dump(), market, sessions=sessions), market)
    woken.configurations = world.configurations
    return woken
