"""Executions of a trade: added, corrected, taken away. The trade's figures follow at once."""

from uuid import UUID

from django.http import Http404
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.idempotency import creates
from trades.api.executions_bodies import ExecutionChanged, ExecutionNew, fill_changed, fill_input
from trades.api.trades import ReadsTrades
from trades.api.trades_answers import EXECUTION_EXAMPLE, ExecutionGiven
from trades.models import Fill, Trade
from trades.services.fills import fill_create, fill_delete, fill_edit
from trenddojo.api.errors import Conflict
from trenddojo.api.schema import ETAG, IDEMPOTENT, IF_MATCHES, errors
from trenddojo.domain.errors import FillError

TOLD = "The broker told it."

TRADE = OpenApiParameter("trade", OpenApiTypes.UUID, OpenApiParameter.PATH, description="The trade's id.")
ID = OpenApiParameter("id", OpenApiTypes.UUID, OpenApiParameter.PATH, description="The execution's id.")


@extend_schema(tags=["trades"], parameters=[TRADE])
@extend_schema_view(partial_update=extend_schema(parameters=[ID]), destroy=extend_schema(parameters=[ID]))
class ExecutionViewSet(ReadsTrades):
    """`ETag` and `If-Match` are the trade's: its executions are part of it."""

    attr_names = {}

    def handle_exception(self, exc: Exception) -> Response:
        if self.action == "destroy" and isinstance(exc, FillError):
            exc = Conflict(exc.sentence, exc.code)
        return super().handle_exception(exc)

    @extend_schema(
        summary="Record an execution",
        description="Costs that are not said are estimated by the broker's schedule. `ETag` is the trade's.",
        request=ExecutionNew,
        responses={201: ExecutionGiven, **errors(on_409="The plan was cancelled.")},
        parameters=[IDEMPOTENT, ETAG],
        examples=[
            OpenApiExample(
                "A purchase",
                {"side": "buy", "quantity": "160", "price": "187.45", "executed_at": "2026-03-04T15:31:05Z"},
                request_only=True,
            ),
            EXECUTION_EXAMPLE,
        ],
    )
    @creates
    def create(self, request: Request, trade: UUID, creation_key: UUID) -> Response:
        said = fill_input(self.taken(ExecutionNew))
        fill = fill_create(
            owner=request.user, trade_id=trade, given=said, creation_key=creation_key, now=timezone.now()
        )
        return self.told(self.row(request, trade), fill.pk, code=status.HTTP_201_CREATED)

    @extend_schema(
        summary="Correct an execution",
        description="Of one the broker told only the costs can change: 409 otherwise. `If-Match` is the trade's.",
        request=ExecutionChanged,
        responses={200: ExecutionGiven, **errors(on_409=TOLD)},
        parameters=[IF_MATCHES, ETAG],
        examples=[OpenApiExample("Another price", {"price": "187.40"}, request_only=True), EXECUTION_EXAMPLE],
    )
    def partial_update(self, request: Request, trade: UUID, pk: UUID) -> Response:
        row = self.row(request, trade)
        self.check_match(row)
        said = fill_changed(execution_of(row, pk), self.taken(ExecutionChanged))
        fill_edit(owner=request.user, fill_id=pk, given=said, version=row.version, now=timezone.now())
        return self.told(self.row(request, trade), pk)

    @extend_schema(
        summary="Take an execution away",
        description="Without its last one a trade is a plan again. One the broker told stays: 409.",
        responses={204: None, **errors(on_409=f"{TOLD} Or exits are recorded that need it.")},
        parameters=[IF_MATCHES],
    )
    def destroy(self, request: Request, trade: UUID, pk: UUID) -> Response:
        row = self.row(request, trade)
        self.check_match(row)
        execution_of(row, pk)
        fill_delete(owner=request.user, fill_id=pk, version=row.version)
        return Response(status=status.HTTP_204_NO_CONTENT)

    def told(self, trade: Trade, pk: UUID, *, code: int = status.HTTP_200_OK) -> Response:
        """One execution, with its trade's version."""
        fill = execution_of(trade, pk)
        return Response(ExecutionGiven(fill).data, code, headers={"ETag": self.etag_of(trade)})


def execution_of(trade: Trade, pk: UUID) -> Fill:
    """The execution of this trade, read with it. Raises Http404."""
    found = next((fill for fill in trade.fills.all() if fill.pk == pk), None)
    if found is None:
        raise Http404
    return found
