"""What needs the trader's eyes, put aside once looked at; and what is safe to do about an order nobody knows of."""

from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.query import Flag
from brokers.api.connection_bodies import FAILED_CALL, FailedCallGiven
from trades.api.base import TradesViewSet
from trades.api.order_examples import PLACED
from trades.api.order_fields import OrderGiven
from trades.api.orders import CONFLICTS, PlacesOrders
from trades.api.position_fields import PositionGiven
from trades.execution.asking import doubt_end, order_ask
from trades.models import CallAnswer
from trades.selectors.matter_words import KINDS
from trades.selectors.matters import Matter, matters_of, with_calls
from trades.selectors.orders_told import order_told
from trades.services.matters import (
    LONGEST_KEY,
    LONGEST_STATE,
    MatterChanged,
    MatterResolved,
    matter_look_again,
    matter_put_aside,
)
from trenddojo.api.errors import Conflict
from trenddojo.api.fields import Key, Moment, Text, Whole, Word
from trenddojo.api.schema import errors
from trenddojo.api.serializers import Given, Nothing, Taken

MATTER_KINDS = [(kind, words.title) for kind, words in KINDS.items()]
DOUBT = "7d2b8a54-9a63-4a3c-8a0e-0a9a3e1c2f77"
SHOWN = {"key": f"in_doubt:{DOUBT}", "state": "0f343b0931126a20"}
EXAMPLE = {
    **SHOWN,
    "kind": "in_doubt",
    "title": KINDS["in_doubt"].title,
    "meaning": KINDS["in_doubt"].meaning,
    "account": "7c0f4ae5-56c4-4dc4-9d1f-2d8f1f0f4ae5",
    "symbol": "AAPL",
    "order": DOUBT,
    "position": None,
    "connection": "904837e3-3b76-47ec-b432-046db621571b",
    "detail": "",
    "calls": [],
    "since": "2026-11-20T15:04:05Z",
    "looked_at": None,
}
CONNECTION = "904837e3-3b76-47ec-b432-046db621571b"
FAILING = EXAMPLE | {
    "key": f"connection:{CONNECTION}",
    "state": "5d1f3a9c0b7e4826",
    "kind": "failing",
    "title": KINDS["failing"].title,
    "meaning": KINDS["failing"].meaning,
    "symbol": None,
    "order": None,
    "detail": FAILED_CALL["detail"],
    "calls": [FAILED_CALL],
    "since": "2026-03-05T14:19:00Z",
}
NONE_YET = {"stops_awaited": 0, "settling": 0}
FAILS = OpenApiExample(
    "A broker that fails", {"at": "2026-03-05T14:30:02Z", "matters": [FAILING]} | NONE_YET, response_only=True
)
WAITS = OpenApiExample(
    "An order in doubt", {"at": "2026-11-20T15:06:00Z", "matters": [EXAMPLE]} | NONE_YET, response_only=True
)
LOOKED = OpenApiExample("Looked at", {**EXAMPLE, "looked_at": "2026-11-20T15:06:00Z"}, response_only=True)
BACK = OpenApiExample("It waits again", EXAMPLE, response_only=True)
NEVER_ARRIVED = OpenApiExample(
    "Ended by its trader",
    {
        **PLACED.value,
        "status": "rejected",
        "status_reason": {"code": "never_arrived", "detail": "You decided that it never arrived."},
    },
    response_only=True,
)
# What the broker cannot be asked about, or nobody may decide yet.
NOTHING_TO_ASK = frozenset({"no_connection", "not_sent", "no_id", "not_findable", "sealed", "no_proof", "changed"})


class MatterGiven(Given):
    key = Text(help_text="Names the matter for good.")
    state = Text(help_text="A digest of how it stands: it changes when the matter does.")
    kind = Word(choices=MATTER_KINDS)
    title = Text(source="words.title")
    meaning = Text(source="words.meaning", help_text="What it means for the trader, and what to do.")
    account = Key(source="account.pk")
    symbol = Text(allow_null=True, help_text="Null where it is about a connection.")
    order = Key(source="order.pk", allow_null=True, help_text="The order it is about.")
    position = PositionGiven(allow_null=True, source="line", help_text="The position it is about.")
    connection = Key(source="connection_id", allow_null=True)
    detail = Text(help_text="What the broker said last; may be empty.")
    calls = FailedCallGiven(many=True, help_text="Of a connection that fails: the calls to the broker that failed.")
    since = Moment(allow_null=True)
    looked_at = Moment(allow_null=True, help_text="Null: it waits.")


class MattersGiven(Given):
    at = Moment(help_text="When this was read.")
    matters = MatterGiven(many=True, help_text="The most pressing first.")
    stops_awaited = Whole(help_text="Positions that no stop protects yet and that are no matter: one may follow.")
    settling = Whole(help_text="Positions that differ and are no matter: an order for them is on its way.")


