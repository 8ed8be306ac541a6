"""One trade: its page, its history, its stop and its steps."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from trades.forms.fields import VersionedForm, refusals_at
from trades.forms.plan import ReopenForm
from trades.forms.stop import StopForm
from trades.models import Trade
from trades.selectors.broker_now import position_of
from trades.selectors.freshness import connections_stale
from trades.selectors.history import trade_history
from trades.selectors.orders import orders_of_trade
from trades.selectors.trade_chart import REASONS, chart_state
from trades.selectors.trade_page import TradePage, trade_for, trade_page
from trades.services.plans import plan_reopen
from trades.services.status import plan_cancel, trade_delete, trade_mark_pending, trade_mark_planned
from trades.services.stops import stop_move
from trades.views.fills import refusal_sentence
from trades.views.live import live_context
from trades.views.plans import changes_since
from trades.views.trade_chart import chart_of
from trenddojo.domain.errors import DomainError

MOST_DIGITS = 9


@login_required
@require_safe
def detail(request: HttpRequest, pk: UUID) -> HttpResponse:
    live = live_context(request)
    page = trade_page(request.user, pk)
    trade, connection = page.trade, getattr(page.trade.account, "connection", None)
    context: dict[str, Any] = {
        "page": page,
        "trade": trade,
        "connection": connection,
        "chosen": trade.account,
        "orders": orders_of_trade(trade),
        "line": position_of(trade, now=live["now"]) if connection else None,
        **_market(request, page),
        "stale_connections": connections_stale([trade.account], now=live["now"]) if connection else [],
    }
    return render(request, "trades/trade_detail.html", context | live)


def _market(request: HttpRequest, page: TradePage) -> dict[str, Any]:
    """The chart, or why there is none; the parts of the page that follow do not hold it."""
    if request.headers.get("HX-Request") or not page.fills:
        return {}
    state = chart_state(page.trade)
    return {"chart": chart_of(page, state), "chart_state": state.value, "no_bars": REASONS[state]}


@login_required
@require_safe
def history(request: HttpRequest, pk: UUID) -> HttpResponse:
    trade = trade_for(request.user, pk)
    return render(request, "trades/trade_history.html", {"trade": trade, "entries": trade_history(trade)})


@login_required
@require_http_methods(["GET", "POST"])
def stop(request: HttpRequest, pk: UUID) -> HttpResponse:
    trade = trade_for(request.user, pk)
    now = timezone.now()
    # A stop noted for the first time was most likely there from the start.
    since = now.replace(microsecond=0) if trade.stop_loss is not None else trade.entry_date or now
    first = {"moved_at": since, "version": trade.version, "opened_at": now.isoformat()}
    form = StopForm(request.POST or None, initial=first)
    if request.method == "POST" and form.is_valid():
        with refusals_at(form):
            stop_move(
                owner=request.user,
                trade_id=pk,
                price=form.cleaned_data["price"],
                moved_at=form.cleaned_data["moved_at"],
                note=form.cleaned_data["note"],
                version=form.cleaned_data["version"],
                now=now,
            )
            messages.success(request, "The stop is moved. The initial risk stays what it was.")
            return redirect("trades:trade-detail", pk)
    context = {"form": form, "trade": trade, "changes": changes_since(form, trade)}
    return render(request, "trades/stop_form.html", context)


@login_required
@require_http_methods(["GET", "POST"])
def reopen(request: HttpRequest, pk: UUID) -> HttpResponse:
    trade = trade_for(request.user, pk)
    first = {"version": trade.version, "opened_at": timezone.now().isoformat()}
    form = ReopenForm(request.POST or None, initial=first)
    if request.method == "POST" and form.is_valid():
        with refusals_at(form):
            plan_reopen(
                owner=request.user,
                trade_id=pk,
                version=form.cleaned_data["version"],
                override_reason=form.override_reason,
                now=timezone.now(),
            )
            messages.success(request, f"The plan for {trade.symbol} waits again.")
            return redirect("trades:trade-detail", pk)
    context = {"form": form, "trade": trade, "changes": changes_since(form, trade)}
    context |= {"reasons": getattr(form, "reasons", []), "hint": getattr(form, "hint", "")}
    return render(request, "trades/plan_reopen.html", context)


@login_required
@require_POST
def mark_pending(request: HttpRequest, pk: UUID) -> HttpResponse:
    return _stepped(request, pk, trade_mark_pending, "The order is placed: waiting for its fill.")


@login_required
@require_POST
def mark_planned(request: HttpRequest, pk: UUID) -> HttpResponse:
    return _stepped(request, pk, trade_mark_planned, "The order is withdrawn: this is a plan again.")


@login_required
@require_http_methods(["GET", "POST"])
def cancel(request: HttpRequest, pk: UUID) -> HttpResponse:
    trade = trade_for(request.user, pk)
    if request.method == "POST":
        return _stepped(request, pk, plan_cancel, "The plan is cancelled and its room is free again.")
    context = {
        "title": f"Cancel the plan for {trade.symbol}?",
        "text": "It stays in your list as cancelled and can be reopened. The room it took is free again.",
        "action_label": "Cancel the plan",
    }
    return _confirm(request, trade, context)


@login_required
@require_http_methods(["GET", "POST"])
def delete(request: HttpRequest, pk: UUID) -> HttpResponse:
    trade = trade_for(request.user, pk)
    if request.method == "POST":
        try:
            trade_delete(owner=request.user, trade_id=pk, version=_version(request))
        except DomainError as refusal:
            messages.error(request, f"The trade was kept. {refusal_sentence(refusal)}")
            return redirect("trades:trade-detail", pk)
        messages.success(request, f"The trade in {trade.symbol} is deleted.")
        return redirect("trades:trade-list")
    context = {
        "title": f"Delete the trade in {trade.symbol}?",
        "text": "This cannot be undone.",
        "consequences": [
            "Its fills, plan, notes and screenshots are deleted with it.",
            "Your figures are computed as if it had never been.",
        ],
        "action_label": "Delete the trade",
    }
    return _confirm(request, trade, context)


def _stepped(request: HttpRequest, pk: UUID, step: Callable[..., Trade], done: str) -> HttpResponse:
    try:
        step(owner=request.user, trade_id=pk, version=_version(request))
    except DomainError as refusal:
        messages.error(request, refusal_sentence(refusal))
    else:
        messages.success(request, done)
    return redirect("trades:trade-detail", pk)


def _version(request: HttpRequest) -> int:
    """The version the page showed; one that cannot be read matches no trade."""
    text = request.POST.get("version", "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= MOST_DIGITS else 0


def _confirm(request: HttpRequest, trade: Trade, context: dict[str, Any]) -> HttpResponse:
    context |= {
        "cancel_url": reverse("trades:trade-detail", args=[trade.pk]),
        "form": VersionedForm(initial={"version": trade.version}),
    }
    return render(request, "confirm.html", context)
