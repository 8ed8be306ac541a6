"""What requests and answers say of positions."""

from typing import Any

from drf_spectacular.utils import OpenApiExample

from trades.api.order_examples import PLACED
from trades.api.order_fields import PRICE, QUANTITY, OrderGiven
from trades.models import AssetClass
from trenddojo.api.fields import Key, Moment, Number, NumberIn, Text, Truth, Whole, Word
from trenddojo.api.serializers import Given, Taken
from trenddojo.domain.reconciliation import PositionState

STATES = [(state.value, state.value) for state in PositionState]
STATE_HELP = (
    "matched: broker and journal agree and a stop works. drift: the quantities differ. external: the journal does not "
    "know it. unprotected: no stop works for all of it."
)


class PositionFilters(Taken):
    account = Key(required=False, help_text="All of your accounts without it.")
    symbol = Text(max_length=32, required=False)
    state = Word(choices=STATES, required=False)


class PositionGiven(Given):
    """What is held of a symbol, by the broker's word and by the journal's. Quantities are negative when short."""

    account = Key(source="account.pk")
    symbol = Text()
    asset_class = Word(choices=AssetClass.choices)
    trade = Key(source="trade.pk", allow_null=True, help_text="The journal's open trade.")
    quantity = Number(**QUANTITY, help_text="The broker's where there is one and nothing was executed since.")
    broker_quantity = Number(**QUANTITY, allow_null=True, help_text="Null where no broker tells.")
    broker_average_price = Number(**PRICE, shown=2, source="broker_average", allow_null=True)
    journal_quantity = Number(**QUANTITY)
    journal_average_price = Number(**PRICE, shown=2, source="journal_average", allow_null=True)
    difference = Number(**QUANTITY, help_text="What the journal lacks.")
    market_price = Number(**PRICE, shown=2, allow_null=True)
    market_price_at = Moment(source="priced_at", allow_null=True)
    age_seconds = Whole(allow_null=True, help_text="How old the market price is.")
    is_stale = Truth(source="is_old", help_text="The market price is too old to be taken for the present one.")
    unrealized_pnl = Number(shown=2, allow_null=True)
    unrealized_r = Number(shown=2, allow_null=True, help_text="In units of the trade's initial risk.")
    working_stop = Number(**PRICE, shown=2, allow_null=True)
    stop_quantity = Number(**QUANTITY, help_text="How many units the working stops cover.")
    as_of = Moment(allow_null=True, help_text="When the broker told what is held.")
    is_settled = Truth(help_text="False: something was executed since the broker told what is held.")
    state = Word(choices=STATES, help_text=STATE_HELP)


class Adopted(Given):
    trade = Key(help_text="The trade of the journal.")
    position = PositionGiven(allow_null=True, help_text="Null when nothing is held any more.")


class PositionNamed(Taken):
    account = Key()
    symbol = Text(max_length=32)


class PositionClose(PositionNamed):
    quantity = NumberIn(**QUANTITY, required=False, allow_null=True, help_text="A part; without it all that is held.")


class PositionAdopt(PositionNamed):
    stop_price = NumberIn(
        **PRICE, required=False, allow_null=True, help_text="The first stop of a position the journal does not know."
    )


class PositionStop(PositionNamed):
    stop_price = NumberIn(**PRICE)


class PositionTrail(PositionNamed):
    trail_percent = NumberIn(**PRICE, help_text="1 for one percent.")


class AccountNamed(Taken):
    account = Key()


class OrdersPlaced(Given):
    orders = OrderGiven(many=True, help_text="One for each position that was not being closed already.")


ACCOUNT = "2b1c8a52-7df4-4a0e-9c0e-1f5f6f7a8b90"
_POSITION: dict[str, Any] = {
    "account": ACCOUNT,
    "symbol": "AAPL",
    "asset_class": "stock",
    "trade": "8d0a4ae5-56c4-4dc4-9d1f-2d8f1f0f4ae5",
    "quantity": "100",
    "broker_quantity": "100",
    "broker_average_price": "187.4512",
    "journal_quantity": "100",
    "journal_average_price": "187.4512",
    "difference": "0",
    "market_price": "189.03",
    "market_price_at": "2026-11-20T15:04:05Z",
    "age_seconds": 2,
    "is_stale": False,
    "unrealized_pnl": "157.88",
    "unrealized_r": "0.29",
    "working_stop": "182.00",
    "stop_quantity": "100",
    "as_of": "2026-11-20T15:03:41Z",
    "is_settled": True,
    "state": "matched",
}
HELD = OpenApiExample("A protected position", _POSITION, response_only=True)
ADOPTED = OpenApiExample(
    "The journal holds what the broker does", {"trade": _POSITION["trade"], "position": _POSITION}, response_only=True
)
EVERYTHING = OpenApiExample("Everything", {"account": ACCOUNT}, request_only=True)
CLOSED = OpenApiExample("One position held", {"orders": [PLACED.value]}, response_only=True)


def asks(name: str, **fields: str) -> OpenApiExample:
    """A request about AAPL in that account."""
    return OpenApiExample(name, {"account": ACCOUNT, "symbol": "AAPL", **fields}, request_only=True)
