"""A trader's own price bars, brought in files: series of them, for symbols and accounts without a feed."""

from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_view
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.idempotency import creates
from accounts.api.lookup import found_or_404
from accounts.models import timezone_choices
from brokers.models import BarSeries
from brokers.services.bars import BAR_SIZES
from trades.api.uploads import MARGIN, UploadViewSet, file_refusals
from trades.forms.bars import splits_of
from trades.imports.bar_file import MAX_BARS, MAX_BYTES, NOT_AS_CHOSEN, SENTENCES, bars_read
from trades.imports.mapping import DATE_ORDERS
from trades.selectors.bars import series_told, trades_in
from trades.services.own_bars import bars_keep, series_delete
from trenddojo.api.fields import Day, Key, Moment, Number, Text, Whole, Word
from trenddojo.api.schema import ETAG, IDEMPOTENT, errors
from trenddojo.api.serializers import Given, Taken
from trenddojo.domain.instruments import validate_symbol
from trenddojo.keyset import Sort

MEGABYTES = MAX_BYTES // 1024 // 1024
SERIES = {
    "id": "2a6f4ae5-56c4-4dc4-9d1f-2d8f1f0f4ae5",
    "symbol": "NVDA",
    "timeframe": "1Day",
    "count": 2516,
    "first_at": "2014-01-02T05:00:00Z",
    "last_at": "2023-12-29T05:00:00Z",
    "file_name": "nvda.csv",
    "splits": [{"effective_on": "2021-07-20", "ratio": "4"}],
    "created_at": "2026-03-05T08:00:11.402117Z",
    "updated_at": "2026-03-05T08:00:11.402117Z",
}
WITHIN = {"trades": {"all": 12, "measured": 0, "waiting": 12}}
ONE = OpenApiExample("Ten years of days", {**SERIES, **WITHIN}, response_only=True)


class SplitGiven(Given):
    effective_on = Day(help_text="The first day in new shares.")
    ratio = Number(help_text="New shares for one old.")


class BarSeriesGiven(Given):
    id = Key()
    symbol = Text()
    timeframe = Word(choices=[*BAR_SIZES.items()])
    count = Whole(help_text="Bars.")
    first_at = Moment(help_text="When the first bar begins.")
    last_at = Moment(help_text="When the last bar begins.")
    file_name = Text(help_text="Of the last file.")
    splits = SplitGiven(source="splits.all", many=True)
    created_at = Moment()
    updated_at = Moment()


class TradesWithin(Given):
    all = Whole()
    measured = Whole(help_text="Whose MAE and MFE are known.")
    waiting = Whole(help_text="Which are measured anew in a while.")


class BarSeriesTold(BarSeriesGiven):
    trades = TradesWithin(help_text="Closed trades in the symbol while these bars last.")


class BarSeriesBrought(BarSeriesTold):
    bars_read = Whole(help_text="Bars of the file.")
    lines_left_out = Whole(help_text="Lines without a trade.")


class BarSeriesNew(Taken):
    """The file comes last: one over the limit ends the reading of the form."""

    symbol = Text(max_length=64, help_text="As your trades name it.")
    timeframe = Word(choices=[*BAR_SIZES.items()], default="", help_text="Without it, found out from the times.")
    timezone = Text(max_length=64, help_text="As America/New_York. Times that name their own zone keep it.")
    date_order = Word(choices=[*DATE_ORDERS.items()], default="mdy")
    splits = Text(
        max_length=2000,
        allow_blank=True,
        trim_whitespace=False,
        default="",
        help_text="Splits inside these bars, one a line: the first day in new shares, and new shares for old ones, "
        "such as 2014-06-09 7:1.",
    )
    file = serializers.FileField(
        use_url=False,
        allow_empty_file=True,
        help_text=f"CSV, {MEGABYTES} MB and {MAX_BARS:,} bars of one symbol at most, as they were traded. Give it as "
        "the form's last field.",
    )

    def validate_symbol(self, text: str) -> str:
        return validate_symbol(text)

    def validate_timezone(self, name: str) -> str:
        if name not in dict(timezone_choices()):
            raise serializers.ValidationError("There is no such time zone.", "unknown_timezone")
        return name

    def validate_splits(self, text: str) -> list[tuple[date, Decimal]]:
        return splits_of(text)


class BarSeriesFilters(Taken):
    symbol = Text(max_length=64, required=False)
    timeframe = Word(choices=[*BAR_SIZES.items()], required=False)


@extend_schema(tags=["bar-series"])
@extend_schema_view(
    list=extend_schema(
        summary="List your own price bars",
        parameters=[BarSeriesFilters],
        examples=[OpenApiExample("Ten years of days", SERIES, response_only=True)],
    ),
    retrieve=extend_schema(
        summary="Read about a series of bars", responses=BarSeriesTold, parameters=[ETAG], examples=[ONE]
    ),
)
class BarSeriesViewSet(UploadViewSet):
    serializer_class = BarSeriesGiven
    filters = BarSeriesFilters
    orderings = {"symbol": Sort(("symbol", "timeframe", "id")), "created_at": Sort(("created_at", "id"))}
    default_ordering = "symbol"
    most_bytes = MAX_BYTES + MARGIN
    too_large = SENTENCES["too_large"]

    def list(self, request: Request) -> Response:
        wanted = self.filtered()
        if "symbol" in wanted:
            wanted["symbol"] = wanted["symbol"].upper()
        return self.paged(series_told(request.user).filter(**wanted))

    def retrieve(self, request: Request, pk: UUID) -> Response:
        return self.answered(self.row(request, pk))

    @extend_schema(
        summary="Bring price bars in a file",
        description="All of the file or nothing. A bar that is there already takes the file's prices. Closed trades in "
        "the symbol are measured anew.",
        request={"multipart/form-data": BarSeriesNew},
        responses={201: BarSeriesBrought, **errors(on_413=f"The file is larger than {MEGABYTES} MB.")},
        parameters=[IDEMPOTENT],
        examples=[
            OpenApiExample(
                "Ten years of days", {**SERIES, **WITHIN, "bars_read": 2516, "lines_left_out": 0}, response_only=True
            )
        ],
    )
    @creates
    def create(self, request: Request, creation_key: UUID) -> Response:  # noqa: ARG002 - symbol and size are the key
        given, now = self.uploaded(request, BarSeriesNew), timezone.now()
        zone, file = ZoneInfo(given["timezone"]), given["file"]
        with file_refusals(NOT_AS_CHOSEN):
            read = bars_read(file, zone=zone, date_order=given["date_order"], timeframe=given["timeframe"], now=now)
        kept = bars_keep(
            owner=request.user,
            symbol=given["symbol"],
            read=read,
            splits=given["splits"],
            file_name=file.name or "",
            now=now,
        )
        series = self.row(request, kept.series.pk)
        told = self.row_told(series) | {"bars_read": len(read.rows), "lines_left_out": read.untraded}
        return Response(told, status.HTTP_201_CREATED, headers={"ETag": self.etag_of(series)})

    @extend_schema(
        summary="Delete a series of bars",
        description="Charts lose it, and what was measured from it is undefined again, unless a feed has bars.",
        responses={204: None},
    )
    def destroy(self, request: Request, pk: UUID) -> Response:
        series_delete(owner=request.user, pk=pk, now=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)

    def row(self, request: Request, pk: UUID) -> BarSeries:
        return found_or_404(series_told(request.user), pk)

    def row_told(self, row: Any) -> dict[str, Any]:
        told = super().row_told(row)
        return told if self.action == "list" else told | {"trades": trades_in(row)}
