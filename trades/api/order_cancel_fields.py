"""What requests and answers say of many orders cancelled at once."""

from drf_spectacular.utils import OpenApiExample
from rest_framework import serializers

from trades.api.order_examples import ORDER_ID
from trenddojo.api.fields import Key, Text
from trenddojo.api.serializers import Given, Taken


class OrdersNamed(Taken):
    account = Key(required=False, help_text="All of your accounts without it.")
    symbol = Text(max_length=32, required=False, help_text="All symbols without it.")


class UncancelledGiven(Given):
    order = Key(source="order_id")
    code = Text()
    detail = Text(source="sentence")


class CancelledGiven(Given):
    asked = serializers.ListField(
        child=Key(), help_text="Orders and legs that are cancelled or being so: follow `status` of each."
    )
    uncancelled = UncancelledGiven(many=True, help_text="What goes on as it is, and why.")


_LATE = {
    "order": f"{ORDER_ID[:-2]}20",
    "code": "order_over",
    "detail": "This order is filled already.",
}
OF_A_SYMBOL = OpenApiExample("Everything in AAPL", {"symbol": "AAPL"}, request_only=True)
ALL_CANCELLING = OpenApiExample(
    "One was filled meanwhile", {"asked": [ORDER_ID], "uncancelled": [_LATE]}, response_only=True
)
