"""Refuses fills that cannot have happened, each with a sentence at its field."""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal

from trenddojo.domain.errors import FillError
from trenddojo.domain.fills import Direction, Fill, FillKind
from trenddojo.domain.instruments import Instrument
from trenddojo.domain.money import ZERO, check_decimal, check_positive

EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
_WHOLE_DIGITS = 11


def validate_fill(fill: Fill, *, now: datetime, instrument: Instrument | None = None) -> None:
    """Refuse a fill that is impossible by itself; raises FillError or NumberError naming the field.

    Fields: quantity, price, commission, fees, executed_at. `now` is aware. A price of zero is possible only for an
    expiry and for a transfer in without a known basis; fees may be negative (a rebate), a commission may not.
    """
    check_positive(fill.quantity, field="quantity", name="quantity")
    _check_places(fill.quantity, instrument.quantity_places if instrument else 9, "quantity")
    if fill.price != ZERO or fill.kind in (FillKind.TRADE, FillKind.TRANSFER_OUT):
        check_positive(fill.price, field="price", name="price")
    _check_places(fill.price, instrument.price_places if instrument else 9, "price")
    _check_places(fill.commission, 9, "commission")
    _check_places(fill.fees, 9, "fees")
    if fill.commission < ZERO:
        raise FillError("negative_commission", "Enter the commission as an amount paid, without a minus.", "commission")
    _check_time(fill.executed_at, now)


def validate_fills(
    fills: Sequence[Fill],
    *,
    now: datetime,
    direction: Direction | None = None,
    instrument: Instrument | None = None,
) -> None:
    """Refuse impossible fills; with a `direction` also an exit before the entry or larger than the position.

    Without a direction a fill may take the position through zero. At equal times entries count before exits.
    """
    for fill in fills:
        validate_fill(fill, now=now, instrument=instrument)
    if direction is not None:
        validate_exits(fills, direction=direction)


def _check_places(value: Decimal, places: int, field: str) -> None:
    check_decimal(value, max_digits=_WHOLE_DIGITS + places, places=places, field=field, name=field)


def _check_time(executed_at: datetime, now: datetime) -> None:
    if executed_at.tzinfo is None:
        raise FillError("naive_time", "The time of the fill needs its time zone.", "executed_at")
    if executed_at < EARLIEST:
        raise FillError("before_1970", "The fill is dated before 1970: check the year.", "executed_at")
    if executed_at > now:
        raise FillError("in_future", "The fill lies in the future: enter the time it was executed.", "executed_at")


def validate_exits(fills: Sequence[Fill], *, direction: Direction) -> None:
    """Refuse an exit before the entry it closes or larger than the position; raises FillError naming the field.

    For fills that were validated one by one when they came in. At equal times entries count before exits.
    """
    entered = sum((fill.quantity for fill in fills if fill.side is direction.entry_side), ZERO)
    exited = sum((fill.quantity for fill in fills if fill.side is direction.exit_side), ZERO)
    if exited > entered:
        raise FillError(
            "exit_exceeds_position",
            f"The exits come to {exited.normalize():f}, but only {entered.normalize():f} were entered: "
            "reduce the quantity.",
            "quantity",
        )
    held = ZERO
    for fill in sorted(fills, key=lambda one: (one.executed_at, one.sequence, one.side is direction.exit_side)):
        held += fill.quantity if fill.side is direction.entry_side else -fill.quantity
        if held < ZERO:
            raise FillError(
                "exit_before_entry", "This exit is dated before the entry it closes: check the times.", "executed_at"
            )
