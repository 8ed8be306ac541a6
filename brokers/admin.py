"""Connections and what brokers said, for administrators. Nothing sealed is shown, and nothing can be typed in."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from brokers.errors import BrokerError
from brokers.models import (
    AccountSnapshot,
    Bar,
    BarSeries,
    BarSpan,
    BrokerConnection,
    BrokerPosition,
    Quote,
    SeriesBar,
    SeriesSplit,
    Split,
)
from brokers.services.connections import connection_disable, connection_sync_ask, connection_verify
from brokers.services.errors import ConnectionRefusal
from brokers.vault import VaultError


# Django's class takes its model in square brackets only for the type checker, not when it runs.
class ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """What brokers said is read, not written."""

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002 - Django's signature
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:  # noqa: ARG002 - as above
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:  # noqa: ARG002 - as above
        return False


@admin.register(BrokerConnection)
class BrokerConnectionAdmin(ReadOnlyAdmin):
    list_display = ["label", "user", "broker", "is_paper", "status", "last_sync", "last_error", "created_at"]
    list_filter = ["broker", "is_paper", "status"]
    list_select_related = ["user"]
    search_fields = ["label", "user__username", "user__email", "broker_account_id"]
    exclude = ["credentials", "fills_cursor", "cash_cursor"]
    actions = ["verify", "sync_now", "disable"]

    def has_working_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("brokers.change_brokerconnection")

    @admin.action(description="Verify: ask the broker whether the keys work", permissions=["working"])
    def verify(self, request: HttpRequest, queryset: QuerySet[BrokerConnection]) -> None:
        self._each(request, queryset, connection_verify, "{label} answers, and the keys work.")

    @admin.action(description="Sync now: a worker pulls everything", permissions=["working"])
    def sync_now(self, request: HttpRequest, queryset: QuerySet[BrokerConnection]) -> None:
        self._each(request, queryset, connection_sync_ask, "{label} is being synced.")

    def _each(
        self, request: HttpRequest, queryset: QuerySet[BrokerConnection], act: Callable[..., Any], done: str
    ) -> None:
        """A sentence for each connection: one that fails keeps no other waiting."""
        for connection in queryset:
            try:
                act(connection=connection)
            except (BrokerError, ConnectionRefusal) as refusal:
                self.message_user(request, f"{connection.label}: {refusal.sentence}", messages.ERROR)
            except VaultError as problem:
                self.message_user(request, f"{connection.label}: {problem}", messages.ERROR)
            else:
                self.message_user(request, done.format(label=connection.label), messages.SUCCESS)

    @admin.action(description="Disable: nothing is asked of the broker any more", permissions=["working"])
    def disable(self, request: HttpRequest, queryset: QuerySet[BrokerConnection]) -> None:
        for connection in queryset:
            connection_disable(connection=connection, reason="An administrator disabled it.")
        self.message_user(request, "Disabled. Orders at the broker go on working.", messages.SUCCESS)


@admin.register(AccountSnapshot)
class AccountSnapshotAdmin(ReadOnlyAdmin):
    list_display = ["at", "connection", "equity", "cash", "buying_power", "currency", "block"]
    list_filter = ["currency"]
    list_select_related = ["connection"]
    search_fields = ["connection__label", "connection__user__username"]
    date_hierarchy = "at"


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
