"""What the market shows: quotes, bars and the clock, through an account's own connection."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from brokers.api.errors import AsksBrokers
from trades.api.base import TradesViewSet
from trades.execution.prices import MOST_BARS, bars_shown, clock_shown, quote_shown
from trenddojo.api.errors import Conflict
from trenddojo.api.fields import Key, Moment, Number, Text, Truth, Whole, Word
from trenddojo.api.schema import errors
from trenddojo.api.serializers import Given, Taken
from trenddojo.domain.errors import DomainError

PRICE: dict[str, Any] = {"max_digits": 20, "decimal_places": 9}
TIMEFRAMES = ["1Min", "5Min", "15Min", "1Hour", "1Day"]
REFUSALS = errors(404, on_409="The account has no feed, or its connection is disabled.", on_422="No such symbol here.")
_AT, _SYMBOL = "2026-11-20T15:04:05Z", "AAPL"


class QuoteAsked(Taken):
    account = Key()
    symbol = Text(max_length=32)


class BarsAsked(QuoteAsked):
    timeframe = Word(choices=TIMEFRAMES)
    start = Moment()
    end = Moment(required=False, help_text="Now without it.")


class ClockAsked(Taken):
    account = Key()


class QuoteGiven(Given):
    symbol = Text(source="quote.symbol")
    bid = Number(**PRICE, shown=2, source="quote.bid")
    ask = Number(**PRICE, shown=2, source="quote.ask")
    last = Number(**PRICE, shown=2, source="quote.last", allow_null=True)
    mid = Number(**PRICE, shown=2)
    at = Moment(source="quote.at", help_text="The quote's own time.")
    age_seconds = Whole(help_text="By the market's clock.")
    is_stale = Truth(help_text="Older than the account's risk policy allows to check an order against.")


class BarGiven(Given):
    start = Moment()
    open = Number(**PRICE, shown=2)
    high = Number(**PRICE, shown=2)
    low = Number(**PRICE, shown=2)
    close = Number(**PRICE, shown=2)
    volume = Number(**PRICE)


class BarsGiven(Given):
    symbol = Text()
    timeframe = Word(choices=TIMEFRAMES)
    start = Moment()
    end = Moment(help_text="Bars that begin before it are here.")
    next_start = Moment(allow_null=True, help_text="Where to go on, when more was asked for than one answer holds.")
    bars = BarGiven(many=True, help_text="The oldest first, as they were traded: not adjusted for splits.")


class ClockGiven(Given):
    now = Moment()
    is_open = Truth()
    next_open = Moment()
    next_close = Moment()


QUOTE = OpenApiExample(
    "A quote",
    {
        "symbol": _SYMBOL, "bid": "189.02", "ask": "189.04", "last": "189.03", "mid": "189.03", "at": _AT,
        "age_seconds": 1, "is_stale": False,
    },
    response_only=True,
)  # fmt: skip
BARS = OpenApiExample(
    "One minute",
    {
        "symbol": _SYMBOL, "timeframe": "1Min", "start": "2026-11-20T15:03:00Z", "end": "2026-11-20T15:04:00Z",
        "next_start": None,
        "bars": [
            {
                "start": "2026-11-20T15:03:00Z", "open": "189.00", "high": "189.08", "low": "188.97",
                "close": "189.03", "volume": "18250",
            }
        ],
    },
    response_only=True,
)  # fmt: skip
CLOCK = OpenApiExample(
    "An open market",
    {"now": _AT, "is_open": True, "next_open": "2026-11-23T14:30:00Z", "next_close": "2026-11-20T21:00:00Z"},
    response_only=True,
)


@extend_schema(tags=["market"])
class MarketViewSet(AsksBrokers, TradesViewSet):
    pagination_class = None

    def handle_exception(self, exc: Exception) -> Response:
        if isinstance(exc, DomainError) and exc.code == "no_feed":
            exc = Conflict(exc.sentence, exc.code)
        return super().handle_exception(exc)

    @extend_schema(
        summary="Read a quote",
        description="The broker is asked unless it has just told one. While it is silent its last word is given as "
        "long as it can be taken for the present price; after that the answer is 503.",
        parameters=[QuoteAsked],
        responses={200: QuoteGiven, **REFUSALS},
        examples=[QUOTE],
    )
    @action(detail=False)
    def quote(self, request: Request) -> Response:
        given = self.asked(QuoteAsked)
        return Response(QuoteGiven(quote_shown(owner=request.user, now=timezone.now(), **given)).data)

    @extend_schema(
        summary="Read bars",
        description=f"Whole bars that begin in [start, end), at most {MOST_BARS} of them: `next_start` says where to "
        "go on. An account without a feed shows the bars you imported.",
        parameters=[BarsAsked],
        responses={200: BarsGiven, **REFUSALS},
        examples=[BARS],
    )
    @action(detail=False)
    def bars(self, request: Request) -> Response:
        given: dict[str, Any] = {"end": timezone.now(), **self.asked(BarsAsked)}
        return Response(BarsGiven(bars_shown(owner=request.user, **given)).data)

    @extend_schema(
        summary="Read the market's clock",
        description="By the broker's word; by the exchange's calendar where there is none.",
        parameters=[ClockAsked],
        responses={200: ClockGiven, **errors(404)},
        examples=[CLOCK],
    )
    @action(detail=False)
    def clock(self, request: Request) -> Response:
        given = self.asked(ClockAsked)
        return Response(ClockGiven(clock_shown(owner=request.user, now=timezone.now(), **given)).data)

    def asked(self, query: type[Taken]) -> dict[str, Any]:
        """The checked query with the account as the services name it."""
        self.filters = query
        given = self.filtered()
        return {"account_id": given.pop("account"), **given}
