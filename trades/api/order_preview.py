"""The preview of an order: what it would cost, take and break. Nothing is stored."""

from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from trades.api.order_examples import NEW_BRACKET
from trades.api.order_fields import PRICE, QUANTITY, OrderNew, order_input
from trades.api.orders import PlacesOrders
from trades.execution.intents import OrderPreview, order_preview
from trades.models.order import ORDER_CLASSES
from trenddojo.api.fields import Moment, Number, Text, Truth, Word
from trenddojo.api.schema import errors
from trenddojo.api.serializers import Given

SHOWN = OpenApiExample(
    "It may be sent",
    {
        "symbol": "AAPL",
        "order_class": "bracket",
        "quantity": "100",
        "quote": {
            "bid": "189.02",
            "ask": "189.04",
            "last": "189.03",
            "at": "2026-11-20T15:04:05Z",
            "age_seconds": "1.204",
        },
        "unit_price": "187.50",
        "cost": "18750.00",
        "position_percent": "18.75",
        "risk": "550.00",
        "commission": "0.00",
        "fees": "0.00",
        "heat_before": "0.45",
        "heat": "1",
        "is_reducing": False,
        "send_after": None,
        "breaches": [],
        "warnings": [],
    },
    response_only=True,
)


class PreviewQuote(Given):
    bid = Number(**PRICE, shown=2, source="quote.bid")
    ask = Number(**PRICE, shown=2, source="quote.ask")
    last = Number(**PRICE, shown=2, source="quote.last", allow_null=True)
    at = Moment(source="quote.at", help_text="The quote's own time.")
    age_seconds = Number(source="quote_age_seconds", help_text="By the market's clock.")

    def get_attribute(self, instance: OrderPreview) -> OrderPreview | None:
        return None if instance.quote is None else instance


class OrderNotice(Given):
    code = Text()
    detail = Text(source="sentence")


class OrderPreviewGiven(Given):
    symbol = Text(source="terms.symbol")
    order_class = Word(choices=ORDER_CLASSES, source="terms.order_class")
    quantity = Number(**QUANTITY, source="terms.quantity")
    quote = PreviewQuote(allow_null=True, help_text="What the price was checked against; null where there is none.")
    unit_price = Number(**PRICE, shown=2, allow_null=True, help_text="The price it is counted at.")
    cost = Number(shown=2, allow_null=True, help_text="Null where nothing says the price yet.")
    position_percent = Number(help_text="The position afterwards, of equity.")
    risk = Number(shown=2, help_text="What is lost at the stop; 0 where there is none, which `warnings` say.")
    commission = Number(shown=2, help_text="Estimated.")
    fees = Number(shown=2, help_text="Estimated.")
    heat_before = Number(help_text="Open risk now, in percent of equity.")
    heat = Number(help_text="Open risk with this order.")
    is_reducing = Truth(help_text="It makes a position smaller: limits do not stop it.")
    send_after = Moment(allow_null=True, help_text="The open it would wait for; null: it leaves at once.")
    breaches = OrderNotice(
        many=True, help_text="Every limit it breaks: placed now it would be denied with these codes."
    )
    warnings = OrderNotice(many=True, help_text="What is no reason to refuse it and still worth a look.")


class OrderPreviewViewSet(PlacesOrders):
    serializer_class = OrderPreviewGiven
    changes_nothing = True

    @extend_schema(
        tags=["orders"],
        operation_id="orders_preview",
        summary="Preview an order",
        description="What the order would cost, take and break if it were placed now. Writes no order, and may be "
        "asked with a token to read; the broker may be asked for a quote.",
        request=OrderNew,
        responses={200: OrderPreviewGiven, **errors(409)},
        examples=[NEW_BRACKET, SHOWN],
    )
    def create(self, request: Request) -> Response:
        given = order_input(self.taken(OrderNew))
        shown = order_preview(owner=request.user, given=given, now=timezone.now())
        return Response(OrderPreviewGiven(shown).data)
