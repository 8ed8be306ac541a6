"""The rows of the CSV export: read through a server-side cursor, so that memory stays flat however many there are."""

import csv
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, tzinfo
from typing import Any
from uuid import UUID

from django.contrib.postgres.aggregates import StringAgg
from django.db.models import F, OuterRef, QuerySet, Subquery

from trades.models import TagKind, Trade
from trades.spreadsheet import safe_cell

# Notes may be long: a chunk of the longest ones still fits.
CHUNK = 500
# Column of the file → column of the trade, in the order of the file.
FIELDS: dict[str, str] = {
    "trade id": "id",
    "account": "account_name",
    "currency": "currency",
    "symbol": "symbol",
    "asset class": "asset_class",
    "direction": "direction",
    "status": "status",
    "outcome": "outcome",
    "setup": "setup_name",
    "entry time": "entry_date",
    "exit time": "exit_date",
    "closed session": "closed_session",
    "quantity": "quantity",
    "open quantity": "open_quantity",
    "average entry": "actual_entry",
    "average exit": "actual_exit",
    "planned entry": "entry_price",
    "stop": "stop_loss",
    "initial stop": "initial_stop",
    "target": "target_price",
    "planned quantity": "planned_quantity",
    "planned r": "planned_r",
    "initial risk": "initial_risk",
    "gross": "gross_pnl",
    "costs": "costs",
    "net": "net_pnl",
    "r": "r_multiple",
    "mae": "mae",
    "mfe": "mfe",
    "bar size": "excursion_bar",
    "holding seconds": "holding_seconds",
    "rating": "rating",
    "limit overridden": "is_override",
    "estimated costs": "has_estimated_costs",
    "opening fills missing": "is_incomplete",
    "tags": "tag_names",
    "mistakes": "mistake_names",
    "emotions": "emotion_names",
    "thesis": "thesis",
    "notes during": "notes_during",
    "notes after": "notes_after",
}
_RESULTS = ("gross_pnl", "costs", "net_pnl")
_DECIMAL_PLACES_KEPT = ("gross_pnl", "costs", "net_pnl", "initial_risk", "mae", "mfe")


class _Line:
    """The file object csv.writer wants: hands the line back instead of keeping it."""

    def write(self, text: str) -> str:
        return text


def _names(kind: str) -> Subquery:
    words = Trade.tags.through.objects.filter(trade_id=OuterRef("pk"), tag__kind=kind).order_by()
    joined = words.values("trade_id").annotate(names=StringAgg("tag__name", delimiter=", ", order_by="tag__name"))
    return Subquery(joined.values("names"))


def trade_csv(trades: QuerySet[Trade], *, zone: tzinfo) -> Iterator[str]:
    """The lines of the file, the header first; times in ``zone`` with their offset, UTF-8 without a mark."""
    writer = csv.writer(_Line(), quoting=csv.QUOTE_MINIMAL)
    yield writer.writerow(list(FIELDS))
    rows = (
        trades.annotate(
            account_name=F("account__name"),
            currency=F("account__currency"),
            setup_name=F("setup__name"),
            tag_names=_names(TagKind.TAG),
            mistake_names=_names(TagKind.MISTAKE),
            emotion_names=_names(TagKind.EMOTION),
        )
        .order_by("-occurred_at", "-id")
        .values(*FIELDS.values())
    )
    for row in rows.iterator(chunk_size=CHUNK):
        yield writer.writerow(_cells(row, zone))


def _cells(row: Mapping[str, Any], zone: tzinfo) -> Iterable[str]:
    is_plan = row["status"] not in {"active", "closed"}
    for name in FIELDS.values():
        # What was never filled has no result; its zeros would be averaged by the reader.
        yield "" if is_plan and name in _RESULTS else _cell(name, row[name], zone)


def _cell(name: str, value: Any, zone: tzinfo) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return safe_cell(value)
    if isinstance(value, datetime):
        return value.astimezone(zone).isoformat(timespec="seconds")
    if isinstance(value, int | UUID) or name in _DECIMAL_PLACES_KEPT or not hasattr(value, "normalize"):
        return str(value)
    return f"{value.normalize():f}"
