"""The order ticket: what is wanted, then exactly what would be sent, then it is. Typed words are never lost."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from brokers.services.clock import silence_of
from brokers.services.live import live_is_armed
from trades.execution.intents import OrderInput, OrderPreview, order_create, order_from_trade, order_preview
from trades.execution.order_size import order_size
from trades.forms.fields import refusals_at
from trades.forms.order import USED_BY, OrderForm
from trades.models import Order, Trade, TradeStatus
from trades.selectors.freshness import connections_stale
from trades.selectors.order_desks import OrderDesk, desk_chosen, order_desks
from trades.selectors.ticket_glance import Glance, glance_at
from trades.selectors.trade_page import trade_for
from trades.templatetags.orders import is_stale
from trades.views.live import live_context
from trenddojo.domain.errors import DomainError
from trenddojo.domain.instruments import validate_symbol
from trenddojo.domain.order_state import OrderState

FIRST_VALUES = ("account", "symbol", "side", "quantity", "type", "limit_price", "stop_price", "asset_class")
# What the trader must mend at its own place before anything else is said.
BESIDE_THE_PREVIEW = frozenset({"creation_key", "send_before"})
LEAVES = "it leaves as soon as the broker answers."
# What still works without the broker's answer, by what the limits find.
WITHOUT_ANSWER = {
    "missing_quote": "there is no price to check this order against. What makes a position smaller can still be sent.",
    "stale_quote": "the last price is too old for this order. What makes a position smaller can still be sent.",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What the preview shows: the order as it would be, or why there is none yet."""

    preview: OrderPreview | None = None
    currency: str = ""
    is_sized: bool = False
    problems: list[str] = field(default_factory=list)
    silence: str = ""
    # How it stood when this was read: what differs later is worth another look.
    glance: Glance | None = None
    at: datetime = field(default_factory=timezone.now)

    @property
    def verdict(self) -> str:
        """What of it a listener is told again when it changes: never a price, an amount or an age."""
        if self.preview is None:
            return " ".join([self.silence, *self.problems])
        found = [breach.code for breach in (*self.preview.breaches, *self.preview.warnings)]
        return " ".join([self.silence, *found, *(["old"] if self.preview.quote and is_stale(self.preview) else [])])

    @property
    def told(self) -> str:
        """The preview in words for whoever listens to it."""
        if self.preview is None:
            return " ".join([self.silence, *self.problems])
        words = [breach.sentence for breach in (*self.preview.breaches, *self.preview.warnings)]
        first = "It cannot be sent." if self.preview.breaches else f"It can be sent.{self._cost()}"
        return " ".join(filter(None, [self.silence, first, *words]))

    def _cost(self) -> str:
        shown = self.preview
        if shown is None or shown.cost is None:
            return ""
        return f" {'Worth' if shown.is_reducing else 'Cost'} {shown.cost:,.2f} {self.currency}."


@login_required
@require_http_methods(["GET", "POST"])
def create(request: HttpRequest) -> HttpResponse:
    """Three steps in one address: `fields` and `change` show the ticket, `preview` the order, `send` sends it."""
    desks = order_desks(request.user)
    trade = _trade_of(request)
    desk = desk_chosen(desks, request.POST.get("account") or request.GET.get("account") or _account_of(trade))
    if request.method == "GET":
        # A GET has typed words where a session ended before they could be sent.
        values = request.POST.dict() or _first_values(request, desk, trade)
        return _ticket(request, _form(desks, desk, initial=values), desk, trade)
    form = _form(desks, desk, data=request.POST)
    step = request.POST.get("step") or request.GET.get("step", "preview")
    if step in ("fields", "change"):
        return _ticket(request, _form(desks, desk, initial=request.POST.dict()), desk, trade)
    if form.is_valid():
        with refusals_at(form):
            if step == "send":
                return _sent(request, form)
            return _confirm(request, form, desk, trade)
    return _ticket(request, form, desk, trade)


@login_required
@require_http_methods(["GET", "POST"])
def preview(request: HttpRequest) -> HttpResponse:
    """The preview of what is typed so far; stores nothing."""
    if request.method == "GET" or not request.htmx:
        return redirect("trades:order-create")
    desks = order_desks(request.user)
    form = _form(desks, desk_chosen(desks, request.POST.get("account")), data=request.POST)
    return render(request, "trades/_order_previewed.html", {"answer": _answer(request, form)})


def _form(desks: list[OrderDesk], desk: OrderDesk | None, **options: Any) -> OrderForm:
    accounts = [each.account for each in desks]
    return OrderForm(accounts=accounts, capabilities=desk.capabilities if desk else None, **options)


