"""Recording executions: one fill at a time, and a finished trade in one form."""

from decimal import Decimal
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from accounts.models import Broker
from trades.forms.fields import VersionedForm, refusals_at
from trades.forms.fill import FillCreateForm, FillEditForm, FillFields, proposal
from trades.forms.quick import QuickForm
from trades.models import Fill, Trade
from trades.selectors.trade_page import fill_for, trade_for
from trades.services.errors import StaleVersion
from trades.services.fills import exit_side_of, fill_costs, fill_create, fill_delete, fill_edit
from trades.services.quick import quick_entry
from trades.views.plans import changes_since
from trenddojo.domain.errors import DomainError
from trenddojo.domain.money import CENT

FOR_COSTS = ("kind", "side", "quantity", "price", "executed_at")
# Where one of these cannot be read, nothing is proposed over it.
OF_COSTS = frozenset({"commission", "fees", "proposed", "are_final"})


@login_required
@require_http_methods(["GET", "POST"])
def create(request: HttpRequest, pk: UUID) -> HttpResponse:
    trade = trade_for(request.user, pk)
    form = FillCreateForm(request.POST or None, trade=trade, initial=_first_values(request, trade))
    if request.method == "POST" and form.is_valid():
        with refusals_at(form):
            fill = fill_create(
                owner=request.user,
                trade_id=pk,
                given=form.given(),
                creation_key=form.cleaned_data["creation_key"],
                now=timezone.now(),
            )
            _tell(request, fill)
            return redirect("trades:trade-detail", pk)
    return render(request, "trades/fill_form.html", {"form": form, "trade": trade})


@login_required
@require_http_methods(["GET", "POST"])
def edit(request: HttpRequest, pk: UUID) -> HttpResponse:
    fill = fill_for(request.user, pk)
    trade = fill.trade
    form = FillEditForm(request.POST or None, trade=trade, initial=_values_of(fill))
    if request.method == "POST" and form.is_valid():
        with refusals_at(form):
            fill_edit(
                owner=request.user,
                fill_id=pk,
                given=form.given(),
                version=form.cleaned_data["version"],
                now=timezone.now(),
            )
            messages.success(request, "The fill is changed and the trade computed anew.")
            return redirect("trades:trade-detail", trade.pk)
    context = {"form": form, "trade": trade, "fill": fill, "changes": changes_since(form, trade)}
    return render(request, "trades/fill_form.html", context)


@login_required
@require_http_methods(["GET", "POST"])
def delete(request: HttpRequest, pk: UUID) -> HttpResponse:
    fill = fill_for(request.user, pk)
    if request.method == "POST":
        try:
            version = int(request.POST.get("version", ""))
            fill_delete(owner=request.user, fill_id=pk, version=version)
        except (DomainError, ValueError) as refusal:
            messages.error(request, f"The fill was kept. {refusal_sentence(refusal)}")
        else:
            messages.success(request, "The fill is deleted and the trade computed anew.")
        return redirect("trades:trade-detail", fill.trade_id)
    context = {
        "title": "Delete this fill?",
        "text": f"{fill.get_side_display()} {fill.quantity.normalize():f} {fill.trade.symbol} "
        f"at {fill.price.normalize():f}. The trade is computed anew without it; the history keeps what it was.",
        "action_label": "Delete the fill",
        "cancel_url": reverse("trades:trade-detail", args=[fill.trade_id]),
        "form": VersionedForm(initial={"version": fill.trade.version}),
    }
    return render(request, "confirm.html", context)


@login_required
@require_POST
def costs(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The cost fields, filled in by the broker's schedule; what was typed stays."""
    trade = trade_for(request.user, pk)
    form = FillFields(request.POST, trade=trade)
    form.is_valid()
    data = request.POST.copy()
    typed = {name: form.cleaned_data.get(name) for name in ("commission", "fees")}
    schedule = ""
    if all(form.cleaned_data.get(name) is not None for name in FOR_COSTS) and not OF_COSTS & form.errors.keys():
        estimate = fill_costs(trade=trade, given=form.given())
        schedule = estimate.schedule_name
        if data.get("proposed", "") in ("", "/") and not any(value is None for value in typed.values()):
            schedule = ""
        elif schedule and proposal(*typed.values()) in (data.get("proposed", ""), "/"):
            data["commission"] = f"{estimate.commission:f}"
            data["fees"] = f"{estimate.fees:f}"
            data["proposed"] = proposal(estimate.commission, estimate.fees)
    return render(
        request, "trades/_fill_costs.html", {"form": FillFields(data, trade=trade), "schedule": _named(schedule)}
    )


@login_required
@require_http_methods(["GET", "POST"])
def quick(request: HttpRequest) -> HttpResponse:
    form = QuickForm(request.POST or None, owner=request.user, initial=_quick_values(request))
    if request.method == "POST" and form.is_valid():
        with refusals_at(form):
            trade = quick_entry(
                owner=request.user,
                given=form.given(),
                creation_key=form.cleaned_data["creation_key"],
                now=timezone.now(),
            )
            messages.success(request, f"The trade in {trade.symbol} is recorded.")
            return redirect("trades:trade-detail", trade.pk)
    return render(request, "trades/quick_form.html", {"form": form})


def refusal_sentence(refusal: Exception) -> str:
    if isinstance(refusal, StaleVersion):
        return "This trade was changed elsewhere since you opened the page: look at it as it is now, then try again."
    return refusal.sentence if isinstance(refusal, DomainError) else "Open the page again and try once more."


def _shown(amount: Decimal) -> Decimal:
    """Two decimals, or every decimal that was recorded."""
    in_cents = amount.quantize(CENT)
    return in_cents if in_cents == amount else amount.normalize()


def _named(schedule: str) -> str:
    """The schedule's name with the broker's as people know it."""
    broker, _, since = schedule.partition(" ")
    return f"{dict(Broker.choices).get(broker, broker)} {since}".strip()


def _tell(request: HttpRequest, fill: Fill) -> None:
    status = Trade.objects.values_list("status", flat=True).get(pk=fill.trade_id)
    messages.success(request, f"The fill is recorded; the trade is {status}.")


def _first_values(request: HttpRequest, trade: Trade) -> dict[str, Any]:
    """A first fill opens the trade as planned; later ones propose to close what is open."""
    exit_side = exit_side_of(trade)
    entry_side = "sell" if exit_side == "buy" else "buy"
    asked = request.GET.get("side")
    side = asked if asked in ("buy", "sell") else (exit_side if trade.open_quantity else entry_side)
    quantity = trade.open_quantity if side == exit_side else trade.planned_quantity if not trade.quantity else None
    return {
        "side": side,
        "quantity": quantity.normalize() if quantity else None,
        "executed_at": timezone.now().replace(microsecond=0),
    }


def _quick_values(request: HttpRequest) -> dict[str, Any]:
    return {name: request.GET[name] for name in ("account", "symbol", "setup") if request.GET.get(name)}


def _values_of(fill: Fill) -> dict[str, Any]:
    return {
        "kind": fill.kind,
        "side": fill.side,
        "quantity": fill.quantity.normalize(),
        "price": _shown(fill.price),
        "executed_at": fill.executed_at,
        "commission": _shown(fill.commission),
        "fees": _shown(fill.fees),
        "proposed": proposal(fill.commission, fill.fees) if fill.has_estimated_costs else "",
        "version": fill.trade.version,
        "opened_at": timezone.now().isoformat(),
    }
