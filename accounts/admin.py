"""Users and their accounts, for administrators."""

from typing import Any

from allauth.account.admin import EmailAddressAdmin
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django import forms
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group
from django.db import models
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from accounts.admin_choosing import ChosenByKeyMixin
from accounts.calendars import exchange_choices
from accounts.currencies import currency_choices
from accounts.forms.given_passwords import TraderCreationForm, TraderPasswordForm
from accounts.models import (
    ApiToken,
    CashMovement,
    Event,
    IdempotencyKey,
    Notification,
    NotificationChoice,
    RiskPolicy,
    TradingAccount,
    User,
    Webhook,
    WebhookDelivery,
    timezone_choices,
)
from accounts.services.people import user_sessions_end
from accounts.services.tokens import tokens_revoke

# What makes a user more than a trader.
RAISING = ["is_staff", "is_superuser", "groups", "user_permissions"]
# Typed freely, a value nobody knows would break every page of its owner.
CHOICES = {"currency": currency_choices, "exchange": exchange_choices, "timezone": timezone_choices}


class ChoicesMixin:
    """Codes are chosen from the lists the pages choose from."""

    def formfield_for_dbfield(self, db_field: models.Field, request: HttpRequest, **kwargs: Any) -> forms.Field | None:
        field: forms.Field | None = super().formfield_for_dbfield(db_field, request, **kwargs)  # type: ignore[misc]  # the mixin knows no base
        if field is None or db_field.name not in CHOICES:
            return field
        return forms.ChoiceField(
            choices=CHOICES[db_field.name],
            initial=db_field.get_default(),
            label=field.label,
            help_text=field.help_text,
        )


class OfPeopleMixin:
    """Staff who are no superusers touch nothing of other staff: by their address or password they would become them."""

    # From the row to the user it is of.
    person = "user"

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and self._is_below(request, obj)  # type: ignore[misc]  # the mixin knows no base

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and self._is_below(request, obj)  # type: ignore[misc]  # as above

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Actions take what the list shows."""
        rows = super().get_queryset(request)  # type: ignore[misc]  # as above
        if request.user.is_superuser:
            return rows
        prefix = f"{self.person}__" if self.person else ""
        return rows.exclude(**{f"{prefix}is_staff": True}).exclude(**{f"{prefix}is_superuser": True})

    def _is_below(self, request: HttpRequest, obj: Any) -> bool:
        if obj is None or request.user.is_superuser:
            return True
        person = getattr(obj, self.person) if self.person else obj
        return not (person.is_staff or person.is_superuser)

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Nor can a row be given to one of them."""
        if db_field.name == self.person and not request.user.is_superuser:
            kwargs["queryset"] = User.objects.filter(is_staff=False, is_superuser=False)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)  # type: ignore[misc]  # as above


@admin.register(User)
class TraderAdmin(OfPeopleMixin, ChoicesMixin, UserAdmin):
    """A user who is no longer wanted is made inactive: what they recorded stays, and they cannot sign in.

    Who is staff and what staff may is a superuser's to say.
    """

    person = ""

    add_form = TraderCreationForm
    change_password_form = TraderPasswordForm
    list_display = ["username", "email", "timezone", "is_staff", "is_active", "last_login", "date_joined"]
    search_fields = ["username", "email"]
    ordering = ["username"]
    # Without an address nobody can confirm it, and a site may ask for that before signing in.
    add_fieldsets = [
        (
            None,
            {
                "classes": ["wide"],
                "fields": ["username", "email", "timezone", "usable_password", "password1", "password2"],
            },
        )
    ]
    fieldsets = [*(UserAdmin.fieldsets or ()), ("Desk", {"fields": ["timezone", "password_good_until"]})]
    readonly_fields = ["last_login", "date_joined", "password_good_until"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        always = list(super().get_readonly_fields(request, obj))
        return always if request.user.is_superuser else [*always, *RAISING]


class SuperusersMixin:
    """Whoever gives rights away may give them to themselves."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_superuser)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002 - the signature Django calls
        return bool(request.user.is_superuser)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_superuser)

    has_change_permission = has_delete_permission = has_view_permission


for replaced in (Group, EmailAddress, Authenticator, UserSession):
    admin.site.unregister(replaced)


@admin.register(Group)
class DeskGroupAdmin(SuperusersMixin, GroupAdmin):
    """Groups are sets of rights."""


@admin.register(EmailAddress)
class AddressAdmin(OfPeopleMixin, EmailAddressAdmin):
    """An address opens its user's account: a new password is sent there."""


class SignInAdmin(OfPeopleMixin, admin.ModelAdmin):
    """Means of signing in: looked at, and taken away from whoever lost them."""

    list_select_related = ["user"]
    search_fields = ["user__username", "user__email"]

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002 - the signature Django calls
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002 - as above
        return False


@admin.register(Authenticator)
class AuthenticatorAdmin(SignInAdmin):
    """Second factors, without their secrets."""

    list_display = ["user", "type", "created_at", "last_used_at"]
    list_filter = ["type"]
    exclude = ["data"]


@admin.register(UserSession)
class UserSessionAdmin(SignInAdmin):
    """Browsers that are signed in; deleted here, they are signed out."""

    list_display = ["user", "ip", "user_agent", "created_at", "last_seen_at"]
    exclude = ["data"]

    def delete_model(self, request: HttpRequest, obj: UserSession) -> None:  # noqa: ARG002 - the signature Django calls
        user_sessions_end(sessions=[obj])

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[UserSession]) -> None:  # noqa: ARG002 - as above
        user_sessions_end(sessions=queryset)