class MatterFilters(Taken):
    is_looked_at = Flag(
        required=False, help_text="true: those that were looked at and have not changed since; else those that wait."
    )


class MatterNamed(Taken):
    key = Text(max_length=LONGEST_KEY)


class MatterShown(MatterNamed):
    state = Text(
        max_length=LONGEST_STATE, help_text="As it was read: a matter that has changed since is not put aside."
    )


class AskedGiven(Given):
    answer = Word(choices=CallAnswer.choices, allow_null=True, help_text="Null: no answer that says anything certain.")
    detail = Text(help_text="What the broker said; may be empty.")
    order = OrderGiven(help_text="The order as it stands now.")


@extend_schema(tags=["eyes"])
class MatterViewSet(TradesViewSet):
    serializer_class = MattersGiven
    filters = MatterFilters

    def handle_exception(self, exc: Exception) -> Response:
        if isinstance(exc, MatterResolved):
            exc = NotFound(exc.sentence)
        if isinstance(exc, MatterChanged):
            exc = Conflict(exc.sentence, exc.code)
        return super().handle_exception(exc)

    @extend_schema(
        operation_id="eyes_retrieve",
        summary="List what needs your eyes",
        description="All of it at once: orders in doubt or stuck, positions that differ or that no stop protects, and "
        "brokers that are away. What can be done: `/eyes/look/`; of an order ask, never-arrived and cancel; of a "
        "position adopt, stop and close; of a connection sync and verify.",
        parameters=[MatterFilters],
        responses=MattersGiven,
        examples=[WAITS, FAILS],
    )
    def show(self, request: Request) -> Response:
        is_looked_at = self.filtered().get("is_looked_at", False)
        found = matters_of(request.user, now=timezone.now())
        matters = with_calls(found.looked if is_looked_at else found.waiting)
        counts = {"stops_awaited": found.stops_awaited, "settling": found.settling}
        return Response(MattersGiven({"at": found.at, "matters": matters} | counts).data)

    @extend_schema(
        operation_id="eyes_look",
        summary="Put a matter aside that you looked at",
        description="It waits again when it changes. Twice is once.",
        request=MatterShown,
        responses={200: MatterGiven, **errors(404, on_409="It has changed since you looked: read it again.")},
        examples=[OpenApiExample("As it was shown", SHOWN, request_only=True), LOOKED],
    )
    def look(self, request: Request) -> Response:
        said = self.taken(MatterShown)
        return _given(matter_put_aside(owner=request.user, now=timezone.now(), **said))

    @extend_schema(
        operation_id="eyes_look_again",
        summary="Let a matter wait again",
        request=MatterNamed,
        responses={200: MatterGiven, **errors(404)},
        examples=[OpenApiExample("One that was put aside", {"key": SHOWN["key"]}, request_only=True), BACK],
    )
    def look_again(self, request: Request) -> Response:
        said = self.taken(MatterNamed)
        return _given(matter_look_again(owner=request.user, now=timezone.now(), **said))


def _given(matter: Matter) -> Response:
    return Response(MatterGiven(*with_calls([matter])).data)


@extend_schema(tags=["orders"])
class UnclearOrderViewSet(PlacesOrders):
    conflicts = CONFLICTS | NOTHING_TO_ASK

    @extend_schema(
        operation_id="orders_ask",
        summary="Ask the broker now how an order stands",
        description="Asks only, whatever comes back: nothing is sent a second time. 409 where there is nothing or "
        "nobody to ask.",
        request=None,
        responses={200: AskedGiven, **errors(on_409="There is nothing or nobody to ask; the sentence says why.")},
        examples=[
            OpenApiExample(
                "The broker shows it", {"answer": "shown", "detail": "", "order": PLACED.value}, response_only=True
            )
        ],
    )
    def ask(self, request: Request, pk: UUID) -> Response:
        self.taken(Nothing)
        call = order_ask(owner=request.user, order_id=pk, now=timezone.now())
        told = {
            "answer": call.answer or None if call else None,
            "detail": call.sentence if call else "",
            "order": order_told(request.user, pk),
        }
        return Response(AskedGiven(told).data)

    @extend_schema(
        operation_id="orders_never_arrived",
        summary="Decide that an order in doubt never arrived",
        description="Only where the broker's own word allows it. It ends as rejected and is not sent again; should "
        "the broker show it after all, it counts again.",
        request=None,
        responses={200: OrderGiven, **errors(on_409="The evidence does not allow it, or something has just happened.")},
        examples=[NEVER_ARRIVED],
    )
    def never_arrived(self, request: Request, pk: UUID) -> Response:
        self.taken(Nothing)
        doubt_end(owner=request.user, order_id=pk, now=timezone.now())
        return self.answered(order_told(request.user, pk))
