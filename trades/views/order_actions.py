"""What a trader does with working orders: cancel one or all, and change one."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.http import require_http_methods

from accounts.selectors import accounts_of
from trades.execution.cancel_all import Cancelled
from trades.execution.intents import order_cancel, order_replace, orders_cancel
from trades.forms.fields import refusals_at
from trades.forms.position import ReplaceForm
from trades.models import Order
from trades.selectors.order_desks import times_offered
from trades.selectors.orders import order_for, working_ids
from trades.templatetags.orders import order_type, shown_quantity
from trades.views.account_choice import account_chosen
from trenddojo.domain.errors import DomainError
from trenddojo.domain.orders import OrderRole

NOT_CANCELLED = "The order was not cancelled."
ROLE_WARNINGS = {
    OrderRole.STOP_LOSS.value: "It is the stop of a position: without it the loss is not limited.",
    OrderRole.TAKE_PROFIT.value: "It is the target of a position. Its stop may go with it, if the broker ties the two.",
}


@login_required
@require_http_methods(["GET", "POST"])
def cancel(request: HttpRequest, pk: UUID) -> HttpResponse:
    order = order_for(request.user, pk)
    if request.method == "POST":
        done = f"You asked to cancel the order for {order.symbol}."
        order_act(request, pk, order_cancel, done, NOT_CANCELLED)
        return redirect("trades:order-detail", pk)
    consequences = ["What is filled already stays filled."]
    if order.role in ROLE_WARNINGS:
        consequences.append(ROLE_WARNINGS[order.role])
    context = {
        "title": f"Cancel the order for {order.symbol}?",
        "text": f"{words(order)} {order.get_status_display()}.",
        "consequences": consequences,
        "action_label": "Cancel the order",
        "crumbs": [
            ("Orders", reverse("trades:order-list")),
            (order.symbol, reverse("trades:order-detail", args=[pk])),
        ],
        "cancel_url": reverse("trades:order-detail", args=[pk]),
    }
    return render(request, "confirm.html", context)


@login_required
@require_http_methods(["GET", "POST"])
def cancel_all(request: HttpRequest) -> HttpResponse:
    """Every working order of an account, or of all; narrowed to a symbol where one is named."""
    accounts = list(accounts_of(request.user))
    chosen = account_chosen(accounts, request.GET.get("account"))
    meant = [chosen] if chosen else accounts
    symbol = request.GET.get("symbol", "").strip().upper()[:32].replace("\0", "")
    query = urlencode({name: value for name, value in (("account", chosen and chosen.pk), ("symbol", symbol)) if value})
    back = f"{reverse('trades:order-list')}?{query}" if query else reverse("trades:order-list")
    if request.method == "POST":
        _tell_cancelled(request, orders_cancel(owner=request.user, accounts=meant, symbol=symbol, now=timezone.now()))
        return redirect(back)
    keys = working_ids(meant, symbol=symbol)
    if not keys:
        messages.info(request, "No order works: there is nothing to cancel.")
        return redirect(back)
    where = f" in {chosen.name}" if chosen else " in all accounts"
    context = {
        "title": f"Cancel {_count(len(keys))}{f' for {symbol}' if symbol else ''}{where}?",
        "text": "The broker is asked to cancel each of them. What is filled already stays filled.",
        "consequences": ["Stops and targets go too: positions are then without protection."],
        "action_label": "Cancel them all",
        "crumbs": [("Orders", back)],
        "cancel_url": back,
    }
    return render(request, "confirm.html", context)


@login_required
@require_http_methods(["GET", "POST"])
def replace(request: HttpRequest, pk: UUID) -> HttpResponse:
    order = order_for(request.user, pk)
    form = ReplaceForm(request.POST or None, order=order, times=times_offered(order), initial=_values_of(order))
    if request.method == "POST" and form.is_valid():
        with refusals_at(form):
            replaced: Order = order_replace(
                owner=request.user,
                order_id=pk,
                changes=form.changes(),
                creation_key=form.cleaned_data["creation_key"],
                now=timezone.now(),
            )
            messages.success(request, f"You asked to change the order for {order.symbol}.")
            return redirect(order_url(replaced))
    context = {"form": form, "order": order, "words": words(order), "reasons": getattr(form, "reasons", [])}
    return render(request, "trades/order_replace.html", context)


def order_url(order: Order) -> str:
    """The order's page; of one that is being changed the page of what takes its place, once there is one."""
    address = reverse("trades:order-detail", args=[order.pk])
    return f"{address}?follow=1" if order.pending_change else address


def order_act(request: HttpRequest, pk: UUID, act: Callable[..., Any], done: str, refused: str = "") -> None:
    """Do something with an order of whoever asks, and say what came of it: `refused` goes before the reason."""
    try:
        act(owner=request.user, order_id=pk, now=timezone.now())
    except DomainError as refusal:
        messages.error(request, f"{refused} {refusal.sentence}".strip())
    else:
        messages.success(request, done)


def words(order: Order) -> str:
    """An order in a sentence."""
    return f"{order.get_side_display()} {shown_quantity(order.quantity)} {order.symbol}, {order_type(order)}."


def _tell_cancelled(request: HttpRequest, done: Cancelled) -> None:
    if done.asked:
        messages.success(request, f"You asked to cancel {_count(len(done.asked))}.")
    if done.uncancelled:
        reasons = " ".join(dict.fromkeys(each.sentence for each in done.uncancelled))
        messages.error(request, f"{_count(len(done.uncancelled))} could not be cancelled. {reasons}")


def _count(number: int) -> str:
    return f"{number} order{'' if number == 1 else 's'}"


def _values_of(order: Order) -> dict[str, Any]:
    names = ("quantity", "limit_price", "stop_price", "trail_percent")
    numbers = {name: value.normalize() for name in names if (value := getattr(order, name)) is not None}
    return {**numbers, "time_in_force": order.time_in_force}
