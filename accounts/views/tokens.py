"""Tokens of the REST API: listed, made and shown once, revoked."""

import uuid

from allauth.account.decorators import reauthentication_required
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from accounts.forms.fields import refusals_at
from accounts.forms.tokens import TokenForm
from accounts.selectors import token_for, tokens_of
from accounts.services.tokens import token_create, token_revoke

LIST = "accounts:token-list"


@login_required
@require_safe
def token_list(request: HttpRequest) -> HttpResponse:
    return render(request, "accounts/token_list.html", {"tokens": tokens_of(request.user), "now": timezone.now()})


@never_cache
@login_required
@require_http_methods(["GET", "POST"])
@reauthentication_required
def token_new(request: HttpRequest) -> HttpResponse:
    """Asks who it is first: a token outlives the session, and whoever sits down at an open desk must not get one."""
    form = TokenForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        with refusals_at(form):
            token, text = token_create(
                user=request.user, pk=form.cleaned_data["creation_key"], now=timezone.now(), **form.wanted()
            )
            context = {"token": token, "text": text, "api": request.build_absolute_uri(reverse("api:account-list"))}
            return render(request, "accounts/token_made.html", context)
    return render(request, "accounts/token_new.html", {"form": form})


@login_required
@require_http_methods(["GET", "POST"])
def token_remove(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    token = token_for(request.user, pk)
    if request.method == "POST":
        token_revoke(user=request.user, pk=pk, now=timezone.now())
        messages.success(request, f"{token.name} is revoked: it opens nothing any more.")
        return redirect(LIST)
    context = {
        "title": f"Revoke {token.name}?",
        "text": f"Whatever uses the token that ends in {token.hint} is refused from then on. It cannot be undone.",
        "action_label": "Revoke it",
        "crumbs": [("API tokens", reverse(LIST))],
        "cancel_url": reverse(LIST),
    }
    return render(request, "confirm.html", context)