class RiskPolicyForm(forms.ModelForm):
    """A policy left as it is offered is saved too: every account has one."""

    def has_changed(self) -> bool:
        return True


class RiskPolicyInline(admin.StackedInline):
    model = RiskPolicy
    form = RiskPolicyForm
    can_delete = False
    min_num = 1


@admin.register(TradingAccount)
class TradingAccountAdmin(ChosenByKeyMixin, ChoicesMixin, admin.ModelAdmin):
    """What the figures are computed by is changed on the account's own page, which computes them anew."""

    list_display = ["name", "owner", "broker", "account_type", "currency", "is_archived", "created_at"]
    list_filter = ["broker", "account_type", "currency", "is_archived"]
    list_select_related = ["owner"]
    search_fields = ["name", "owner__username", "owner__email"]
    autocomplete_fields = ["owner"]
    inlines = [RiskPolicyInline]
    date_hierarchy = "created_at"

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:  # noqa: ARG002 - the signature Django calls
        computed_by = ["currency", "exchange", "cost_method", "break_even_band", "allows_fractions", "opened_on"]
        # Halting cancels orders, too: that is done on the trader's own page.
        halted = ["halted_at", "halt_reason"]
        return [*halted, "owner", *computed_by] if obj else halted


@admin.register(CashMovement)
class CashMovementAdmin(ChosenByKeyMixin, admin.ModelAdmin):
    list_display = ["moved_on", "account", "kind", "amount", "currency", "note"]
    list_filter = ["kind", "account__currency"]
    list_select_related = ["account"]
    search_fields = ["note", "account__name", "account__owner__username"]
    autocomplete_fields = ["account"]
    date_hierarchy = "moved_on"

    @admin.display(description="currency")
    def currency(self, movement: CashMovement) -> str:
        return movement.account.currency


class ToldAdmin(admin.ModelAdmin):
    """What traders were told and how they want to be told is theirs: administrators read it."""

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002 - the signature Django calls
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002 - as above
        return False


@admin.register(Notification)
class NotificationAdmin(ToldAdmin):
    list_display = ["created_at", "user", "kind", "title", "read_at", "emailed_at"]
    list_filter = ["kind", "by_email"]
    list_select_related = ["user"]
    search_fields = ["title", "text", "user__username", "user__email"]
    date_hierarchy = "created_at"


@admin.register(NotificationChoice)
class NotificationChoiceAdmin(ToldAdmin):
    list_display = ["user", "kind", "in_app", "by_email"]
    list_filter = ["kind"]
    list_select_related = ["user"]
    search_fields = ["user__username", "user__email"]


@admin.register(Webhook)
class WebhookAdmin(ToldAdmin):
    """Secrets are on no page. What a trader wants to be told is theirs; an address that does harm is turned off."""

    list_display = ["created_at", "user", "url", "is_active", "failures", "failing_since", "stopped_reason"]
    list_filter = ["is_active"]
    list_select_related = ["user"]
    search_fields = ["url", "description", "user__username", "user__email"]
    exclude = ["secret", "old_secret"]
    actions = ["turn_off"]

    @admin.action(description="Turn off", permissions=["delete"])
    def turn_off(self, request: HttpRequest, webhooks: models.QuerySet[Webhook]) -> None:
        count = webhooks.filter(is_active=True).update(
            is_active=False, stopped_reason="An administrator of this desk turned it off."
        )
        self.message_user(request, f"Turned off: {count}.")


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(ToldAdmin):
    list_display = ["created_at", "webhook", "type", "state", "attempts", "last_status", "last_error"]
    list_filter = ["state", "type"]
    list_select_related = ["webhook"]
    search_fields = ["webhook__url", "webhook__user__username"]
    date_hierarchy = "created_at"


@admin.register(ApiToken)
class ApiTokenAdmin(ToldAdmin):
    """Administrators see which programs come in and shut them out; the token itself nobody can see."""

    list_display = ["name", "user", "scope", "hint", "created_at", "last_used_at", "expires_at", "revoked_at"]
    list_filter = ["scope", "revoked_at"]
    list_select_related = ["user"]
    search_fields = ["name", "hint", "user__username", "user__email"]
    exclude = ["digest"]
    actions = ["revoke"]

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("accounts.change_apitoken")

    @admin.action(description="Revoke the selected tokens", permissions=["revoke"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiToken]) -> None:
        count = tokens_revoke(pks=list(queryset.values_list("pk", flat=True)), now=timezone.now())
        self.message_user(request, f"Revoked: {count}.")


@admin.register(IdempotencyKey)
class IdempotencyKeyAdmin(ToldAdmin):
    """Requests that may be sent twice, without what was sent and answered."""

    list_display = ["created_at", "user", "key", "status", "claimed_at"]
    list_filter = ["status"]
    list_select_related = ["user"]
    search_fields = ["key", "user__username", "user__email"]
    exclude = ["fingerprint", "headers", "body"]


@admin.register(Event)
class EventAdmin(ToldAdmin):
    """Facts the database wrote; programs follow them."""

    list_display = ["id", "seq", "at", "user", "subject", "action", "object_id"]
    list_filter = ["subject", "action"]
    list_select_related = ["user"]
    search_fields = ["object_id", "user__username"]
    date_hierarchy = "at"
