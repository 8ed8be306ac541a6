"""What brokers said of accounts, positions and prices, for administrators."""

from django.contrib import admin

from brokers.admin.reading import ReadOnlyAdmin
from brokers.models import (
    AccountSnapshot,
    Bar,
    BarSeries,
    BarSpan,
    BrokerCall,
    BrokerPosition,
    Quote,
    SeriesBar,
    SeriesSplit,
    Split,
)


@admin.register(AccountSnapshot)
class AccountSnapshotAdmin(ReadOnlyAdmin):
    list_display = ["at", "connection", "equity", "cash", "buying_power", "currency", "block"]
    list_filter = ["currency"]
    list_select_related = ["connection"]
    search_fields = ["connection__label", "connection__user__username"]
    date_hierarchy = "at"


@admin.register(BrokerCall)
class BrokerCallAdmin(ReadOnlyAdmin):
    list_display = [
        *("last_at", "connection", "method", "endpoint", "status", "code", "times", "first_at", "ended_at"),
        *("sentence", "request_id", "our_id"),
    ]
    list_filter = ["method", "code", ("ended_at", admin.EmptyFieldListFilter)]
    list_select_related = ["connection"]
    search_fields = ["endpoint", "request_id", "our_id", "connection__label", "connection__user__username"]
    date_hierarchy = "last_at"


@admin.register(BrokerPosition)
class BrokerPositionAdmin(ReadOnlyAdmin):
    list_display = ["symbol", "connection", "quantity", "average_price", "market_price", "unrealized_pnl", "as_of"]
    list_filter = ["asset_class"]
    list_select_related = ["connection"]
    search_fields = ["symbol", "connection__label", "connection__user__username"]


@admin.register(Quote)
class QuoteAdmin(ReadOnlyAdmin):
    list_display = ["symbol", "feed", "bid", "ask", "last", "at", "received_at"]
    list_filter = ["feed"]
    search_fields = ["symbol"]


@admin.register(Bar)
class BarAdmin(ReadOnlyAdmin):
    list_display = ["symbol", "feed", "timeframe", "start", "open", "high", "low", "close", "volume"]
    list_filter = ["feed", "timeframe"]
    search_fields = ["symbol"]
    show_full_result_count = False


@admin.register(BarSpan)
class BarSpanAdmin(ReadOnlyAdmin):
    list_display = ["symbol", "feed", "timeframe", "start", "end"]
    list_filter = ["feed", "timeframe"]
    search_fields = ["symbol"]


@admin.register(Split)
class SplitAdmin(ReadOnlyAdmin):
    list_display = ["symbol", "feed", "effective_on", "ratio"]
    list_filter = ["feed"]
    search_fields = ["symbol"]


@admin.register(BarSeries)
class BarSeriesAdmin(ReadOnlyAdmin):
    list_display = ["symbol", "timeframe", "user", "count", "first_at", "last_at", "file_name"]
    list_filter = ["timeframe"]
    list_select_related = ["user"]
    search_fields = ["symbol", "user__username", "user__email"]


@admin.register(SeriesBar)
class SeriesBarAdmin(ReadOnlyAdmin):
    list_display = ["start", "series", "open", "high", "low", "close", "volume"]
    list_select_related = ["series"]
    search_fields = ["series__symbol", "series__user__username"]
    show_full_result_count = False


@admin.register(SeriesSplit)
class SeriesSplitAdmin(ReadOnlyAdmin):
    list_display = ["effective_on", "series", "ratio"]
    list_select_related = ["series"]
    search_fields = ["series__symbol", "series__user__username"]
