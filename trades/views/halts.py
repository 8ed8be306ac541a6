"""Hands on the brake: all accounts halted and resumed, and everything closed until the desk is flat."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.models import TradingAccount
from accounts.selectors import account_for, accounts_in_use
from trades.execution.flatten import Flattened
from trades.execution.halt_sweep import GO, consequence
from trades.execution.intents import (
    account_flatten,
    account_halt,
    account_resume,
    trader_flatten,
    trader_halt,
    trader_resume,
)
from trades.forms.fields import refusals_at
from trades.forms.position import CloseForm, ExitsTooForm, HaltForm
from trades.selectors.brakes import brakes_shown
from trades.selectors.flattening import flattening_of
from trades.selectors.freshness import connections_stale
from trades.views.account_choice import account_chosen
from trades.views.live import live_context

HALT_MEANS = (
    "Entries that work or wait are cancelled.",
    "No new entry leaves. Orders that make a position smaller always may.",
)
EXITS_TOO = (
    "Stops and targets that work are cancelled: positions are without protection.",
    "The halt stays; resuming brings nothing back.",
)
FLAT_MEANS = (
    "Working entries are cancelled. Stops and targets are cancelled first.",
    "While its market is shut, an order that closes a position waits for the open.",
)


ACCOUNT_HALT = {
    "text": "The kill switch of this account. Positions stay as they are.",
    "consequences": HALT_MEANS,
    "action_label": "Halt the account",
}
ACCOUNT_EXITS_TOO = {
    "text": "The account is halted. What still works there goes, too.",
    "consequences": EXITS_TOO,
    "action_label": "Cancel stops and targets",
}


@login_required
@require_http_methods(["GET", "POST"])
def halt(request: HttpRequest) -> HttpResponse:
    """What is halted at which level, and the kill switch of all of one's accounts."""
    form = HaltForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        found = trader_halt(user=request.user, **form.terms())
        said = "All your accounts are halted: no new entry leaves until you resume them."
        messages.warning(request, f"{said} {consequence(cancels_exits=found.cancels_exits)}")
        return redirect("trades:halt")
    shown = brakes_shown(request.user)
    mine = next(iter(shown.of_kind("user")), None)
    context = {
        "form": form if mine is None else ExitsTooForm(request.POST or None),
        "consequences": HALT_MEANS if mine is None else EXITS_TOO,
        "mine": mine,
        "desk": next(iter(shown.of_kind("desk")), None),
        "halted": shown.of_kind("account"),
    }
    return render(request, "trades/halt.html", context)


@login_required
@require_POST
def halt_resume(request: HttpRequest) -> HttpResponse:
    if trader_resume(user=request.user) is not None:
        messages.success(request, "Your accounts trade again. Orders that were cancelled stay cancelled.")
    return redirect("trades:halt")


@login_required
@require_http_methods(["GET", "POST"])
def account_halt_page(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The kill switch of one account."""
    account = account_for(request.user, pk)
    form = HaltForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        terms = form.terms()
        with refusals_at(form):
            account_halt(owner=request.user, account_id=pk, **terms)
            said = f"{account.name} is halted: no new order leaves until you resume it."
            messages.warning(request, f"{said} {GO}" if terms["cancels_exits"] else said)
            return redirect("accounts:account-detail", pk)
    context = {
        **(ACCOUNT_EXITS_TOO if account.is_halted else ACCOUNT_HALT),
        "title": f"Cancel the stops and targets of {account.name}?" if account.is_halted else f"Halt {account.name}?",
        "crumbs": _crumbs_of(account),
        "cancel_url": reverse("accounts:account-detail", args=[pk]),
        "form": ExitsTooForm(request.POST or None) if account.is_halted else form,
    }
    return render(request, "confirm.html", context)


@login_required
@require_POST
def account_resume_page(request: HttpRequest, pk: UUID) -> HttpResponse:
    account = account_for(request.user, pk)
    account_resume(owner=request.user, account_id=pk)
    messages.success(request, f"{account.name} trades again. Orders that were cancelled stay cancelled.")
    return redirect("accounts:account-detail", pk)


@login_required
@require_http_methods(["GET", "POST"])
def flatten(request: HttpRequest) -> HttpResponse:
    """Close everything in all accounts."""
    form = CloseForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        key = form.cleaned_data["creation_key"]
        _tell(request, trader_flatten(owner=request.user, creation_key=key, now=timezone.now()))
        return redirect("trades:flatten-progress")
    where = "Everything your connected accounts hold"
    return _flatten_page(request, form, title="Close every position of all accounts?", where=where)


@login_required
@require_http_methods(["GET", "POST"])
def account_flatten_page(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Close everything one account holds."""
    account = account_for(request.user, pk)
    form = CloseForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        with refusals_at(form):
            key = form.cleaned_data["creation_key"]
            done = account_flatten(owner=request.user, account_id=pk, creation_key=key, now=timezone.now())
            _tell(request, done)
            return redirect(f"{reverse('trades:flatten-progress')}?{urlencode({'account': pk})}")
    title, where = f"Close every position of {account.name}?", "Everything the account holds"
    return _flatten_page(request, form, title=title, where=where)


@login_required
@require_safe
def flatten_progress(request: HttpRequest) -> HttpResponse:
    """What is still held, and what closes it, until nothing is."""
    live = live_context(request)
    accounts = list(accounts_in_use(request.user))
    chosen = account_chosen(accounts, request.GET.get("account"))
    again = reverse("trades:positions-close-all", args=[chosen.pk]) if chosen else reverse("trades:flatten")
    context: dict[str, Any] = {
        "chosen": chosen,
        "flattening": flattening_of(request.user, chosen, now=live["now"]),
        "again_url": again,
        "stale_connections": connections_stale([chosen] if chosen else accounts, now=live["now"]),
    }
    return render(request, "trades/flatten_progress.html", context | live)


def _flatten_page(request: HttpRequest, form: CloseForm, *, title: str, where: str) -> HttpResponse:
    context = {
        "form": form,
        "title": title,
        "text": f"{where} is sold at the market price, and what is owed bought back. It works while trading is halted.",
        "consequences": FLAT_MEANS,
        "action_label": "Close everything",
        "crumbs": [("Positions", reverse("trades:position-list"))],
        "cancel_url": reverse("trades:position-list"),
    }
    return render(request, "confirm.html", context)


def _tell(request: HttpRequest, done: Flattened) -> None:
    """What was placed, and word for word what could not be."""
    placed = len(done.orders) - sum(1 for each in done.unclosed if each.code == "denied")
    if placed:
        messages.success(request, f"You placed {placed} order{'' if placed == 1 else 's'} to close what is held.")
    elif not done.unclosed:
        messages.info(request, "Nothing is held that is not being closed already.")
    for each in done.unclosed:
        what = f"{each.symbol} in {each.account.name}" if each.symbol else each.account.name
        messages.error(request, f"{what} could not be closed. {each.sentence}")


def _crumbs_of(account: TradingAccount) -> list[tuple[str, str]]:
    detail = reverse("accounts:account-detail", args=[account.pk])
    return [("Accounts", reverse("accounts:account-list")), (account.name, detail)]
