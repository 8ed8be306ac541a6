"""Webhooks: where events are told, what was sent there, and sending it again."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.forms.fields import refusals_at
from accounts.forms.webhooks import WebhookForm, WebhookNewForm, initial_of
from accounts.models import Webhook
from accounts.selectors import delivery_for, webhook_deliveries, webhook_for, webhooks_of
from accounts.services.webhooks import (
    delivery_replay,
    secret_rotate,
    webhook_create,
    webhook_delete,
    webhook_edit,
    webhook_test,
)
from trenddojo.domain.errors import DomainError

LIST, DETAIL = "accounts:webhook-list", "accounts:webhook-detail"
PAGE = 25


@login_required
@require_safe
def webhook_list(request: HttpRequest) -> HttpResponse:
    return render(request, "accounts/webhook_list.html", {"webhooks": webhooks_of(request.user)})


@never_cache
@login_required
@require_http_methods(["GET", "POST"])
def webhook_new(request: HttpRequest) -> HttpResponse:
    form = WebhookNewForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        with refusals_at(form):
            webhook, secret = webhook_create(user=request.user, pk=form.cleaned_data["creation_key"], **form.terms())
            return _secret_shown(request, webhook, secret)
    return render(request, "accounts/webhook_form.html", {"form": form})


@login_required
@require_safe
def webhook_detail(request: HttpRequest, pk: UUID) -> HttpResponse:
    webhook = webhook_for(request.user, pk)
    page = Paginator(webhook_deliveries(webhook), PAGE).get_page(request.GET.get("page"))
    context = {
        "webhook": webhook,
        "page": page,
        "previous_url": f"?page={page.previous_page_number()}" if page.has_previous() else "",
        "next_url": f"?page={page.next_page_number()}" if page.has_next() else "",
    }
    return render(request, "accounts/webhook_detail.html", context)


@login_required
@require_http_methods(["GET", "POST"])
def webhook_change(request: HttpRequest, pk: UUID) -> HttpResponse:
    webhook = webhook_for(request.user, pk)
    form = WebhookForm(request.POST or None, initial=initial_of(webhook))
    if request.method == "POST" and form.is_valid():
        with refusals_at(form):
            webhook_edit(user=request.user, pk=pk, **form.terms())
            messages.success(request, "Saved.")
            return redirect(DETAIL, pk)
    return render(request, "accounts/webhook_form.html", {"form": form, "webhook": webhook})


@login_required
@require_POST
def webhook_turn(request: HttpRequest, pk: UUID, *, is_active: bool) -> HttpResponse:
    """On or off, as the address says."""
    webhook_edit(user=request.user, pk=pk, is_active=is_active)
    messages.success(request, "It is told of what happens from now on." if is_active else "It is off.")
    return redirect(DETAIL, pk)


@never_cache
@login_required
@require_POST
def webhook_rotate(request: HttpRequest, pk: UUID) -> HttpResponse:
    webhook, secret = secret_rotate(user=request.user, pk=pk, now=timezone.now())
    return _secret_shown(request, webhook, secret)


@login_required
@require_POST
def webhook_try(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Send a test message."""
    return _sending(request, pk, lambda: webhook_test(user=request.user, pk=pk, now=timezone.now()))


@login_required
@require_POST
def delivery_again(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Send one message again."""
    webhook_id, now = delivery_for(request.user, pk).webhook_id, timezone.now()
    return _sending(
        request, webhook_id, lambda: delivery_replay(user=request.user, webhook_id=webhook_id, pk=pk, now=now)
    )


@login_required
@require_http_methods(["GET", "POST"])
def webhook_remove(request: HttpRequest, pk: UUID) -> HttpResponse:
    webhook = webhook_for(request.user, pk)
    if request.method == "POST":
        webhook_delete(user=request.user, pk=pk)
        messages.success(request, "The webhook is deleted.")
        return redirect(LIST)
    context = {
        "title": f"Delete {webhook}?",
        "text": "Nothing is sent there any more, and the list of what was sent is deleted.",
        "action_label": "Delete",
        "cancel_url": reverse(DETAIL, args=[pk]),
        "crumbs": [("Webhooks", reverse(LIST)), (str(webhook), reverse(DETAIL, args=[pk]))],
    }
    return render(request, "confirm.html", context)


def _sending(request: HttpRequest, pk: UUID, send: Callable[[], Any]) -> HttpResponse:
    try:
        send()
    except DomainError as refusal:
        messages.error(request, refusal.sentence)
    else:
        messages.success(request, "It is sent within a few seconds: look at it in the list below.")
    return redirect(DETAIL, pk)


def _secret_shown(request: HttpRequest, webhook: Webhook, secret: str) -> HttpResponse:
    """The one page that shows a secret; nothing keeps it."""
    return render(request, "accounts/webhook_secret.html", {"webhook": webhook, "secret": secret})
