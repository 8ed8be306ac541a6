"""What can be done with a position through its broker: close all or a part of it, move or trail its stop, adopt it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from accounts.models import TradingAccount
from accounts.selectors import account_for
from brokers.services.live import live_is_armed
from trades.execution.adopt import position_adopt
from trades.execution.intents import position_close, scale_out, stop_move, stop_trail
from trades.forms.fields import refusals_at
from trades.forms.position import AdoptForm, CloseForm, MoveStopForm, ScaleOutForm, TrailForm
from trades.models import Order, Trade
from trades.selectors.positions import positions_compared
from trades.selectors.trade_page import trade_for
from trades.templatetags.orders import shown_price, shown_quantity
from trades.views.order_actions import order_url
from trades.views.order_ticket import tell_sent

SIDE_OUT = {"long": "Sell", "short": "Buy back"}
# The stop that works is in the way of a market exit.
EXITS_GO = "Stops and targets that hold these units are cancelled first; what stays open is protected again as it was."


@dataclass(frozen=True, slots=True)
class Action:
    """One thing to do with a trade's position: its form, its words, and what is called."""

    form: type[forms.Form]
    title: str
    text: Callable[[Trade], str]
    label: str
    icon: str
    act: Callable[..., Any]
    fields: tuple[str, ...] = ()
    is_grave: bool = False


def _closing(trade: Trade) -> str:
    return f"{SIDE_OUT[trade.direction]} {shown_quantity(trade.open_quantity)} {trade.symbol} at the market price."


def _scaling(trade: Trade) -> str:
    return f"{SIDE_OUT[trade.direction]} a part of {shown_quantity(trade.open_quantity)} {trade.symbol} at market."


def _stopping(trade: Trade) -> str:
    if trade.stop_loss is None:
        return f"A stop order for all of {shown_quantity(trade.open_quantity)} {trade.symbol} is placed at the broker."
    return (
        f"The stop lies at {shown_price(trade.stop_loss)}. The broker's stop order is moved, or placed if none works."
    )


def _trailing(trade: Trade) -> str:
    return (
        f"A trailing stop for all of {shown_quantity(trade.open_quantity)} {trade.symbol} takes the place of the stop. "
        "A target that works beside it goes."
    )


ACTIONS = {
    "close": Action(
        CloseForm, "Close {symbol}?", _closing, "Close the position", "x", position_close, is_grave=True
    ),
    "scale-out": Action(
        ScaleOutForm, "Scale out of {symbol}", _scaling, "Close this part", "minus", scale_out, ("quantity",)
    ),
    "stop": Action(
        MoveStopForm, "Work a stop for {symbol}", _stopping, "Send the stop", "shield-check", stop_move, ("price",)
    ),
    "trail": Action(
        TrailForm, "Trail the stop of {symbol}", _trailing, "Send the trailing stop", "trending-up",
        stop_trail, ("trail_percent",),
    ),
}  # fmt: skip


@login_required
@require_http_methods(["GET", "POST"])
def act(request: HttpRequest, pk: UUID, action: str) -> HttpResponse:
    """One action on the position of a trade."""
    trade = trade_for(request.user, pk)
    if getattr(trade.account, "connection", None) is None:
        messages.info(request, f"{trade.account.name} places no orders: record here what you did elsewhere.")
        return redirect("trades:trade-detail", pk)
    if not trade.open_quantity:
        messages.info(request, f"{trade.symbol} is not open: there is no position to act on.")
        return redirect("trades:trade-detail", pk)
    asked = ACTIONS[action]
    form = asked.form(request.POST or None, initial=_first_values(asked, trade))
    if request.method == "POST" and form.is_valid():
        with refusals_at(form):
            done = asked.act(
                owner=request.user,
                trade_id=pk,
                creation_key=form.cleaned_data["creation_key"],
                now=timezone.now(),
                **{name: form.cleaned_data[name] for name in asked.fields},
            )
            return _done(request, done, trade)
    context = {
        "form": form,
        "trade": trade,
        "action": asked,
        "title": asked.title.format(symbol=trade.symbol),
        "text": asked.text(trade),
        "reasons": getattr(form, "reasons", []),
        "exits_note": EXITS_GO if action in ("close", "scale-out") else "",
        "back_url": reverse("trades:trade-detail", args=[pk]),
        **_whose(trade.account),
    }
    return render(request, "trades/position_form.html", context)


@login_required
@require_http_methods(["GET", "POST"])
def close_symbol(request: HttpRequest) -> HttpResponse:
    """Close a position by account and symbol: one that has no trade in the journal, too."""
    account, symbol = _named(request)
    form = CloseForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        with refusals_at(form):
            position_close(
                owner=request.user,
                account_id=account.pk,
                symbol=symbol,
                creation_key=form.cleaned_data["creation_key"],
                now=timezone.now(),
            )
            messages.success(request, f"You placed the order that closes {symbol}.")
            return redirect("trades:position-list")
    context = {
        "form": form,
        "title": f"Close {symbol}?",
        "text": f"All of {symbol} in {account.name} is closed at the market price.",
        "consequences": [EXITS_GO],
        "action_label": "Close the position",
        "crumbs": [("Positions", reverse("trades:position-list"))],
        "cancel_url": reverse("trades:position-list"),
    }
    return render(request, "confirm.html", context)


@login_required
@require_http_methods(["GET", "POST"])
def adopt(request: HttpRequest) -> HttpResponse:
    """Bring the journal to what the broker holds: a position it lacks, or one of another size."""
    account, symbol = _named(request)
    line = next((line for line in positions_compared(request.user, account) if line.symbol == symbol), None)
    if line is None or line.connection is None:
        raise Http404
    form = AdoptForm(request.POST or None)
    if line.trade is not None:
        del form.fields["stop"]
    if request.method == "POST" and form.is_valid():
        with refusals_at(form):
            trade: Trade = position_adopt(
                owner=request.user,
                account_id=account.pk,
                symbol=symbol,
                stop=form.cleaned_data.get("stop"),
                creation_key=form.cleaned_data["creation_key"],
                now=timezone.now(),
            )
            messages.success(request, f"The journal holds {symbol} as the broker does.")
            return redirect("trades:trade-detail", trade.pk)
    context = {"form": form, "account": account, "symbol": symbol, "line": line}
    return render(request, "trades/position_adopt.html", context)


def _done(request: HttpRequest, done: Order, trade: Trade) -> HttpResponse:
    """Where a position's order is shown, or what takes its place."""
    if done.pending_change:
        messages.success(request, f"You asked to change the order for {trade.symbol}.")
    else:
        tell_sent(request, done)
    return redirect(order_url(done))


def _first_values(action: Action, trade: Trade) -> dict[str, Any]:
    if "price" in action.fields and trade.stop_loss is not None:
        return {"price": trade.stop_loss.normalize()}
    return {}


def _named(request: HttpRequest) -> tuple[TradingAccount, str]:
    """The account and the symbol in the address. Raises Http404."""
    symbol = request.GET.get("symbol", "").strip().upper().replace("\0", "")[:32]
    if not symbol or not request.GET.get("account"):
        raise Http404
    return account_for(request.user, request.GET["account"]), symbol


def _whose(account: TradingAccount) -> dict[str, Any]:
    connection = getattr(account, "connection", None)
    return {
        "account": account,
        "connection": connection,
        "is_live": connection is not None and not connection.is_paper,
        "is_armed": connection is not None and live_is_armed(connection, timezone.now()),
    }
