"""Connections to brokers and the live switch of an account."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from allauth.core.ratelimit import consume_or_429
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.forms.fields import refusals_at
from accounts.models import Broker, User
from accounts.selectors import account_for
from brokers import registry
from brokers.errors import BrokerError
from brokers.forms import ConnectForm, LinkForm, LiveForm, ReconnectForm, RenameForm
from brokers.models import BrokerConnection
from brokers.selectors import account_snapshot, calls_failed, connection_for, connection_of_account, connections_of
from brokers.services import connections as services
from brokers.services.altering import DISABLED_BY_TRADER
from brokers.services.errors import ConnectionRefusal
from brokers.services.linking import connection_link
from brokers.services.live import live_lapses_at
from brokers.vault import VaultError


class TraderRequest(HttpRequest):
    """The request of somebody who is signed in."""

    user: User


LIST = "brokers:connection-list"
DETAIL = "brokers:connection-detail"
VERIFIED = "{label} answers, and the keys work."
SYNC_ASKED = "{label} is being synced. It takes a few seconds."


@login_required
@require_safe
def connection_list(request: TraderRequest) -> HttpResponse:
    return render(request, "brokers/connection_list.html", {"connections": connections_of(request.user)})


@login_required
@require_safe
def connection_detail(request: TraderRequest, pk: UUID) -> HttpResponse:
    connection = connection_for(request.user, pk)
    context = {
        "connection": connection,
        "snapshot": account_snapshot(connection),
        "calls": calls_failed([connection.pk]).get(connection.pk, []),
        "has_keys": bool(registry.spec_of(connection.broker).credential_fields),
        "is_armed": services.live_is_armed(connection, timezone.now()),
    }
    return render(request, "brokers/connection_detail.html", context)


@sensitive_post_parameters()
@never_cache
@login_required
@require_http_methods(["GET", "POST"])
def connection_create(request: TraderRequest) -> HttpResponse:
    """Two steps without any script: which broker, then its own fields."""
    broker = request.GET.get("broker", "")
    if not registry.is_connectable(broker):
        return render(request, "brokers/broker_choose.html", {"brokers": _brokers()})
    if refused := _tried_too_often(request, "broker_keys"):
        return refused
    form = ConnectForm(request.POST or None, user=request.user, broker=broker)
    if request.method == "POST" and form.is_valid():
        with refusals_at(form):
            connection = services.connection_create(
                user=request.user,
                broker=broker,
                label=form.cleaned_data["label"],
                is_paper=form.wants_paper(),
                credentials=form.credentials(),
                account=form.account(),
                creation_key=form.cleaned_data["creation_key"],
            )
            messages.success(request, f"{connection.label} is connected.")
            return redirect(DETAIL, connection.pk)
    return render(request, "brokers/connection_create.html", {"form": form, "name": Broker(broker).label})


@login_required
@require_http_methods(["GET", "POST"])
def connection_edit(request: TraderRequest, pk: UUID) -> HttpResponse:
    connection = connection_for(request.user, pk)
    form = RenameForm(request.POST or None, initial={"label": connection.label})
    if request.method == "POST" and form.is_valid():
        with refusals_at(form):
            services.connection_rename(connection=connection, label=form.cleaned_data["label"])
            messages.success(request, "Saved.")
            return redirect(DETAIL, pk)
    return render(request, "brokers/connection_edit.html", {"form": form, "connection": connection})


@sensitive_post_parameters()
@never_cache
@login_required
@require_http_methods(["GET", "POST"])
def connection_reconnect(request: TraderRequest, pk: UUID) -> HttpResponse:
    connection = connection_for(request.user, pk)
    if refused := _tried_too_often(request, "broker_keys"):
        return refused
    form = ReconnectForm(request.POST or None, broker=connection.broker)
    if request.method == "POST" and form.is_valid():
        with refusals_at(form):
            services.connection_reconnect(connection=connection, credentials=form.credentials())
            messages.success(request, f"{connection.label} is connected with the new keys.")
            return redirect(DETAIL, pk)
    return render(request, "brokers/connection_reconnect.html", {"form": form, "connection": connection})


@login_required
@require_http_methods(["GET", "POST"])
def connection_account(request: TraderRequest, pk: UUID) -> HttpResponse:
    connection = connection_for(request.user, pk)
    form = LinkForm(request.POST or None, user=request.user, broker=connection.broker)
    if request.method == "POST" and form.is_valid():
        with refusals_at(form):
            account = connection_link(connection=connection, account=form.wanted())
            messages.success(request, f"{account.name} follows {connection.label} from now on.")
            return redirect(DETAIL, pk)
    return render(request, "brokers/connection_account.html", {"form": form, "connection": connection})


@login_required
@require_http_methods(["GET", "POST"])
def connection_remove(request: TraderRequest, pk: UUID) -> HttpResponse:
    connection = connection_for(request.user, pk)
    if request.method == "POST":
        try:
            services.connection_remove(user=request.user, pk=pk)
        except ConnectionRefusal as refusal:
            messages.error(request, refusal.sentence)
            return redirect(DETAIL, pk)
        messages.success(request, f"{connection.label} is removed and its keys are forgotten.")
        return redirect(LIST)
    context = {
        "title": f"Remove {connection.label}?",
        "text": f"The keys to {connection.get_broker_display()} are deleted here. At the broker nothing changes.",
        "consequences": ["The account of the journal, its trades and its orders stay.", "Nothing is synced any more."],
        "action_label": "Remove the connection",
        "crumbs": [("Connections", reverse(LIST)), (connection.label, reverse(DETAIL, args=[pk]))],
        "cancel_url": reverse(DETAIL, args=[pk]),
    }
    return render(request, "confirm.html", context)


@login_required
@require_POST
def connection_verify(request: TraderRequest, pk: UUID) -> HttpResponse:
    return _act(request, pk, services.connection_verify, VERIFIED)


@login_required
@require_POST
def connection_sync(request: TraderRequest, pk: UUID) -> HttpResponse:
    return _act(request, pk, services.connection_sync_ask, SYNC_ASKED)


@login_required
@require_POST
def connection_enable(request: TraderRequest, pk: UUID) -> HttpResponse:
    return _act(request, pk, services.connection_enable, "{label} is in use again.")


@login_required
@require_POST
def connection_disable(request: TraderRequest, pk: UUID) -> HttpResponse:
    def disable(*, connection: BrokerConnection) -> None:
        services.connection_disable(connection=connection, reason=DISABLED_BY_TRADER)

    return _act(request, pk, disable, "{label} is disabled: nothing is asked of the broker.")


def _act(request: TraderRequest, pk: UUID, act: Callable[..., Any], done: str) -> HttpResponse:
    connection_act(request, pk, act, done)
    return redirect(DETAIL, pk)


def connection_act(request: TraderRequest, pk: UUID, act: Callable[..., Any], done: str) -> None:
    """Do something with a connection of whoever asks, and say what came of it."""
    connection = connection_for(request.user, pk)
    try:
        act(connection=connection)
    except (BrokerError, ConnectionRefusal) as refusal:
        messages.error(request, refusal.sentence)
    except VaultError as problem:
        messages.error(request, str(problem))
    else:
        messages.success(request, done.format(label=connection.label))


@sensitive_post_parameters("password")
@never_cache
@login_required
@require_http_methods(["GET", "POST"])
def live_switch(request: TraderRequest, pk: UUID) -> HttpResponse:
    account = account_for(request.user, pk)
    connection = connection_of_account(account)
    if refused := _tried_too_often(request, "live_switch"):
        return refused
    form = LiveForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        with refusals_at(form):
            services.live_arm(user=request.user, account=account, **form.cleaned_data)
            messages.success(request, f"Live trading is on for {account.name}.")
            return redirect("brokers:live-switch", pk)
    now = timezone.now()
    is_armed = connection is not None and services.live_is_armed(connection, now)
    lapses_at = live_lapses_at(connection) if connection and is_armed else None
    context = {
        "form": form,
        "account": account,
        "connection": connection,
        "is_armed": is_armed,
        "lapses_at": lapses_at,
        # Whole seconds, and never a moment too early.
        "lapses_in": int((lapses_at - now).total_seconds()) + 1 if lapses_at else None,
        "is_allowed": settings.ENABLE_BROKER_INTEGRATIONS,
        "idle_minutes": settings.LIVE_IDLE_MINUTES,
    }
    return render(request, "brokers/live_switch.html", context)


@login_required
@require_POST
def live_off(request: TraderRequest, pk: UUID) -> HttpResponse:
    account = account_for(request.user, pk)
    connection = connection_of_account(account)
    if connection is None:
        raise Http404
    services.live_disarm(connection=connection)
    messages.success(request, f"Live trading is off for {account.name}. Orders at the broker go on working.")
    return redirect("brokers:live-switch", pk)


def _tried_too_often(request: TraderRequest, action: str) -> HttpResponse | None:
    """The page that says so, where the trader has sent this form too often."""
    refused: HttpResponse | None = consume_or_429(request, action=action, user=request.user)
    return refused


def _brokers() -> list[dict[str, str]]:
    """Those with real money behind them first."""
    found = [(key, spec) for key, spec in registry.ADAPTERS.items() if registry.is_connectable(key)]
    found.sort(key=lambda one: (one[1].is_always_paper, not one[1].credential_fields))
    return [{"key": key, "label": spec.label, "text": spec.text} for key, spec in found]
