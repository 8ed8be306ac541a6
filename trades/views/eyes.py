"""Everything that needs the trader's eyes on one page: the evidence, and what is safe to do about it."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import redis
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from brokers.services.connections import connection_sync_ask, connection_verify
from brokers.views import SYNC_ASKED, VERIFIED, connection_act
from trades.execution.asking import doubt_end, order_ask, undecidable
from trades.execution.intents import order_cancel
from trades.models import CallAnswer, CallVerb, OrderCall
from trades.selectors.matter_words import KINDS, Words
from trades.selectors.matters import Matter, evidenced, matters_of
from trades.selectors.orders import order_for
from trades.services.matters import MatterResolved, matter_look_again, matter_put_aside
from trades.views.live import live_context
from trades.views.order_actions import NOT_CANCELLED, order_act, words
from trenddojo.cache import spare
from trenddojo.domain.errors import DomainError
from trenddojo.domain.order_state import OrderState

# Every page asks for the number; it is counted once in so many seconds.
COUNT_LASTS = 10
EYES = "trades:eyes"


# What came back, for the trader who asked.
_ANSWERS: dict[str, tuple[Callable[..., None], str]] = {
    CallAnswer.SHOWN: (messages.success, "The broker shows the order."),
    CallAnswer.UNKNOWN: (messages.warning, "The broker does not know the order."),
    CallAnswer.NOT_PROCESSED: (messages.warning, "The broker did not look."),
    CallAnswer.REFUSED: (messages.error, "The broker refused to say."),
}
_NO_ANSWER = (messages.error, "No answer came that says anything certain.")


@dataclass(frozen=True, slots=True)
class Shown:
    """A matter as the page shows it; `undecidable` says why a doubt cannot be decided by hand, empty where it can."""

    matter: Matter
    words: Words
    undecidable: str = ""


@login_required
@require_safe
def eyes(request: HttpRequest) -> HttpResponse:
    live = live_context(request)
    found = matters_of(request.user, now=live["now"])
    waiting = [_shown(one, live["now"]) for one in evidenced(found.waiting)]
    _count_keep(request, len(waiting))
    context: dict[str, Any] = {
        "waiting": waiting,
        "looked": [Shown(one, KINDS[one.kind]) for one in found.looked],
        "heard": found.heard,
        "stops_awaited": found.stops_awaited,
        "settling": found.settling,
        "oldest": min((one.at for one in found.heard if one.at is not None), default=None),
    }
    return render(request, "trades/eyes.html", context | live)


@login_required
@require_safe
def eyes_count(request: HttpRequest) -> HttpResponse:
    """The number beside the entry of the navigation; nothing where nothing waits."""
    known = spare.get(_count_key(request))
    if known is not None:
        return render(request, "trades/_eyes_count.html", {"count": int(known)})
    count = len(matters_of(request.user, now=timezone.now()).waiting)
    _count_keep(request, count)
    return render(request, "trades/_eyes_count.html", {"count": count})


@login_required
@require_POST
def look(request: HttpRequest) -> HttpResponse:
    """Put a matter aside as it was shown, or take it back."""
    key, now = request.POST.get("key", ""), timezone.now()
    try:
        if "again" in request.POST:
            matter_look_again(owner=request.user, key=key, now=now)
            messages.success(request, "It waits for your eyes again.")
        else:
            matter_put_aside(owner=request.user, key=key, state=request.POST.get("state", ""), now=now)
            messages.success(request, "You looked at it. It is shown again when it changes.")
    except MatterResolved as resolved:
        messages.info(request, resolved.sentence)
    except DomainError as changed:
        messages.warning(request, changed.sentence)
    return _back(request)


@login_required
@require_POST
def ask_order(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Ask the broker now how an order stands."""
    try:
        call = order_ask(owner=request.user, order_id=pk, now=timezone.now())
    except DomainError as refusal:
        messages.error(request, refusal.sentence)
    else:
        order = order_for(request.user, pk)
        level, said = _said(call)
        level(request, f"{said} The order for {order.symbol} is {order.get_status_display().lower()}.")
    return _back(request, pk)


@login_required
@require_POST
def cancel_again(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Have the broker asked once more: to ask twice cancels once."""
    order = order_for(request.user, pk)
    order_act(
        request, pk, order_cancel, f"The broker is asked again to cancel the order for {order.symbol}.", NOT_CANCELLED
    )
    return _back(request, pk)


@login_required
@require_http_methods(["GET", "POST"])
def never_arrived(request: HttpRequest, pk: UUID) -> HttpResponse:
    """End a doubt by hand, where the evidence allows it."""
    order = order_for(request.user, pk)
    if request.method == "POST":
        done = f"The order for {order.symbol} is ended as never arrived. It is not sent again."
        order_act(request, pk, doubt_end, done)
        return _back(request, pk)
    context = {
        "title": f"Did the order for {order.symbol} never arrive?",
        "text": f"{words(order)} {order.get_status_display()}. Look at the broker's own page before you decide.",
        "consequences": [
            "It ends as rejected, and the desk does not send it again.",
            "Its room is free again: a new order may be placed in its stead.",
            "Should the broker show it after all, it counts again and you are told.",
        ],
        "action_label": "It never arrived",
        "crumbs": [("Needs your eyes", reverse(EYES)), (order.symbol, reverse("trades:order-detail", args=[pk]))],
        "cancel_url": reverse(EYES),
    }
    return render(request, "confirm.html", context)


@login_required
@require_POST
def sync_connection(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Have everything of a connection pulled now."""
    connection_act(request, pk, connection_sync_ask, SYNC_ASKED)
    return _back(request)


@login_required
@require_POST
def ask_connection(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Ask the broker now whether it answers, and whether the keys work."""
    connection_act(request, pk, connection_verify, VERIFIED)
    return _back(request)


def _shown(matter: Matter, now: Any) -> Shown:
    order = matter.order
    if order is None or order.status != OrderState.IN_DOUBT:
        return Shown(matter, KINDS[matter.kind])
    looks = (one for one in matter.entries if one.what == CallVerb.LOOK and one.answer == CallAnswer.UNKNOWN)
    unknown_at = max((one.until or one.at for one in looks), default=None)
    return Shown(matter, KINDS[matter.kind], undecidable(order, unknown_at, now=now))


def _said(call: OrderCall | None) -> tuple[Callable[..., None], str]:
    if call is None:
        return _NO_ANSWER
    level, said = _ANSWERS.get(call.answer, _NO_ANSWER)
    return level, f"{said} {call.sentence}".strip()


def _back(request: HttpRequest, order: UUID | None = None) -> HttpResponse:
    """To where the button was pressed: an order's own page, or the list of what needs eyes."""
    _count_forget(request)
    if order is not None and request.POST.get("back") == "order":
        return redirect("trades:order-detail", order)
    return redirect(EYES)


def _count_key(request: HttpRequest) -> str:
    return f"eyes:{request.user.pk}"


def _count_keep(request: HttpRequest, count: int) -> None:
    spare.set(_count_key(request), count, COUNT_LASTS)


def _count_forget(request: HttpRequest) -> None:
    with contextlib.suppress(redis.RedisError):
        spare.delete(_count_key(request))
