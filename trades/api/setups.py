"""Setups: the patterns a trader waits for, with their checklist and their own risk in each account."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_view
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.idempotency import creates
from accounts.api.lookup import found_or_404
from trades.api.base import TradesViewSet
from trades.models import Setup
from trades.selectors.trades import setups_told
from trades.services.setups import (
    CriterionLine,
    RiskLine,
    SetupInput,
    setup_change,
    setup_create,
    setup_delete,
    setup_version,
)
from trenddojo.api.errors import invalid
from trenddojo.api.fields import Key, Moment, Number, NumberIn, Text, Truth, Word
from trenddojo.api.schema import ETAG, IDEMPOTENT, IF_MATCHES, errors
from trenddojo.api.serializers import Given, Taken
from trenddojo.keyset import Sort

MOST_LINES, MOST_RISKS = 40, 100
NEW = {
    "name": "Breakout",
    "description": "Out of a base on volume.",
    "criteria": [{"text": "A base of five weeks"}, {"text": "Volume twice the average"}],
    "risks": [{"account": "7c0f4ae5-56c4-4dc4-9d1f-2d8f1f0f4ae5", "risk_per_trade_percent": "0.5"}],
}
SETUP = {
    "id": "d1a5a0c8-7c3b-4f64-9a55-4c8b5c0a6d10",
    "name": "Breakout",
    "description": "Out of a base on volume.",
    "is_active": True,
    "criteria": [
        {"id": "b7a1f5de-2f9e-4a86-8d22-f0f8f2a6c7a1", "text": "A base of five weeks", "is_active": True},
        {"id": "c5d0a7e4-0f0d-4f8b-9a0b-7a8c7d3b1e02", "text": "Volume twice the average", "is_active": True},
    ],
    "risks": [
        {
            "account": "7c0f4ae5-56c4-4dc4-9d1f-2d8f1f0f4ae5",
            "risk_per_trade_percent": "0.5",
            "max_position_percent": None,
        }
    ],
    "created_at": "2026-03-01T09:12:44.018273Z",
}


class CriterionGiven(Given):
    id = Key()
    text = Text()
    is_active = Truth(help_text="False: retired, kept for the trades that answered it.")


class SetupRiskGiven(Given):
    account = Key(source="account_id")
    risk_per_trade_percent = Number(allow_null=True)
    max_position_percent = Number(allow_null=True)


class SetupGiven(Given):
    id = Key()
    name = Text()
    description = Text()
    is_active = Truth(help_text="False: not offered for new plans.")
    criteria = CriterionGiven(many=True)
    risks = SetupRiskGiven(many=True, help_text="Where it risks something else than its account.")
    created_at = Moment()


class CriterionTaken(Taken):
    id = Key(required=False, help_text="Of a line there is, so that its answers stay with it.")
    text = Text(max_length=200)
    is_active = Truth(default=True)


def _percent() -> NumberIn:
    bounds = {"min_value": Decimal("0.01"), "max_value": Decimal(100)}
    return NumberIn(max_digits=5, decimal_places=2, required=False, allow_null=True, **bounds)


class SetupRiskTaken(Taken):
    account = Key()
    risk_per_trade_percent = _percent()
    max_position_percent = _percent()


class _SetupTaken(Taken):
    description = Text(max_length=4000, required=False, allow_blank=True)
    is_active = Truth(required=False)
    criteria = CriterionTaken(many=True, required=False, help_text="All lines of the checklist, in their order.")
    risks = SetupRiskTaken(many=True, required=False, help_text="All accounts in which it has a risk of its own.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        for name, most in (("criteria", MOST_LINES), ("risks", MOST_RISKS)):
            if len(attrs.get(name, ())) > most:
                raise invalid("too_many", f"Give at most {most}.", name)
        for name, key in (("criteria", "id"), ("risks", "account")):
            keys = [line[key] for line in attrs.get(name, ()) if key in line]
            if len(set(keys)) < len(keys):
                raise invalid("given_twice", "Give each of them once.", name)
        return attrs


class SetupNew(_SetupTaken):
    name = Text(max_length=80)


class SetupChanged(_SetupTaken):
    """Whatever is not named stays as it is."""

    name = Text(max_length=80, required=False)


class SetupFilters(Taken):
    name = Text(max_length=80, required=False)
    is_active = Word(choices=[("true", "true"), ("false", "false")], required=False)


def setup_said(given: Mapping[str, Any]) -> dict[str, Any]:
    """The request in the words of SetupInput."""
    said = dict(given)
    if "criteria" in said:
        said["criteria"] = [
            CriterionLine(line["text"], number, line["is_active"], line.get("id"))
            for number, line in enumerate(said["criteria"])
        ]
    if "risks" in said:
        said["risks"] = {
            line["account"]: RiskLine(line.get("risk_per_trade_percent"), line.get("max_position_percent"))
            for line in said["risks"]
        }
    return said


EXAMPLE = OpenApiExample("A breakout", SETUP, response_only=True)


@extend_schema(tags=["setups"])
@extend_schema_view(
    list=extend_schema(summary="List setups", parameters=[SetupFilters], examples=[EXAMPLE]),
    retrieve=extend_schema(summary="Read a setup", parameters=[ETAG], examples=[EXAMPLE]),
)
class SetupViewSet(TradesViewSet):
    serializer_class = SetupGiven
    filters = SetupFilters
    orderings = {"name": Sort(("name", "id")), "created_at": Sort(("created_at", "id"))}
    default_ordering = "name"

    def list(self, request: Request) -> Response:
        wanted = self.filtered()
        if "is_active" in wanted:
            wanted["is_active"] = wanted["is_active"] == "true"
        return self.paged(setups_told(request.user).filter(**wanted))

    def retrieve(self, request: Request, pk: UUID) -> Response:
        return self.answered(self.row(request, pk))

    @extend_schema(
        summary="Make a setup",
        request=SetupNew,
        responses={201: SetupGiven, **errors(404)},
        parameters=[IDEMPOTENT],
        examples=[OpenApiExample("A breakout", NEW, request_only=True), EXAMPLE],
    )
    @creates
    def create(self, request: Request, creation_key: UUID) -> Response:
        typed = SetupInput(**setup_said(self.taken(SetupNew)))
        setup = setup_create(owner=request.user, key=creation_key, typed=typed)
        return self.answered(self.row(request, setup.pk), code=status.HTTP_201_CREATED)

    @extend_schema(
        summary="Change a setup",
        request=SetupChanged,
        parameters=[IF_MATCHES],
        examples=[OpenApiExample("Out of use", {"is_active": False}, request_only=True), EXAMPLE],
    )
    def partial_update(self, request: Request, pk: UUID) -> Response:
        setup = self.row(request, pk)
        self.check_match(setup)
        changes = setup_said(self.taken(SetupChanged))
        setup_change(owner=request.user, setup_id=pk, changes=changes, version=self.version_of(setup))
        return self.answered(self.row(request, pk))

    @extend_schema(
        summary="Delete a setup",
        description="Its trades stay, without a setup, with the checklist they were answered by.",
        responses={204: None},
        parameters=[IF_MATCHES],
    )
    def destroy(self, request: Request, pk: UUID) -> Response:
        self.check_match(self.row(request, pk))
        setup_delete(owner=request.user, setup_id=pk)
        return Response(status=status.HTTP_204_NO_CONTENT)

    def row(self, request: Request, pk: UUID) -> Setup:
        return found_or_404(setups_told(request.user), pk)

    def version_of(self, row: Any) -> str:
        return setup_version(row)
