"""The size of a position: computed, and nothing kept."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.lookup import found_or_404
from accounts.selectors import accounts_of
from trades.api.base import TradesViewSet, limit_code
from trades.models import AssetClass, Direction
from trades.selectors.trades import setups_of
from trades.services.plan_input import PlanInput, Target
from trades.services.sizing import PlanSize, position_size
from trenddojo.api.fields import Key, Number, NumberIn, Text, Word
from trenddojo.api.schema import errors
from trenddojo.api.serializers import Given, Taken
from trenddojo.domain.sizing import Bound

ASKED = {
    "account": "7c0f4ae5-56c4-4dc4-9d1f-2d8f1f0f4ae5",
    "direction": "long",
    "entry_price": "187.45",
    "stop_price": "182.00",
    "target_price": "203.80",
}
SIZED = {
    "quantity": "160",
    "position_value": "29992.00",
    "position_percent": "29.992",
    "risk_amount": "872.00",
    "risk_percent": "0.872",
    "reward_amount": "2616.00",
    "planned_r": "3",
    "bound_by": "max_position",
    "warnings": [],
}


class PositionSizeAsked(Taken):
    account = Key()
    direction = Word(choices=Direction.choices)
    entry_price = NumberIn()
    stop_price = NumberIn()
    target_price = NumberIn(required=False, allow_null=True)
    risk_percent = NumberIn(
        required=False, allow_null=True, help_text="Of equity; without it and an amount the account's own."
    )
    risk_amount = NumberIn(
        max_digits=20, decimal_places=2, required=False, allow_null=True, help_text="Money instead of the percent."
    )
    symbol = Text(
        max_length=64, required=False, help_text="What is held of it already counts towards the largest position."
    )
    asset_class = Word(choices=AssetClass.choices, default=AssetClass.STOCK)
    multiplier = NumberIn(max_digits=12, decimal_places=4, required=False, allow_null=True)
    setup = Key(required=False, allow_null=True, help_text="Its own risk goes before the account's.")


class LimitWarning(Given):
    code = Text()
    detail = Text()


class PositionSizeGiven(Given):
    quantity = Number()
    position_value = Number(shown=2)
    position_percent = Number(help_text="Of equity.")
    risk_amount = Number(shown=2)
    risk_percent = Number(help_text="Of equity.")
    reward_amount = Number(shown=2, allow_null=True, help_text="At the target; null without one.")
    planned_r = Number(allow_null=True, help_text="Reward for each unit of risk; null without a target.")
    bound_by = Word(choices=[(bound.value, bound.value) for bound in Bound], help_text="The limit that was met first.")
    warnings = LimitWarning(many=True, help_text="Every limit this size breaks, or why it is zero.")


def plan_asked(given: dict[str, Any]) -> PlanInput:
    """The request in the services' words."""
    target = given.get("target_price")
    return PlanInput(
        account_id=given["account"],
        symbol=given.get("symbol", ""),
        asset_class=given["asset_class"],
        direction=given["direction"],
        entry=given["entry_price"],
        stop=given["stop_price"],
        targets=() if target is None else (Target(target),),
        multiplier=given.get("multiplier"),
        setup_id=given.get("setup"),
        risk_percent=given.get("risk_percent"),
        risk_amount=given.get("risk_amount"),
    )


def size_given(size: PlanSize) -> dict[str, Any]:
    """A size in the contract's words."""
    return {
        "quantity": size.quantity,
        "position_value": size.position_value,
        "position_percent": size.position_percent,
        "risk_amount": size.risk_amount,
        "risk_percent": size.risk_percent,
        "reward_amount": size.allowed.reward_amount,
        "planned_r": size.planned_r,
        "bound_by": size.allowed.bound_by.value,
        "warnings": [{"code": limit_code(breach.code), "detail": breach.sentence} for breach in size.breaches],
    }


class PositionSizeViewSet(TradesViewSet):
    serializer_class = PositionSizeGiven
    changes_nothing = True
    attr_names = {"entry": "entry_price", "stop": "stop_price", "target": "target_price", "target_1": "target_price"}

    @extend_schema(
        tags=["position-size"],
        summary="Compute the size of a position",
        description="Stores nothing, and may be asked with a token to read.",
        request=PositionSizeAsked,
        responses={200: PositionSizeGiven, **errors(404)},
        examples=[
            OpenApiExample("A long", ASKED, request_only=True),
            OpenApiExample("Its size", SIZED, response_only=True),
        ],
    )
    def create(self, request: Request) -> Response:
        given = self.taken(PositionSizeAsked)
        account = found_or_404(accounts_of(request.user), given["account"])
        if given.get("setup") is not None:
            found_or_404(setups_of(request.user), given["setup"])
        size = position_size(account=account, plan=plan_asked(given), now=timezone.now())
        return Response(self.row_told(size_given(size)))
