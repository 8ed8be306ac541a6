"""Trades and what belongs to them, for administrators.

Trades, fills, the audit trail and kept sums are read-only here: they change through the services,
which compute the figures anew and leave an audit entry.
"""

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Count, JSONField, QuerySet
from django.http import HttpRequest

from accounts.admin_choosing import ChosenByKeyMixin
from accounts.forms.fields import WrittenField
from trades import admin_halts, models

__all__ = ["admin_halts"]


class ReadOnlyMixin:
    """Looked at and searched, never typed into."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return False


class FillInline(ReadOnlyMixin, admin.TabularInline):
    model = models.Fill
    fields = ["executed_at", "kind", "side", "quantity", "price", "commission", "fees", "realised_net"]
    extra = 0


class StopMoveInline(ReadOnlyMixin, admin.TabularInline):
    model = models.StopMove
    fields = ["moved_at", "from_price", "to_price", "note"]
    extra = 0


class LimitOverrideInline(ReadOnlyMixin, admin.TabularInline):
    model = models.LimitOverride
    fields = readonly_fields = ["created_at", "code", "sentence", "reason", "actor"]
    extra = 0


@admin.register(models.Trade)
class TradeAdmin(ReadOnlyMixin, admin.ModelAdmin):
    list_display = [
        "symbol",
        "direction",
        "status",
        "account",
        "owner",
        "entry_date",
        "exit_date",
        "net_pnl",
        "r_multiple",
    ]
    list_filter = ["status", "direction", "asset_class", "outcome", "is_override", "is_incomplete"]
    list_select_related = ["account", "owner"]
    search_fields = ["symbol", "owner__username", "account__name"]
    # A count over every trade of every user would be the slowest query of the page.
    show_full_result_count = False
    inlines = [FillInline, StopMoveInline, LimitOverrideInline]

    def get_queryset(self, request: HttpRequest) -> QuerySet[models.Trade]:
        return super().get_queryset(request).defer("search")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        return [name for name in super().get_fields(request, obj) if name != "search"]


@admin.register(models.Fill)
class FillAdmin(ReadOnlyMixin, admin.ModelAdmin):
    list_display = ["executed_at", "symbol", "side", "quantity", "price", "commission", "fees", "kind", "account"]
    list_filter = ["kind", "side", "has_estimated_costs"]
    list_select_related = ["trade", "account"]
    search_fields = ["trade__symbol", "execution_id", "account__name", "account__owner__username"]
    show_full_result_count = False

    @admin.display(description="symbol", ordering="trade__symbol")
    def symbol(self, fill: models.Fill) -> str:
        return fill.trade.symbol


class OrderEventInline(ReadOnlyMixin, admin.TabularInline):
    model = models.OrderEvent
    fields = ["at", "fact", "from_status", "to_status", "source", "happened_at", "detail"]
    extra = 0


class OrderCallInline(ReadOnlyMixin, admin.TabularInline):
    model = models.OrderCall
    fields = ["at", "answered_at", "verb", "asked_by", "answer", "status", "code", "sentence", "request_id", "times"]
    extra = 0


class OrderLegInline(ReadOnlyMixin, admin.TabularInline):
    model = models.Order
    fk_name = "parent"
    verbose_name_plural = "legs"
    fields = ["role", "type", "stop_price", "limit_price", "quantity", "status", "filled_quantity", "broker_order_id"]
    extra = 0


@admin.register(models.Order)
class OrderAdmin(ReadOnlyMixin, admin.ModelAdmin):
    list_display = [
        "created_at",
        "symbol",
        "side",
        "quantity",
        "type",
        "status",
        "filled_quantity",
        "account",
        "owner",
        "origin",
        "reason_code",
    ]
    list_filter = ["status", "origin", "role", "type", "order_class"]
    list_select_related = ["account", "owner"]
    search_fields = ["symbol", "client_order_id", "broker_order_id", "account__name", "owner__username"]
    show_full_result_count = False
    inlines = [OrderLegInline, OrderEventInline, OrderCallInline]


@admin.register(models.OrderEvent)
class OrderEventAdmin(ReadOnlyMixin, admin.ModelAdmin):
    list_display = ["at", "order", "fact", "from_status", "to_status", "source", "happened_at"]
    list_filter = ["fact", "source"]
    list_select_related = ["order"]
    search_fields = ["order__symbol", "order__client_order_id", "order__broker_order_id"]
    show_full_result_count = False


@admin.register(models.OrderCall)
class OrderCallAdmin(ReadOnlyMixin, admin.ModelAdmin):
    list_display = ["at", "order", "verb", "asked_by", "answer", "status", "code", "request_id", "times"]
    list_filter = ["verb", "answer", "asked_by"]
    list_select_related = ["order"]
    search_fields = ["order__symbol", "order__client_order_id", "order__broker_order_id", "ref", "request_id"]
    show_full_result_count = False


@admin.register(models.MatterLook)
class MatterLookAdmin(ReadOnlyMixin, admin.ModelAdmin):
    list_display = ["at", "owner", "key"]
    list_select_related = ["owner"]
    search_fields = ["key", "owner__username"]
    show_full_result_count = False


@admin.register(models.AuditEntry)
class AuditEntryAdmin(ReadOnlyMixin, admin.ModelAdmin):
    list_display = ["at", "action", "actor", "account", "trade_id"]
    list_filter = ["action"]
    list_select_related = ["actor", "account"]
    search_fields = ["=trade_id", "=subject_id", "actor__username", "account__name"]
    date_hierarchy = "at"
    show_full_result_count = False


@admin.register(models.StopMove)
class StopMoveAdmin(ReadOnlyMixin, admin.ModelAdmin):
    list_display = ["moved_at", "trade", "from_price", "to_price", "note"]
    list_select_related = ["trade"]
    search_fields = ["trade__symbol", "trade__owner__username"]
    show_full_result_count = False


@admin.register(models.LimitOverride)
class LimitOverrideAdmin(ReadOnlyMixin, admin.ModelAdmin):
    list_display = ["created_at", "code", "trade", "actor", "limit", "actual"]
    list_filter = ["code"]
    list_select_related = ["trade", "actor"]
    search_fields = ["trade__symbol", "reason", "actor__username"]


@admin.register(models.TradeTarget)
class TradeTargetAdmin(ReadOnlyMixin, admin.ModelAdmin):
    list_display = ["trade", "position", "price", "portion_percent"]
    list_select_related = ["trade"]
    search_fields = ["trade__symbol", "trade__owner__username"]
    show_full_result_count = False


@admin.register(models.ChecklistAnswer)
class ChecklistAnswerAdmin(ReadOnlyMixin, admin.ModelAdmin):
    list_display = ["trade", "text", "is_met"]
    list_filter = ["is_met"]
    list_select_related = ["trade"]
    search_fields = ["text", "trade__symbol", "trade__owner__username"]
    show_full_result_count = False


class SetupCriterionInline(admin.TabularInline):
    model = models.SetupCriterion
    extra = 0


@admin.register(models.Setup)
class SetupAdmin(ChosenByKeyMixin, admin.ModelAdmin):
    """Deleting a setup moves its trades' figures, so it is done on the trader's own page."""

    list_display = ["name", "owner", "is_active", "trade_count", "created_at"]
    list_filter = ["is_active"]
    list_select_related = ["owner"]
    search_fields = ["name", "owner__username"]
    autocomplete_fields = ["owner"]
    inlines = [SetupCriterionInline]

    def get_queryset(self, request: HttpRequest) -> QuerySet[models.Setup]:
        return super().get_queryset(request).annotate(trade_total=Count("trades"))

    @admin.display(description="trades", ordering="trade_total")
    def trade_count(self, setup: Any) -> int:
        return int(setup.trade_total)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return False


@admin.register(models.SetupCriterion)
class SetupCriterionAdmin(ChosenByKeyMixin, admin.ModelAdmin):
    list_display = ["text", "setup", "position", "is_active"]
    list_filter = ["is_active"]
    list_select_related = ["setup"]
    search_fields = ["text", "setup__name", "setup__owner__username"]
    autocomplete_fields = ["setup"]


@admin.register(models.SetupRisk)
class SetupRiskAdmin(ChosenByKeyMixin, admin.ModelAdmin):
    list_display = ["setup", "account", "risk_per_trade_percent", "max_position_percent"]
    list_select_related = ["setup", "account"]
    search_fields = ["setup__name", "account__name"]
    autocomplete_fields = ["setup", "account"]


@admin.register(models.Tag)
class TagAdmin(ChosenByKeyMixin, admin.ModelAdmin):
    """Deleting a tag moves its trades' figures, so it is done on the trader's own page."""

    list_display = ["name", "kind", "owner"]
    list_filter = ["kind"]
    list_select_related = ["owner"]
    search_fields = ["name", "owner__username"]
    autocomplete_fields = ["owner"]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return False


@admin.register(models.JournalDay)
class JournalDayAdmin(ChosenByKeyMixin, admin.ModelAdmin):
    list_display = ["day", "owner", "rating", "updated_at"]
    list_select_related = ["owner"]
    search_fields = ["owner__username"]
    autocomplete_fields = ["owner", "tags"]
    date_hierarchy = "day"


@admin.register(models.Screenshot)
class ScreenshotAdmin(ReadOnlyMixin, admin.ModelAdmin):
    list_display = ["created_at", "owner", "caption", "width", "height", "byte_size"]
    list_select_related = ["owner"]
    search_fields = ["caption", "owner__username"]


@admin.register(models.SavedFilter)
class SavedFilterAdmin(ChosenByKeyMixin, admin.ModelAdmin):
    list_display = ["name", "owner", "created_at"]
    list_select_related = ["owner"]
    search_fields = ["name", "owner__username"]
    autocomplete_fields = ["owner"]


@admin.register(models.FillImport)
class FillImportAdmin(ReadOnlyMixin, admin.ModelAdmin):
    list_display = ["created_at", "file_name", "owner", "account", "state", "rows", "new", "duplicate", "error_count"]
    list_filter = ["state"]
    list_select_related = ["owner", "account"]
    search_fields = ["file_name", "owner__username", "account__name"]
    date_hierarchy = "created_at"


@admin.register(models.ImportMapping)
class ImportMappingAdmin(ChosenByKeyMixin, admin.ModelAdmin):
    formfield_overrides: ClassVar[dict[Any, Any]] = {JSONField: {"form_class": WrittenField}}
    list_display = ["account", "header_key", "updated_at"]
    list_select_related = ["account"]
    search_fields = ["account__name", "account__owner__username"]
    autocomplete_fields = ["account"]


@admin.register(models.FigureTotal)
class FigureTotalAdmin(ReadOnlyMixin, admin.ModelAdmin):
    list_display = ["account", "dimension", "key", "n", "wins", "losses", "sum_net", "r_n", "r_sum"]
    list_filter = ["dimension"]
    list_select_related = ["account"]
    search_fields = ["account__name", "key"]
    show_full_result_count = False


@admin.register(models.AccountDay)
class AccountDayAdmin(ReadOnlyMixin, admin.ModelAdmin):
    list_display = ["day", "account", "realised_net", "n", "wins", "losses"]
    list_select_related = ["account"]
    search_fields = ["account__name"]
    date_hierarchy = "day"
    show_full_result_count = False


@admin.register(models.StreakDay)
class StreakDayAdmin(ReadOnlyMixin, admin.ModelAdmin):
    list_display = ["day", "owner", "account", "currency"]
    list_select_related = ["owner", "account"]
    search_fields = ["owner__username", "account__name"]
    date_hierarchy = "day"
    show_full_result_count = False
