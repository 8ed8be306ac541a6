"""Screenshots of trades and of the journal's days: taken in, listed, read, deleted."""

from typing import Any
from uuid import UUID

from django.http import FileResponse
from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_view
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.idempotency import creates
from accounts.api.lookup import found_or_404
from trades.api.uploads import UploadViewSet
from trades.models import Screenshot
from trades.pictures import CONTENT_TYPES, MOST_BYTES, too_large
from trades.selectors.journal import screenshots_of
from trades.services.screenshots import MOST_PER_PAGE, screenshot_add, screenshot_delete
from trades.serving import content_type_of, picture_served
from trenddojo.api.errors import invalid
from trenddojo.api.fields import Day, Key, Moment, Text, Whole, Word
from trenddojo.api.schema import ETAG, IDEMPOTENT, errors
from trenddojo.api.serializers import Given, Taken

LONGEST_CAPTION = 200
MEGABYTES = MOST_BYTES // 1024 // 1024
KINDS = [(kind, kind) for kind in CONTENT_TYPES.values()]
SCREENSHOT = {
    "id": "8d2f4ae5-56c4-4dc4-9d1f-2d8f1f0f4ae5",
    "trade": "9b2f7c1e-0d5e-4b58-a0de-93bb0c3c1f42",
    "day": None,
    "caption": "Out of the base on volume",
    "content_type": "image/png",
    "width": 1600,
    "height": 900,
    "byte_size": 184223,
    "created_at": "2026-03-05T15:02:11.402117Z",
}
EXAMPLE = OpenApiExample("Of a trade", SCREENSHOT, response_only=True)


class KindWord(Word):
    def get_attribute(self, instance: Screenshot) -> str:
        return content_type_of(instance)


class ScreenshotGiven(Given):
    id = Key()
    trade = Key(source="trade_id", allow_null=True)
    day = Day(source="journal_day.day", allow_null=True, help_text="The journal's day; null for one of a trade.")
    caption = Text()
    content_type = KindWord(choices=KINDS)
    width = Whole()
    height = Whole()
    byte_size = Whole()
    created_at = Moment()


class ScreenshotNew(Taken):
    """The image comes last: a file over the limit ends the reading of the form."""

    trade = Key(required=False, help_text="The trade it is of, or else `day`.")
    day = Day(required=False, help_text="The journal's day it is of; its page is made where there is none.")
    caption = Text(max_length=LONGEST_CAPTION, allow_blank=True, default="")
    image = serializers.FileField(
        use_url=False,
        help_text=f"PNG, JPEG or WebP, {MEGABYTES} MB and 40 megapixels at most. Give it as the form's last field.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("trade" in attrs) == ("day" in attrs):
            raise invalid("trade_or_day", "Say which trade or which day it is of: give one of the two.")
        return attrs


class ScreenshotFilters(Taken):
    trade = Key(required=False)
    day = Day(required=False, help_text="The journal's day.")


COLUMNS = {"trade": "trade_id", "day": "journal_day__day"}


class PictureRenderer(BaseRenderer):
    """Names the media types; what is rendered are refusals, which are JSON as everywhere."""

    media_type = "image/*"
    format = "picture"

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:
        return JSONRenderer().render(data, accepted_media_type, renderer_context)


@extend_schema(tags=["screenshots"])
@extend_schema_view(
    list=extend_schema(summary="List screenshots", parameters=[ScreenshotFilters], examples=[EXAMPLE]),
    retrieve=extend_schema(summary="Read what is known of a screenshot", parameters=[ETAG], examples=[EXAMPLE]),
)
class ScreenshotViewSet(UploadViewSet):
    serializer_class = ScreenshotGiven
    filters = ScreenshotFilters
    most_bytes = MOST_BYTES
    too_large = too_large().sentence

    def list(self, request: Request) -> Response:
        wanted = {COLUMNS[name]: value for name, value in self.filtered().items()}
        return self.paged(screenshots_of(request.user).filter(**wanted))

    def retrieve(self, request: Request, pk: UUID) -> Response:
        return self.answered(self.row(request, pk))

    @extend_schema(
        summary="Upload a screenshot",
        description="Kept is a picture encoded anew: upright, and without what cameras write beside it. A trade and a "
        f"day have {MOST_PER_PAGE} at most.",
        request={"multipart/form-data": ScreenshotNew},
        responses={201: ScreenshotGiven, **errors(404, on_413=f"The picture is larger than {MEGABYTES} MB.")},
        parameters=[IDEMPOTENT],
        examples=[EXAMPLE],
    )
    @creates
    def create(self, request: Request, creation_key: UUID) -> Response:
        given = self.uploaded(request, ScreenshotNew)
        made = screenshot_add(
            owner=request.user,
            key=creation_key,
            upload=given["image"],
            caption=given["caption"],
            trade_id=given.get("trade"),
            day=given.get("day"),
        )
        return self.answered(self.row(request, made.pk), code=status.HTTP_201_CREATED)

    @extend_schema(summary="Delete a screenshot", description="It cannot be brought back.", responses={204: None})
    def destroy(self, request: Request, pk: UUID) -> Response:
        self.row(request, pk)
        screenshot_delete(owner=request.user, screenshot_id=pk)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(
        summary="Read a screenshot's picture",
        description="Its bytes, with the `content_type` it tells. A picture never changes.",
        responses={(200, kind): OpenApiTypes.BINARY for kind in CONTENT_TYPES.values()},
    )
    @action(detail=True, methods=["get"], renderer_classes=[PictureRenderer])
    def image(self, request: Request, pk: UUID) -> FileResponse:
        return picture_served(self.row(request, pk))

    def row(self, request: Request, pk: UUID) -> Screenshot:
        return found_or_404(screenshots_of(request.user), pk)

    def finalize_response(self, request: Request, response: HttpResponseBase, *args: Any, **options: Any) -> Any:
        if isinstance(response, Response):
            # Also where a picture was asked for: what is no picture is said in JSON.
            response.content_type = "application/json"
        return super().finalize_response(request, response, *args, **options)
