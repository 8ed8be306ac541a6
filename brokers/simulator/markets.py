"""The market an exchange is opened on."""

from typing import Any

from brokers.simulator.engine.recorded import RecordedMarket, ReplayMarket
from brokers.simulator.engine.sessions import AlwaysOpen, Sessions
from brokers.simulator.errors import SimulatorError
from brokers.simulator.hours import NewYorkHours
from brokers.simulator.options import Options


def sessions_of(options: Options) -> Sessions:
    return AlwaysOpen() if options.always_open else NewYorkHours()


def open_market(options: Options, sessions: Sessions) -> Any:
    """Raises SimulatorError when a folder cannot be replayed."""
    if options.market == "scripted":
        return RecordedMarket(sessions=sessions)
    if options.replay is not None:
        try:
            return ReplayMarket(options.replay, sessions=sessions)
        except (OSError, ValueError) as problem:
            raise SimulatorError(f"This folder cannot be replayed: {problem}.") from problem
    from brokers.simulator.engine.synthetic import SyntheticMarket

    return SyntheticMarket(options.seed, sessions=sessions)
