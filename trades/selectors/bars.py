"""A trader's own price bars, and the trades that lie in them."""

from uuid import UUID

from django.db.models import Count, F, Q, QuerySet
from django.http import Http404

from accounts.models import User
from brokers.models import BarSeries
from trades.models import Trade, TradeStatus


def series_of(user: User) -> QuerySet[BarSeries]:
    """The user's series, by symbol."""
    return BarSeries.objects.filter(user=user).order_by("symbol", "first_at")


def series_told(user: User) -> QuerySet[BarSeries]:
    """The user's series with their splits."""
    return series_of(user).prefetch_related("splits")


def series_for(user: User, pk: UUID) -> BarSeries:
    """The user's series. Raises Http404."""
    found = series_of(user).filter(pk=pk).first()
    if found is None:
        raise Http404
    return found


def trades_in(series: BarSeries) -> dict[str, int]:
    """Closed trades in the symbol while these bars last: how many there are, are measured, and wait for it."""
    trades = Trade.objects.filter(owner=series.user_id, symbol=series.symbol, status=TradeStatus.CLOSED)
    trades = trades.filter(is_incomplete=False, entry_date__date__lte=series.last_at.date())
    return trades.filter(exit_date__date__gte=series.first_at.date()).aggregate(
        all=Count("pk"),
        measured=Count("pk", filter=~Q(excursion_bar="")),
        waiting=Count("pk", filter=~Q(measured_version=F("version"))),
    )
