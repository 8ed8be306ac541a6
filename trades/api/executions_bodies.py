"""What a program says of an execution."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from trades.models import Fill, FillKind, Side
from trades.services.fills import FillInput
from trenddojo.api.fields import Moment, NumberIn, Word
from trenddojo.api.serializers import Taken

COSTS = ("commission", "fees")


def _cost() -> NumberIn:
    return NumberIn(
        max_digits=16,
        decimal_places=6,
        required=False,
        allow_null=True,
        help_text="Null: estimated by the broker's schedule.",
    )


class ExecutionNew(Taken):
    side = Word(choices=Side.choices)
    quantity = NumberIn()
    price = NumberIn()
    executed_at = Moment()
    commission = _cost()
    fees = _cost()
    kind = Word(choices=FillKind.choices, default=FillKind.TRADE)


class ExecutionChanged(Taken):
    """Whatever is not named stays as it is."""

    side = Word(choices=Side.choices, required=False)
    quantity = NumberIn(required=False)
    price = NumberIn(required=False)
    executed_at = Moment(required=False)
    commission = _cost()
    fees = _cost()
    kind = Word(choices=FillKind.choices, required=False)


class ExitTaken(Taken):
    """How a trade is closed; everything but the quantity is for accounts kept by hand."""

    quantity = NumberIn(required=False, allow_null=True, help_text="Null: all that is open.")
    price = NumberIn(required=False, allow_null=True, help_text="Needed in an account kept by hand.")
    executed_at = Moment(required=False, allow_null=True, help_text="Null: now.")
    commission = _cost()
    fees = _cost()


def fill_input(given: Mapping[str, Any]) -> FillInput:
    return FillInput(**given)


def fill_changed(fill: Fill, given: Mapping[str, Any]) -> FillInput:
    """The execution as it is with what is to be changed; estimated costs that are not named are estimated anew."""
    known = FillInput(
        side=fill.side,
        quantity=fill.quantity,
        price=fill.price,
        executed_at=fill.executed_at,
        kind=fill.kind,
        commission=None if fill.has_estimated_costs else fill.commission,
        fees=None if fill.has_estimated_costs else fill.fees,
    )
    return replace(known, **given)
