"""Tags, mistakes and emotions put on many trades at once, and taken off."""

from collections.abc import Sequence
from typing import Any, Final

from django.db.models import QuerySet
from django.http import QueryDict
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import User
from trades.api.base import TradesViewSet
from trades.forms.lists import LONGEST_QUERY, MOST_CHOSEN, filter_said
from trades.models import TagKind, Trade
from trades.selectors.trades import trades_chosen
from trades.services.tags import LONGEST_NAME, MOST_NAMES, names_kept, trades_tag
from trenddojo.api.errors import invalid
from trenddojo.api.fields import Key, Text, Whole, Word
from trenddojo.api.schema import errors
from trenddojo.api.serializers import Given, Taken
from trenddojo.middleware import zone_of

WAYS: Final = ("add", "remove")
_TRADE = "8d0a4ae5-56c4-4dc4-9d1f-2d8f1f0f4ae5"
TWO_WORDS = OpenApiExample(
    "Another word for one trade", {"trades": [_TRADE], "add": ["breakout"], "remove": ["gap"]}, request_only=True
)
BY_FILTER = OpenApiExample(
    "A mistake on whatever a filter finds",
    {"query": "status=closed&outcome=loss&from=2026-01-01", "kind": "mistake", "add": ["Chased the entry"]},
    request_only=True,
)


def _names(help_text: str) -> serializers.ListField:
    return serializers.ListField(
        child=Text(max_length=LONGEST_NAME), required=False, max_length=MOST_NAMES, help_text=help_text
    )


class TradesTagging(Taken):
    """Which trades, by their ids or by a filter, and which words."""

    trades = serializers.ListField(
        child=Key(), required=False, min_length=1, max_length=MOST_CHOSEN, help_text="Either these,"
    )
    query = Text(
        max_length=LONGEST_QUERY,
        required=False,
        allow_blank=True,
        help_text="or all that the trades list shows at an address with this query; empty: all of your trades.",
    )
    kind = Word(choices=TagKind.choices, default=TagKind.TAG)
    add = _names("Names; those there are none of are made.")
    remove = _names("Names.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("trades" in attrs) == ("query" in attrs):
            raise invalid("one_of_two", "Give either trades or query.", "trades")
        return attrs


class TaggedGiven(Given):
    changed = Whole(help_text="How many trades that changed.")


@extend_schema(tags=["trades"])
class TradeTaggingViewSet(TradesViewSet):
    serializer_class = TaggedGiven

    @extend_schema(
        operation_id="trades_tag",
        summary="Tag many trades",
        description="Puts words on trades and takes others off, all or none. Twice is once. The `ETag` of each "
        "changed trade changes.",
        request=TradesTagging,
        responses={200: TaggedGiven, **errors(on_404="One of the trades is not yours, or gone.")},
        examples=[
            TWO_WORDS,
            BY_FILTER,
            OpenApiExample("Twelve trades changed", {"changed": 12}, response_only=True),
        ],
    )
    def tag(self, request: Request) -> Response:
        said = self.taken(TradesTagging)
        words = _words(said)
        trades = _meant(request.user, said)
        changed = trades_tag(owner=request.user, trades=trades, kind=said["kind"], **words)
        return Response(TaggedGiven({"changed": changed}).data)


def _words(said: dict[str, Any]) -> dict[str, Sequence[str]]:
    """The names as they are kept. Raises TagError with the field, and ValidationError where nothing is said."""
    words = {way: names_kept(said.get(way, ()), field=way) for way in WAYS}
    if not any(words.values()):
        raise invalid("nothing_named", "Name at least one word with a letter or digit.", "add")
    both = {name.casefold() for name in words["add"]} & {name.casefold() for name in words["remove"]}
    if both:
        raise invalid("both_ways", "A word is put on or taken off, not both.", "remove")
    return words


def _meant(user: User, said: dict[str, Any]) -> QuerySet[Trade]:
    """Raises Http404 for a trade that is another's, and FilterError for a filter with something unusable."""
    if "trades" in said:
        return trades_chosen(user, said["trades"])
    # Its days are the trader's, as on the page.
    with timezone.override(zone_of(user)):
        return filter_said(QueryDict(said["query"]), owner=user).qs
