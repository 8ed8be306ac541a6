"""A trade's history: who changed what, when, and what it was before."""

from typing import Any
from uuid import UUID

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from trades.api.base import TradesViewSet
from trades.api.trades_answers import TextOrNone
from trades.models import AuditEntry
from trades.selectors.history import LONGEST, Wording, history_lines, trade_entries
from trades.selectors.trade_page import trade_for
from trenddojo.api.fields import Key, Moment, Text, plain
from trenddojo.api.serializers import Given
from trenddojo.keyset import Sort

TRADE = OpenApiParameter("trade", OpenApiTypes.UUID, OpenApiParameter.PATH, description="The trade's id.")
FOR_PROGRAMS = Wording(moment=Moment().to_representation, number=plain)
EXAMPLE = {
    "id": "5d1f4ae5-56c4-4dc4-9d1f-2d8f1f0f4ae5",
    "at": "2026-03-05T14:30:00Z",
    "who": "alice",
    "action": "stop.moved",
    "what": "Stop moved",
    "changes": [{"field": "stop_loss", "name": "Stop", "before": "182", "after": "184.5"}],
}


class ChangeGiven(Given):
    field = Text(help_text="What was changed, for programs.")
    name = Text(help_text="For people.")
    before = TextOrNone(allow_null=True, help_text=f"Null for nothing; of a text the first {LONGEST} characters.")
    after = TextOrNone(allow_null=True)


class HistoryEntryGiven(Given):
    id = Key()
    at = Moment()
    who = Text(help_text="A user's name, or who else it was: the broker, somebody who left.")
    action = Text(help_text="Noun and verb, as fill.edited.")
    what = Text(help_text="The action for people.")
    changes = ChangeGiven(many=True, source="changed", help_text="What the trader said; what is computed follows it.")


@extend_schema(tags=["trades"], parameters=[TRADE])
class TradeHistoryViewSet(TradesViewSet):
    serializer_class = HistoryEntryGiven
    queryset = AuditEntry.objects.none()
    orderings = {"at": Sort(("at", "id"))}
    default_ordering = "-at"

    @extend_schema(
        summary="List what was done to a trade",
        description="Every change of its plan, executions, stop, notes and tags. Entries are only ever added.",
        examples=[OpenApiExample("A stop was moved", EXAMPLE, response_only=True)],
    )
    def list(self, request: Request, trade: UUID) -> Response:
        self.filtered()
        return self.paged(trade_entries(trade_for(request.user, trade)))

    def rows_told(self, rows: Any) -> Any:
        return super().rows_told(history_lines(rows, wording=FOR_PROGRAMS))
