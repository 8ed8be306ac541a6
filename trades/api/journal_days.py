"""The journal's pages of days: the plan before, the review after."""

from dataclasses import replace
from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_view
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.base import ApiViewSet
from accounts.api.idempotency import creates
from accounts.api.lookup import found_or_404
from trades.api.trades_bodies import LONGEST_NOTE
from trades.models import JournalDay
from trades.selectors.journal import journal_days_of
from trades.services.journal import DayNotes, day_save, tags_chosen, words_of
from trades.services.tags import MOST_NAMES
from trenddojo.api.fields import Day, Key, Moment, Text, Whole
from trenddojo.api.schema import ETAG, IDEMPOTENT, IF_MATCHES, errors
from trenddojo.api.serializers import Given, Taken
from trenddojo.keyset import Sort

SAID = {"day": "2026-03-05", "plan": "Wait for the open to settle.", "review": "", "rating": None, "tags": []}
EXAMPLE = {
    "id": "3f0f4ae5-56c4-4dc4-9d1f-2d8f1f0f4ae5",
    **SAID,
    "created_at": "2026-03-05T13:05:00Z",
    "updated_at": "2026-03-05T13:05:00Z",
}


def _note() -> Text:
    return Text(max_length=LONGEST_NOTE, allow_blank=True, required=False, help_text="Markdown.")


class JournalDayGiven(Given):
    id = Key()
    day = Day()
    plan = Text(help_text="Markdown.")
    review = Text(help_text="Markdown.")
    rating = Whole(allow_null=True)
    tags = serializers.SerializerMethodField(help_text="Ids of its tags, mistakes and emotions.")
    created_at = Moment()
    updated_at = Moment()

    def get_tags(self, row: JournalDay) -> list[UUID]:
        return [tag.pk for tag in row.tags.all()]


class JournalDayChange(Taken):
    """Whatever is not named stays as it is."""

    plan = _note()
    review = _note()
    rating = Whole(min_value=1, max_value=5, required=False, allow_null=True)
    tags = serializers.ListField(
        child=Key(), required=False, max_length=3 * MOST_NAMES, help_text="Ids of tags: all that are to be on it."
    )


class JournalDayNew(JournalDayChange):
    day = Day()


class JournalDayFilters(Taken):
    day = Day(required=False)


@extend_schema(tags=["journal-days"], examples=[OpenApiExample("A plan", EXAMPLE, response_only=True)])
@extend_schema_view(
    list=extend_schema(summary="List the journal's days", parameters=[JournalDayFilters]),
    retrieve=extend_schema(summary="Read a day of the journal", parameters=[ETAG]),
)
class JournalDayViewSet(ApiViewSet):
    serializer_class = JournalDayGiven
    queryset = JournalDay.objects.none()
    filters = JournalDayFilters
    orderings = {"day": Sort(("day", "id"))}
    default_ordering = "-day"

    def list(self, request: Request) -> Response:
        return self.paged(journal_days_of(request.user).filter(**self.filtered()))

    def retrieve(self, request: Request, pk: UUID) -> Response:
        return self.answered(self.row(request, pk))

    @extend_schema(
        summary="Write the page of a day",
        description="A day has one page: where something else is written on it already, the answer is 409.",
        request=JournalDayNew,
        responses={201: JournalDayGiven, **errors(404)},
        parameters=[IDEMPOTENT],
        examples=[OpenApiExample("A plan", {"day": SAID["day"], "plan": SAID["plan"]}, request_only=True)],
    )
    @creates
    def create(self, request: Request, creation_key: UUID) -> Response:  # noqa: ARG002 - the day is the key
        said = self.taken(JournalDayNew)
        day = said.pop("day")
        page = day_save(owner=request.user, day=day, version=0, notes=_notes(request, DayNotes(), said))
        return self.answered(self.row(request, page.pk), code=status.HTTP_201_CREATED)

    @extend_schema(
        summary="Write on in the page of a day",
        request=JournalDayChange,
        responses={200: JournalDayGiven, **errors(404)},
        parameters=[IF_MATCHES],
        examples=[OpenApiExample("A review", {"review": "Did so.", "rating": 4}, request_only=True)],
    )
    def partial_update(self, request: Request, pk: UUID) -> Response:
        page = self.row(request, pk)
        self.check_match(page)
        known = DayNotes(page.plan, page.review, page.rating, words_of(page.tags.all()))
        notes = _notes(request, known, self.taken(JournalDayChange))
        day_save(owner=request.user, day=page.day, version=page.version, notes=notes)
        return self.answered(self.row(request, pk))

    def row(self, request: Request, pk: UUID) -> JournalDay:
        return found_or_404(journal_days_of(request.user), pk)


def _notes(request: Request, known: DayNotes, said: dict[str, Any]) -> DayNotes:
    """What is known with what is said; tags are named by their ids. Raises Http404 for another's tag."""
    told = dict(said)
    if "tags" in told:
        told["words"] = words_of(tags_chosen(request.user, told.pop("tags")))
    return replace(known, **told)
