"""Connections, for administrators: connected, reconnected and removed by the services that the traders' pages call."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any, cast
from uuid import UUID

from allauth.core.ratelimit import consume_or_429
from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME, AdminForm
from django.contrib.admin.utils import unquote
from django.contrib.admin.widgets import AutocompleteSelect
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.decorators import method_decorator
from django.views.decorators.debug import sensitive_post_parameters

from accounts.forms.fields import refusals_at
from accounts.models import Broker, User
from brokers import registry
from brokers.admin.reading import ReadOnlyAdmin, ReadOnlyInline
from brokers.errors import BrokerError
from brokers.forms import ConnectForm, ReconnectForm
from brokers.models import BrokerCall, BrokerConnection
from brokers.services import connections as services
from brokers.services.errors import ConnectionRefusal
from brokers.vault import VaultError

FORM = "admin/brokers/brokerconnection/form.html"
REMOVE = "admin/brokers/brokerconnection/remove.html"
LIST = "admin:brokers_brokerconnection_changelist"
CHANGE = "admin:brokers_brokerconnection_change"
KEYS_HINT = "They are tried at once, kept sealed, and never shown again."
AGAIN = " Secrets have to be typed again."


class WhoseForm(forms.Form):
    """Whose connection it will be, and to which broker: its keys and accounts depend on both."""

    user = forms.ModelChoiceField(
        label="Trader",
        queryset=User.objects.filter(is_active=True),
        widget=AutocompleteSelect(BrokerConnection._meta.get_field("user"), admin.site),
    )
    broker = forms.ChoiceField(label="Broker", help_text="Where the trader has an account.")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        offered = [(key, spec.label) for key, spec in registry.ADAPTERS.items() if registry.is_connectable(key)]
        cast("forms.ChoiceField", self.fields["broker"]).choices = offered


class BrokerCallInline(ReadOnlyInline):
    model = BrokerCall
    verbose_name_plural = "calls that failed"
    fields = [
        *("last_at", "method", "path", "status", "code", "sentence", "request_id", "our_id", "milliseconds"),
        *("times", "first_at", "ended_at"),
    ]


@admin.register(BrokerConnection)
class BrokerConnectionAdmin(ReadOnlyAdmin):
    """Made and removed on pages of its own; what is kept of it is read only.

    Deleting stays forbidden to the rest of the admin, so that no connection goes with a trader or an account while
    its orders work.
    """

    list_display = ["label", "user", "broker", "is_paper", "status", "last_sync", "last_error", "created_at"]
    list_filter = ["broker", "is_paper", "status"]
    list_select_related = ["user"]
    search_fields = ["label", "user__username", "user__email", "broker_account_id"]
    exclude = ["credentials", "fills_cursor", "cash_cursor"]
    actions = ["verify", "sync_now", "disable", "remove"]
    inlines = [BrokerCallInline]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("brokers.add_brokerconnection")

    def has_working_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("brokers.change_brokerconnection")

    def has_removing_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("brokers.delete_brokerconnection")

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.reconnect_view)
        own = path("<path:object_id>/reconnect/", view, name="brokers_brokerconnection_reconnect")
        return [own, *super().get_urls()]

    @admin.action(description="Verify: ask the broker whether the keys work", permissions=["working"])
    def verify(self, request: HttpRequest, queryset: QuerySet[BrokerConnection]) -> None:
        self._each(request, queryset, services.connection_verify, "{label} answers, and the keys work.")

    @admin.action(description="Sync now: a worker pulls everything", permissions=["working"])
    def sync_now(self, request: HttpRequest, queryset: QuerySet[BrokerConnection]) -> None:
        self._each(request, queryset, services.connection_sync_ask, "{label} is being synced.")

    @admin.action(description="Disable: nothing is asked of the broker any more", permissions=["working"])
    def disable(self, request: HttpRequest, queryset: QuerySet[BrokerConnection]) -> None:
        for connection in queryset:
            services.connection_disable(connection=connection, reason="An administrator disabled it.")
        self.message_user(request, "Disabled. Orders at the broker go on working.", messages.SUCCESS)

    @admin.action(description="Remove: the keys are forgotten", permissions=["removing"])
    def remove(self, request: HttpRequest, queryset: QuerySet[BrokerConnection]) -> HttpResponse | None:
        """Asks first; then each by itself: one that is refused keeps no other waiting."""
        if "confirmed" in request.POST:
            self._remove(request, queryset)
            return None
        return self._asked_to_remove(request, list(queryset), back=reverse(LIST))

    @method_decorator(sensitive_post_parameters())
    def add_view(
        self,
        request: HttpRequest,
        form_url: str = "",  # noqa: ARG002 - Django's signature
        extra_context: dict[str, Any] | None = None,  # noqa: ARG002 - as above
    ) -> HttpResponse:
        """Two steps: whose and which broker, then the form of the trader's own page."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        whose = WhoseForm(_asked(request))
        if not whose.is_valid():
            context = {"method": "get", "action_label": "Continue", "hint": ""}
            return self._page(request, FORM, "Connect a broker", form=whose, **context)
        if refused := _tried_too_often(request):
            return refused
        user, broker = whose.cleaned_data["user"], whose.cleaned_data["broker"]
        form = ConnectForm(request.POST or None, user=user, broker=broker)
        if request.method == "POST" and form.is_valid():
            with refusals_at(form):
                return self._connected(request, form, user, broker)
        title = f"Connect {Broker(broker).label} for {user}"
        return self._keys_page(request, form, title, "Connect", refused="Nothing was connected.")

    @method_decorator(sensitive_post_parameters())
    def reconnect_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """New keys in the place of the old; everything keeps its id."""
        if not self.has_working_permission(request):
            raise PermissionDenied
        connection = self._found(request, object_id)
        if refused := _tried_too_often(request):
            return refused
        form = ReconnectForm(request.POST or None, broker=connection.broker)
        if request.method == "POST" and form.is_valid():
            with refusals_at(form):
                services.connection_reconnect(connection=connection, credentials=form.credentials())
                self.log_change(request, connection, "Connected with new keys.")
                self.message_user(request, f"{connection.label} is connected with the new keys.", messages.SUCCESS)
                return redirect(CHANGE, connection.pk)
        title = f"Reconnect {connection.label}"
        return self._keys_page(
            request,
            form,
            title,
            "Reconnect",
            refused="Nothing was changed.",
            connection=connection,
            original=connection,
        )

    def delete_view(
        self,
        request: HttpRequest,
        object_id: str,
        extra_context: dict[str, Any] | None = None,  # noqa: ARG002 - Django's signature
    ) -> HttpResponse:
        """Removes as the trader's page does, with the same refusals."""
        if not self.has_removing_permission(request):
            raise PermissionDenied
        connection = self._found(request, object_id)
        back = reverse(CHANGE, args=[connection.pk])
        if request.method != "POST":
            return self._asked_to_remove(request, [connection], back=back)
        self._remove(request, [connection])
        is_gone = not BrokerConnection.objects.filter(pk=connection.pk).exists()
        return redirect(reverse(LIST) if is_gone else back)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Read only, with the way to what can be done."""
        connection = self.get_object(request, unquote(object_id))
        has_keys = connection is not None and bool(registry.spec_of(connection.broker).credential_fields)
        can = {
            "can_reconnect": has_keys and self.has_working_permission(request),
            "can_remove": self.has_removing_permission(request),
        }
        return super().change_view(request, object_id, form_url, (extra_context or {}) | can)

    def _connected(self, request: HttpRequest, form: ConnectForm, user: User, broker: str) -> HttpResponse:
        connection = services.connection_create(
            user=user,
            broker=broker,
            label=form.cleaned_data["label"],
            is_paper=form.wants_paper(),
            credentials=form.credentials(),
            account=form.account(),
            creation_key=form.cleaned_data["creation_key"],
        )
        self.log_addition(request, connection, "Connected.")
        self.message_user(request, f"{connection.label} is connected.", messages.SUCCESS)
        return redirect(CHANGE, connection.pk)

    def _remove(self, request: HttpRequest, chosen: QuerySet[BrokerConnection] | list[BrokerConnection]) -> None:
        def remove(*, connection: BrokerConnection) -> None:
            with transaction.atomic():
                self.log_deletions(request, BrokerConnection.objects.filter(pk=connection.pk))
                services.connection_remove(user=connection.user, pk=connection.pk)

        self._each(request, chosen, remove, "{label} is removed and its keys are forgotten.")

    def _each(
        self,
        request: HttpRequest,
        chosen: QuerySet[BrokerConnection] | list[BrokerConnection],
        act: Callable[..., Any],
        done: str,
    ) -> None:
        """A sentence for each connection: one that fails keeps no other waiting."""
        for connection in chosen:
            try:
                act(connection=connection)
            except (BrokerError, ConnectionRefusal) as refusal:
                self.message_user(request, f"{connection.label}: {refusal.sentence}", messages.ERROR)
            except VaultError as problem:
                self.message_user(request, f"{connection.label}: {problem}", messages.ERROR)
            else:
                self.message_user(request, done.format(label=connection.label), messages.SUCCESS)

    def _asked_to_remove(self, request: HttpRequest, chosen: list[BrokerConnection], *, back: str) -> HttpResponse:
        names = ", ".join(connection.label for connection in chosen)
        context: dict[str, Any] = {"chosen": chosen, "checkbox_name": ACTION_CHECKBOX_NAME, "back": back}
        if len(chosen) == 1:
            context["original"] = chosen[0]
        return self._page(request, REMOVE, f"Remove {names}?", **context)

    def _keys_page(
        self, request: HttpRequest, form: forms.Form, title: str, label: str, **context: Any
    ) -> HttpResponse:
        hint = KEYS_HINT + (AGAIN if form.errors else "")
        return self._page(request, FORM, title, form=form, method="post", action_label=label, hint=hint, **context)

    def _page(self, request: HttpRequest, template: str, title: str, **context: Any) -> HttpResponse:
        if form := context.get("form"):
            context["adminform"] = AdminForm(form, [(None, {"fields": list(form.fields)})], {})
            context["media"] = self.media + form.media
        own = {**self.admin_site.each_context(request), "title": title, "opts": self.opts}
        return TemplateResponse(request, template, own | context)

    def _found(self, request: HttpRequest, object_id: str) -> BrokerConnection:
        connection: Model | None = self.get_object(request, unquote(object_id))
        if not isinstance(connection, BrokerConnection):
            raise Http404
        return connection


def _asked(request: HttpRequest) -> dict[str, str] | None:
    """What the first step was sent with; an id that is none is nobody's: the widget would choke on it."""
    if "broker" not in request.GET:
        return None
    asked = {"broker": request.GET["broker"]}
    with suppress(ValueError):
        asked["user"] = str(UUID(request.GET.get("user", "")))
    return asked


def _tried_too_often(request: HttpRequest) -> HttpResponse | None:
    """The page that says so, where keys were tried too often: as on the trader's own page."""
    refused: HttpResponse | None = consume_or_429(request, action="broker_keys", user=request.user)
    return refused
