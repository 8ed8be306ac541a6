"""Users and their accounts, for administrators."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.http import HttpRequest

from accounts.models import CashMovement, RiskPolicy, TradingAccount, User


@admin.register(User)
class TraderAdmin(UserAdmin):
    list_display = ["username", "email", "timezone", "is_staff", "is_active", "last_login", "date_joined"]
    search_fields = ["username", "email"]
    ordering = ["username"]
    fieldsets = [*(UserAdmin.fieldsets or ()), ("Desk", {"fields": ["timezone"]})]
    readonly_fields = ["last_login", "date_joined"]


class RiskPolicyInline(admin.StackedInline):
    model = RiskPolicy
    can_delete = False


@admin.register(TradingAccount)
class TradingAccountAdmin(admin.ModelAdmin):
    """What the figures are computed by is changed on the account's own page, which computes them anew."""

    list_display = ["name", "owner", "broker", "account_type", "currency", "is_archived", "created_at"]
    list_filter = ["broker", "account_type", "currency", "is_archived"]
    list_select_related = ["owner"]
    search_fields = ["name", "owner__username", "owner__email"]
    autocomplete_fields = ["owner"]
    inlines = [RiskPolicyInline]
    date_hierarchy = "created_at"

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:  # noqa: ARG002
        computed_by = ["currency", "exchange", "cost_method", "break_even_band", "allows_fractions"]
        return ["owner", *computed_by] if obj else []


@admin.register(CashMovement)
class CashMovementAdmin(admin.ModelAdmin):
    list_display = ["moved_on", "account", "kind", "amount", "currency", "note"]
    list_filter = ["kind", "account__currency"]
    list_select_related = ["account"]
    search_fields = ["note", "account__name", "account__owner__username"]
    autocomplete_fields = ["account"]
    date_hierarchy = "moved_on"

    @admin.display(description="currency")
    def currency(self, movement: CashMovement) -> str:
        return movement.account.currency
