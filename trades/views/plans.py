"""Planning: the form, its size as fields change, and its checklist."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods

from accounts.selectors import account_for
from trades.forms.fields import refusals_at
from trades.forms.plan import DetailsForm, PlanCreateForm, PlanEditForm, PlanFields, checklist_of, checklist_rows
from trades.models import Trade, TradeStatus
from trades.selectors.history import trade_history
from trades.selectors.trade_page import trade_for
from trades.services.plan_input import PlanInput
from trades.services.plans import details_edit, plan_create, plan_edit, plan_of, plan_size
from trades.services.sizing import PlanSize
from trenddojo.domain.errors import DomainError

BOUNDS = {
    "risk": "the risk per trade",
    "max_position": "the largest position allowed",
    "buying_power": "the buying power",
    "open_risk": "the open-risk budget (heat)",
    "daily_loss": "the daily loss limit",
    "weekly_loss": "the weekly loss limit",
    "lot": "the smallest quantity",
}
WAITING = (TradeStatus.PLANNED, TradeStatus.PENDING)


@dataclass(frozen=True, slots=True)
class SizeAnswer:
    """What the size panel shows: a size, or why there is none yet."""

    size: PlanSize | None = None
    currency: str = ""
    problems: list[str] = field(default_factory=list)

    @property
    def bound(self) -> str:
        return BOUNDS[self.size.allowed.bound_by] if self.size else ""


@login_required
@require_http_methods(["GET", "POST"])
def create(request: HttpRequest) -> HttpResponse:
    form = PlanCreateForm(request.POST or None, owner=request.user, initial=_first_values(request))
    if request.method == "POST" and form.is_valid():
        with refusals_at(form):
            trade = plan_create(
                owner=request.user,
                plan=form.plan(),
                creation_key=form.cleaned_data["creation_key"],
                now=timezone.now(),
            )
            messages.success(request, f"{trade.symbol} is planned.")
            return redirect("trades:trade-detail", trade.pk)
    return _plan_page(request, form)


@login_required
@require_http_methods(["GET", "POST"])
def edit(request: HttpRequest, pk: UUID) -> HttpResponse:
    trade = trade_for(request.user, pk)
    if trade.status not in WAITING:
        return _details(request, trade)
    form = PlanEditForm(request.POST or None, owner=request.user, trade=trade, initial=_values_of(trade))
    if request.method == "POST" and form.is_valid():
        with refusals_at(form):
            plan_edit(
                owner=request.user,
                trade_id=pk,
                plan=form.plan(),
                version=form.cleaned_data["version"],
                now=timezone.now(),
            )
            messages.success(request, "The plan is changed.")
            return redirect("trades:trade-detail", pk)
    return _plan_page(request, form, trade)


@login_required
@require_http_methods(["GET", "POST"])
def size(request: HttpRequest) -> HttpResponse:
    """The size of what is typed so far; stores nothing. Without JavaScript the whole form comes back with it."""
    if request.method == "GET":
        return redirect("trades:plan-create")
    trade = _trade_asked(request)
    if trade is None:
        form: PlanFields = PlanCreateForm(request.POST, owner=request.user)
    else:
        form = PlanEditForm(request.POST, owner=request.user, trade=trade, initial=_values_of(trade))
    if request.htmx:
        context = {"answer": _answer(request, form, trade, typed_only=True)}
        return render(request, "trades/_plan_size.html", context)
    form.is_valid()
    return _plan_page(request, form, trade)


@login_required
@require_GET
def checklist(request: HttpRequest) -> HttpResponse:
    """The checklist of the setup just chosen."""
    rows = checklist_rows(request.user, request.GET.get("setup", ""), trade=_trade_asked(request), ticked=set())
    return render(request, "trades/_plan_checklist.html", {"checklist": rows})


def _details(request: HttpRequest, trade: Trade) -> HttpResponse:
    """The plan is frozen: setup, checklist and thesis may still change."""
    first = {"setup": trade.setup_id or "", "thesis": trade.thesis, **_seen(trade)}
    form = DetailsForm(request.POST or None, owner=request.user, trade=trade, initial=first)
    if request.method == "POST" and form.is_valid():
        with refusals_at(form):
            details_edit(
                owner=request.user,
                trade_id=trade.pk,
                setup_id=form.setup_id,
                checklist=checklist_of(form),
                thesis=form.cleaned_data["thesis"],
                version=form.cleaned_data["version"],
            )
            messages.success(request, "Saved.")
            return redirect("trades:trade-detail", trade.pk)
    context = {
        "form": form,
        "trade": trade,
        "checklist": _checklist(request, form, trade),
        "changes": changes_since(form, trade),
    }
    return render(request, "trades/trade_edit.html", context)


def _plan_page(request: HttpRequest, form: PlanFields, trade: Trade | None = None) -> HttpResponse:
    asked = f"?trade={trade.pk}" if trade else ""
    context = {
        "form": form,
        "trade": trade,
        "answer": _answer(request, form, trade, typed_only=not form.is_bound),
        "checklist": _checklist(request, form, trade),
        "changes": changes_since(form, trade) if trade else [],
        "reasons": getattr(form, "reasons", []),
        "hint": getattr(form, "hint", ""),
        "size_url": reverse("trades:plan-size") + asked,
        "checklist_url": reverse("trades:plan-checklist") + asked,
        "action_url": reverse("trades:plan-edit", args=[trade.pk]) if trade else reverse("trades:plan-create"),
    }
    return render(request, "trades/plan_form.html", context)


def _answer(request: HttpRequest, form: PlanFields, trade: Trade | None, *, typed_only: bool) -> SizeAnswer:
    """Size what is typed; `typed_only` leaves out what is merely not filled in yet."""
    if not form.is_bound:
        return _sized(request, plan_of(trade) if trade else None, trade)
    if not form.is_valid() and any(name in form.errors for name in form.fields if name not in _BESIDE_THE_SIZE):
        return SizeAnswer(problems=_problems(form, typed_only=typed_only))
    return _sized(request, form.plan(), trade)


def _sized(request: HttpRequest, plan: PlanInput | None, trade: Trade | None) -> SizeAnswer:
    if plan is None:
        return SizeAnswer()
    account = account_for(request.user, plan.account_id)
    try:
        found = plan_size(account=account, plan=plan, now=timezone.now(), without=trade.pk if trade else None)
    except DomainError as refusal:
        return SizeAnswer(problems=[refusal.sentence])
    return SizeAnswer(size=found, currency=account.currency)


_BESIDE_THE_SIZE = frozenset({"reason", "override", "thesis", "creation_key", "version", "opened_at"})


def _problems(form: forms.Form, *, typed_only: bool) -> list[str]:
    return [
        f"{form.fields[name].label or name.replace('_', ' ').capitalize()}: {error}"
        for name, errors in form.errors.items()
        if name in form.fields and not (typed_only and not form.data.get(name))
        for error in errors
    ]


def _checklist(request: HttpRequest, form: forms.Form, trade: Trade | None) -> list[dict[str, Any]]:
    if form.is_bound:
        ticked = set(form.data.getlist("criterion"))
    else:
        ticked = {str(answer.criterion_id) for answer in trade.checklist.all() if answer.is_met} if trade else set()
    return checklist_rows(request.user, str(form["setup"].value() or ""), trade=trade, ticked=ticked)


def changes_since(form: forms.Form, trade: Trade) -> list[Any]:
    """What others changed since the form was opened, for a form that was refused because of it."""
    if not getattr(form, "is_stale", False):
        return []
    return trade_history(trade, since=form.cleaned_data.get("opened_at"), limit=5)


def _trade_asked(request: HttpRequest) -> Trade | None:
    asked = request.GET.get("trade", "")
    try:
        return trade_for(request.user, UUID(asked)) if asked else None
    except ValueError:
        return None


def _first_values(request: HttpRequest) -> dict[str, Any]:
    named = ("account", "symbol", "direction", "asset_class", "setup")
    return {name: request.GET[name] for name in named if request.GET.get(name)}


def _seen(trade: Trade) -> dict[str, Any]:
    return {"version": trade.version, "opened_at": timezone.now().isoformat()}


def _values_of(trade: Trade) -> dict[str, Any]:
    """The plan as the form shows it; numbers without the zeros of their columns."""
    numbers = {"entry": trade.entry_price, "stop": trade.initial_stop, "quantity": trade.planned_quantity}
    numbers |= {"risk_percent": trade.risk_percent, "multiplier": trade.multiplier if trade.multiplier != 1 else None}
    for number, target in enumerate(trade.targets.all(), start=1):
        numbers |= {f"target_{number}": target.price, f"portion_{number}": target.portion_percent}
    override = trade.overrides.first()
    return {
        **{name: value.normalize() for name, value in numbers.items() if value is not None},
        "symbol": trade.symbol,
        "asset_class": trade.asset_class,
        "direction": trade.direction,
        "setup": trade.setup_id or "",
        "thesis": trade.thesis,
        "override": override is not None,
        "reason": override.reason if override else "",
        **_seen(trade),
    }
