"""Refuses fills that cannot have happened, each with a sentence at its field."""

from collections.abc import Sequence
from datetime import datetime

from trenddojo.domain.instruments import Instrument
from trenddojo.domain.positions import Direction, Fill


def validate_fill(fill: Fill, *, now: datetime, instrument: Instrument | None = None) -> None:
    """Refuse a fill that is impossible by itself; raises FillError (or NumberError) with the field."""
    raise NotImplementedError


def validate_fills(
    fills: Sequence[Fill],
    *,
    now: datetime,
    direction: Direction | None = None,
    instrument: Instrument | None = None,
) -> None:
    """Refuse impossible fills; with a `direction` also an exit before the entry or larger than the position.

    Without a direction a fill may take the position through zero.
    """
    raise NotImplementedError
