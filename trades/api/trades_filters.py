"""Which trades a list holds."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from django.http import QueryDict
from django.utils import timezone
from drf_spectacular.utils import extend_schema_field

from accounts.api.lookup import found_or_404
from accounts.models import User
from trades.filters import TradeFilter
from trades.models import AssetClass, Direction, Trade, TradeStatus
from trades.selectors.trade_pages import SORTS
from trades.selectors.trades import carrying, filters_of, matching_text
from trenddojo.api.fields import Day, Key, Moment, Text, Word
from trenddojo.api.serializers import Taken
from trenddojo.middleware import zone_of

LENGTH_OF_A_DAY = 10
ORDERINGS = {
    "entry_date": SORTS["time"],
    "symbol": SORTS["symbol"],
    "net_pnl": SORTS["result"],
    "r_multiple": SORTS["r"],
    "holding_seconds": SORTS["holding"],
}


@extend_schema_field({"oneOf": [{"type": "string", "format": "date-time"}, {"type": "string", "format": "date"}]})
class MomentOrDay(Moment):
    """A time, or a day in UTC: a date."""

    def to_internal_value(self, value: Any) -> Any:
        if isinstance(value, str) and len(value) == LENGTH_OF_A_DAY:
            return Day().to_internal_value(value)
        return super().to_internal_value(value)


class TradeFilters(Taken):
    account = Key(required=False)
    symbol = Text(max_length=64, required=False)
    status = Word(choices=TradeStatus.choices, required=False)
    direction = Word(choices=Direction.choices, required=False)
    asset_class = Word(choices=AssetClass.choices, required=False)
    setup = Key(required=False)
    tag = Key(required=False)
    entry_date_from = MomentOrDay(required=False, help_text="Entered then or later; a day counts in UTC.")
    entry_date_to = MomentOrDay(required=False, help_text="Entered then or earlier; a day counts whole, in UTC.")
    exit_date_from = MomentOrDay(required=False)
    exit_date_to = MomentOrDay(required=False)
    search = Text(max_length=200, required=False, help_text="Words of the symbol and the notes.")
    saved_filter = Key(required=False, help_text="What the trades list shows under this filter; its days are yours.")


COLUMNS = {
    **{name: name for name in ("status", "direction", "asset_class")},
    "account": "account_id",
    "setup": "setup_id",
}
# The column an index holds: a trade that was entered occurred then.
MOMENTS = {"entry_date": "occurred_at", "exit_date": "exit_date"}


def filtered_trades(trades: QuerySet[Trade], wanted: Mapping[str, Any]) -> QuerySet[Trade]:
    """Those of the trades the query of a list asks for."""
    found = Q(**{COLUMNS[name]: value for name, value in wanted.items() if name in COLUMNS})
    if "symbol" in wanted:
        found &= Q(symbol=wanted["symbol"].upper())
    if "search" in wanted:
        found &= matching_text(wanted["search"])
    for name, column in MOMENTS.items():
        found &= _between(column, wanted.get(f"{name}_from"), wanted.get(f"{name}_to"))
    # Only what is entered has an entry; what is not has the time of its plan there.
    if "entry_date_from" in wanted or "entry_date_to" in wanted:
        found &= Q(entry_date__isnull=False)
    # Nothing is closed before it is entered: this bound changes nothing and lets the index by time serve.
    found &= _between("occurred_at", None, wanted.get("exit_date_to"))
    rows = trades.filter(found)
    return rows.filter(carrying(wanted["tag"])) if "tag" in wanted else rows


def in_saved_filter(trades: QuerySet[Trade], user: User, pk: UUID) -> QuerySet[Trade]:
    """Those of the trades that the page lists under a saved filter. Raises Http404."""
    kept = found_or_404(filters_of(user), pk)
    # Its days are the trader's, as on the page.
    with timezone.override(zone_of(user)):
        return TradeFilter(QueryDict(kept.query), owner=user, queryset=trades).qs


def _between(column: str, first: date | None, last: date | None) -> Q:
    """From the first to the last, both included; a day is meant whole."""
    found = Q()
    if first is not None:
        found &= Q(**{f"{column}__gte": _start(first)})
    if isinstance(last, datetime):
        return found & Q(**{f"{column}__lte": last})
    if last is not None:
        found &= Q(**{f"{column}__lt": _start(last + timedelta(days=1))})
    return found


def _start(said: date) -> datetime:
    return said if isinstance(said, datetime) else datetime.combine(said, time.min, tzinfo=UTC)