def _sent(request: HttpRequest, form: OrderForm) -> HttpResponse:
    order: Order = order_create(
        owner=request.user,
        given=_sized(request, form.given()),
        creation_key=form.cleaned_data["creation_key"],
        now=timezone.now(),
    )
    tell_sent(request, order)
    return redirect("trades:order-detail", order.pk)


def tell_sent(request: HttpRequest, order: Order) -> None:
    """What was done, in words that stay true however far the order has come when they are read."""
    if order.status == OrderState.DENIED:
        messages.error(request, f"The order was not sent. {order.reason_detail}")
    else:
        messages.success(request, f"You placed the order for {order.symbol}.")


def _confirm(request: HttpRequest, form: OrderForm, desk: OrderDesk | None, trade: Trade | None) -> HttpResponse:
    """The second step: the very order, with its numbers, to be sent or changed."""
    live = _live(request, desk)
    given = _sized(request, form.given())
    shown, glance = _looked(request, given)
    values = form.data.dict() | {"quantity": f"{given.quantity.normalize():f}"}
    context = {
        "answer": Answer(shown, _currency(desk), silence=_silence(desk, shown), glance=glance),
        # Settled here: what is asked later is about this quantity.
        "is_sized": form.cleaned_data["quantity"] is None,
        "kept": [(name, values[name]) for name in form.fields if values.get(name)],
        "trade": trade,
        "whole_note": _whole_note(trade, given.quantity),
        **_whose(desk),
    }
    return render(request, "trades/order_confirm.html", context | live)


def _ticket(request: HttpRequest, form: OrderForm, desk: OrderDesk | None, trade: Trade | None) -> HttpResponse:
    live = _live(request, desk)
    context = {
        "form": form,
        "trade": trade,
        "whole_note": _whole_note(trade, form["quantity"].value()),
        "answer": _answer(request, form) if form.is_bound and not form.errors else Answer(),
        "fields_url": f"{reverse('trades:order-create')}?step=fields",
        "type_fields": [(form[name], " ".join(types)) for name, types in USED_BY.items() if name in form.fields],
        "currency": _currency(desk),
        "reasons": getattr(form, "reasons", []),
        **_whose(desk),
    }
    return render(request, "trades/order_form.html", context | live)


def _live(request: HttpRequest, desk: OrderDesk | None) -> dict[str, Any]:
    """What keeps the page true while it stands open."""
    live = live_context(request)
    stale = connections_stale([desk.account], now=live["now"]) if desk else []
    return live | {"stale_connections": stale}


def _whose(desk: OrderDesk | None) -> dict[str, Any]:
    """Whose money it is, and whether it may move."""
    if desk is None:
        return {"connection": None, "is_live": False, "is_armed": False, "account": None}
    return {
        "account": desk.account,
        "connection": desk.connection,
        "is_live": not desk.connection.is_paper,
        "is_armed": live_is_armed(desk.connection, timezone.now()),
    }


def _answer(request: HttpRequest, form: OrderForm) -> Answer:
    """Preview what is typed; what is merely not filled in yet is no problem."""
    if not form.is_valid() and any(name not in BESIDE_THE_PREVIEW for name in form.errors):
        return Answer(problems=_problems(form))
    desk = desk_chosen(order_desks(request.user), form.cleaned_data["account"])
    try:
        given = _sized(request, form.given())
        shown, glance = _looked(request, given)
    except DomainError as refusal:
        return Answer(problems=[refusal.sentence], silence=_silence(desk))
    is_sized = form.cleaned_data["quantity"] is None
    return Answer(shown, _currency(desk), is_sized=is_sized, silence=_silence(desk, shown), glance=glance)


def _looked(request: HttpRequest, given: OrderInput) -> tuple[OrderPreview, Glance | None]:
    """The preview, and how everything it rests on stood before it was made. Raises as order_preview."""
    before = glance_at(request.user, given.account_id, validate_symbol(given.symbol))
    shown = order_preview(owner=request.user, given=given, now=timezone.now())
    return shown, before.priced(shown.quote) if before else None


