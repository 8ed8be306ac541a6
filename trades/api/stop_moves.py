"""Stops of trades noted in the journal: where one lay since when."""

from uuid import UUID

from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from trades.api.trades import ReadsTrades
from trades.api.trades_answers import TRADE_EXAMPLE, TradeGiven
from trades.services.stops import stop_move
from trenddojo.api.fields import Moment, NumberIn, Text
from trenddojo.api.schema import IF_MATCHES, errors
from trenddojo.api.serializers import Taken

LONGEST_NOTE = 200
TRADE = OpenApiParameter("trade", OpenApiTypes.UUID, OpenApiParameter.PATH, description="The trade's id.")
SINCE_ENTRY = OpenApiExample(
    "The stop it was opened with",
    {"price": "182.00", "moved_at": "2026-03-02T15:01:00Z", "note": "Below the base"},
    request_only=True,
)


class StopNoted(Taken):
    price = NumberIn()
    moved_at = Moment(required=False, help_text="In force since then; without it: now.")
    note = Text(max_length=LONGEST_NOTE, required=False, allow_blank=True)


@extend_schema(tags=["trades"], parameters=[TRADE])
class StopMoveViewSet(ReadsTrades):
    @extend_schema(
        operation_id="trades_stop_moves_create",
        summary="Note where a stop lay",
        description="In the journal alone, of a trade that is or was open; no order is placed or moved. A first stop "
        "from no later than the first execution is the one the trade was opened with, and gives it an R. The stop at a "
        "broker is moved by `PATCH /trades/{id}/` or `/positions/stop/`.",
        request=StopNoted,
        responses={200: TradeGiven, **errors(on_409="Nothing was filled yet, or the plan was cancelled.")},
        parameters=[IF_MATCHES],
        examples=[SINCE_ENTRY, TRADE_EXAMPLE],
    )
    def create(self, request: Request, trade: UUID) -> Response:
        row = self.row(request, trade)
        self.check_match(row)
        said, now = self.taken(StopNoted), timezone.now()
        stop_move(
            owner=request.user,
            trade_id=trade,
            price=said["price"],
            moved_at=said.get("moved_at", now),
            note=said.get("note", ""),
            version=row.version,
            now=now,
        )
        return self.answered(self.row(request, trade))
