"""What happens, as it happens: a stream of server-sent events."""

from typing import Any

from django.http import HttpResponse
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.exceptions import Throttled
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.event_access import Follower
from accounts.api.event_hub import hub
from accounts.api.event_message import MESSAGE
from accounts.models import EventSubject
from accounts.services.stream_places import KEPT_SECONDS, place_take
from trenddojo.api.errors import Unavailable, invalid
from trenddojo.api.schema import errors
from trenddojo.handover import HandedOver, can_hand_over

MEDIA_TYPE = "text/event-stream"
HEADERS = {
    # A proxy that gathers or compresses would hold events back; nginx understands the second.
    "Cache-Control": "no-cache, no-transform",
    "X-Accel-Buffering": "no",
}
HEADER = "Last-Event-ID"
QUERY = frozenset({"types", "last_event_id"})
# More digits than a number of an event will ever have.
LONGEST = 18
# Empty as a browser's is that has seen none.
PLACE = {"type": "string", "pattern": f"^[0-9]{{0,{LONGEST}}}$"}
EXAMPLE = """retry: 2000

id: 4710

id: 4711
event: order.changed
data: {"id":4711,"type":"order.changed","at":"2026-11-20T14:30:59.120000Z","object":\
{"id":"9b2f7c1e-0d5e-4b58-a0de-93bb0c3c1f42","account":"5f0c8d3e-6a0b-4a43-8f0e-2f8b7f8d1a11","symbol":"SPY",\
"status":"filled","filled_quantity":"100","version":4}}

: heartbeat
id: 4711

"""
DESCRIPTION = """Orders, positions, trades and notifications of yours that came to be, changed or went, as soon as they
are committed. `object` is what tells whether it is worth reading the object anew; `object.id` is null where one
statement changed very many: read the list.

Every message has an `id`. Send the last one you saw as `Last-Event-ID` when you connect again, and nothing is missing
or told twice; an `EventSource` does so by itself. A message without data only moves that place on. Without an id the
stream begins with what happens from now on. The event `reset` says that what happened in between is not kept any more
(it is for seven days): read everything anew, and go on following.

A heartbeat comes every 15 seconds. The stream ends after an hour, and within 20 seconds of the end of its token or
session: connect again. Each user may have ten streams open."""


class EventStreamRenderer(BaseRenderer):
    """Names the media type; what is rendered are refusals, which are JSON as everywhere."""

    media_type = MEDIA_TYPE
    format = "events"

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:
        return JSONRenderer().render(data, accepted_media_type, renderer_context)


class EventsView(APIView):
    """Answers with a connection that the hub writes to."""

    renderer_classes = [EventStreamRenderer]

    @extend_schema(
        operation_id="events_stream",
        summary="Follow what happens",
        description=DESCRIPTION,
        tags=["events"],
        parameters=[
            OpenApiParameter(
                HEADER,
                PLACE,
                OpenApiParameter.HEADER,
                description="The last id you saw. Goes before `last_event_id`.",
            ),
            OpenApiParameter(
                "last_event_id",
                PLACE,
                description="The same, for programs that cannot send the header.",
            ),
            OpenApiParameter(
                "types",
                {"type": "array", "items": {"type": "string", "enum": EventSubject.values}, "minItems": 1},
                style="form",
                explode=False,
                description="Only these subjects, separated by commas; all without it.",
            ),
        ],
        responses={
            (200, MEDIA_TYPE): OpenApiResponse(
                MESSAGE,
                description="Messages until either side ends the connection.",
                examples=[
                    OpenApiExample("An order is filled", value=EXAMPLE, response_only=True, status_codes=["200"])
                ],
            ),
            **errors(400),
        },
    )
    def get(self, request: Request) -> HttpResponse:
        asked = _asked(request)
        if not can_hand_over(request.META):
            raise Unavailable("This server has no event stream: ask the desk's own web process.", "no_stream")
        if not hub().has_room():
            raise Unavailable("This process has no room for another stream: try again in a while.", wait=5)
        place = place_take(request.user.pk)
        if place is None:
            raise Throttled(KEPT_SECONDS, "You have ten event streams open: close one first.", "too_many_streams")
        token_id = None if request.auth is None else request.auth.pk
        follower = Follower(request.user.pk, place, token_id, _session_key(request), **asked)
        return HandedOver(lambda link, head: hub().take(link, head, follower), content_type=MEDIA_TYPE, headers=HEADERS)

    def head(self, request: Request) -> HttpResponse:
        """What a stream would begin with; none is opened."""
        _asked(request)
        return HttpResponse(content_type=MEDIA_TYPE, headers=HEADERS)

    def finalize_response(self, request: Request, response: Any, *args: Any, **options: Any) -> Any:
        if isinstance(response, Response):
            response.content_type = "application/json"
        return super().finalize_response(request, response, *args, **options)


def _asked(request: Request) -> dict[str, Any]:
    """The place and the subjects. Raises ValidationError."""
    for name in request.query_params:
        if name not in QUERY:
            raise invalid("unknown_field", "There is no such parameter.", name)
        if len(request.query_params.getlist(name)) > 1:
            raise invalid("given_twice", "Give this once.", name)
    # The header is the newer word: a browser that connects again keeps the address it began with.
    newer = _place(request.headers.get(HEADER, ""))
    older = _place(request.query_params.get("last_event_id", ""))
    return {"after": older if newer is None else newer, "subjects": _subjects(request.query_params.get("types"))}


def _place(text: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= LONGEST):
        raise invalid("invalid", "This is no id of an event: send the last one you saw, or none.", "last_event_id")
    return int(text)


def _subjects(text: str | None) -> frozenset[str]:
    if text is None:
        return frozenset()
    words = frozenset(text.split(","))
    if not words <= frozenset(EventSubject.values):
        sentence = f"Name some of {', '.join(EventSubject.values)}, separated by commas."
        raise invalid("invalid_choice", sentence, "types")
    return words


def _session_key(request: Request) -> str | None:
    return None if request.auth is not None else request.session.session_key