def _silence(desk: OrderDesk | None, shown: OrderPreview | None = None) -> str:
    """What works although the broker has just given no answer; empty where it gave one."""
    code = silence_of(desk.connection) if desk else ""
    if not code:
        return ""
    why = "The broker was asked too often" if code == "rate_limited" else "The broker does not answer"
    if shown is None:
        return f"{why}; what is known here is all there is to go by."
    found = [WITHOUT_ANSWER[breach.code] for breach in shown.breaches if breach.code in WITHOUT_ANSWER]
    if found:
        return f"{why}; {found[0]}"
    if shown.send_after:
        return f"{why}; by the last word the market is shut, and the order is checked again before it leaves."
    if shown.breaches or shown.quote is None:
        return f"{why}; the order is checked without its price. {LEAVES.capitalize()}"
    return f"{why}; the order is checked against the last price known here. Sent, {LEAVES}"


def _whole_note(trade: Trade | None, quantity: Any) -> str:
    """Why fewer are ordered than planned: parts of a share take no stop and no target with them."""
    planned = trade.planned_quantity if trade and trade.status in (TradeStatus.PLANNED, TradeStatus.PENDING) else None
    if planned is None or planned % 1 == 0 or not _is_number(quantity, int(planned)):
        return ""
    return (
        f"The plan is for {planned.normalize():f}. Stop and target go only with whole shares, so the order is for "
        f"{int(planned)}, and {(planned % 1).normalize():f} stay out."
    )


def _is_number(typed: Any, number: int) -> bool:
    try:
        return Decimal(str(typed)) == number
    except InvalidOperation:
        return False


def _problems(form: OrderForm) -> list[str]:
    return [
        f"{form.fields[name].label or name.replace('_', ' ').capitalize()}: {error}"
        for name, errors in form.errors.items()
        if name in form.fields and form.data.get(name)
        for error in errors
    ]


def _sized(request: HttpRequest, given: OrderInput) -> OrderInput:
    """With the quantity the account's risk policy allows for the stop, where none was typed. Raises DomainError."""
    if given.quantity is not None:
        return given
    return replace(given, quantity=order_size(owner=request.user, given=given, now=timezone.now()))


def _trade_of(request: HttpRequest) -> Trade | None:
    """The plan or position the order is for. Raises Http404 for another's."""
    asked = request.POST.get("trade") or request.GET.get("trade", "")
    try:
        return trade_for(request.user, UUID(asked)) if asked else None
    except ValueError:
        return None


def _account_of(trade: Trade | None) -> str:
    return str(trade.account_id) if trade else ""


def _currency(desk: OrderDesk | None) -> str:
    return desk.account.currency if desk else ""


def _first_values(request: HttpRequest, desk: OrderDesk | None, trade: Trade | None) -> dict[str, Any]:
    named = {name: request.GET[name] for name in FIRST_VALUES if request.GET.get(name)}
    if desk is not None:
        named.setdefault("account", str(desk.account.pk))
    if trade is None:
        return named
    return {"trade": trade.pk, **_from_trade(request, trade), **named}


def _from_trade(request: HttpRequest, trade: Trade) -> dict[str, Any]:
    """The plan as an order with its stop and target; for a position, what would close it."""
    if trade.status in (TradeStatus.PLANNED, TradeStatus.PENDING):
        return _planned(request, trade)
    closing = {"long": "sell", "short": "buy"}[trade.direction]
    return {
        "account": str(trade.account_id),
        "symbol": trade.symbol,
        "asset_class": trade.asset_class,
        "side": closing,
        "type": "market",
        "quantity": trade.open_quantity.normalize() if trade.open_quantity else None,
    }


def _planned(request: HttpRequest, trade: Trade) -> dict[str, Any]:
    """The order a plan asks for; of a plan without prices only what it is about."""
    try:
        return _values_of(order_from_trade(owner=request.user, trade_id=trade.pk))
    except DomainError:
        return {"account": str(trade.account_id), "symbol": trade.symbol, "asset_class": trade.asset_class}


def _values_of(given: OrderInput) -> dict[str, Any]:
    """An order as the ticket shows it; numbers without the zeros of their columns."""
    stop, target = given.stop_loss, given.take_profit
    numbers: dict[str, Decimal | None] = {
        "quantity": given.quantity,
        **{name: getattr(given, name) for name in USED_BY},
        "stop_loss": stop.stop_price if stop else None,
        "stop_loss_limit": stop.limit_price if stop else None,
        "take_profit": target.limit_price if target else None,
    }
    plain = ("symbol", "asset_class", "side", "type", "time_in_force", "extended_hours", "send_before")
    return {
        "account": str(given.account_id),
        **{name: str(getattr(given, name)) if name != "send_before" else given.send_before for name in plain},
        "extended_hours": given.extended_hours,
        **{name: value.normalize() for name, value in numbers.items() if value is not None},
    }
