"""What keeps open pages of orders and positions true without a reload."""

from http import HTTPStatus
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe
from django_htmx.http import trigger_client_event

from accounts.selectors import accounts_of
from trades.selectors.freshness import connections_stale
from trades.selectors.order_changes import changes_since, seen_now
from trades.selectors.ticket_glance import Glance, glance_at, glance_read
from trades.views.account_choice import account_chosen

CHANGED = "orders-changed"


def live_context(request: HttpRequest) -> dict[str, Any]:
    """What `trades/_live.html` needs. Call it before the rows are read: what happens in between is told at once."""
    return {"seen": str(seen_now(request.user)), "now": timezone.now()}


@login_required
@require_safe
def changes(request: HttpRequest) -> HttpResponse:
    """204 while nothing happened; else where to go on asking, and the event on which the page reads itself anew.

    A ticket also says how market and account stood when it looked: it hears of a difference once.
    """
    found = changes_since(request.user, request.GET.get("since", ""))
    moved = _moved(request)
    if not found.has_changed and not found.is_old and moved is None:
        return HttpResponse(status=HTTPStatus.NO_CONTENT)
    answer = render(request, "trades/_live_place.html", {"seen": str(found.seen), "glance": moved})
    return trigger_client_event(answer, CHANGED) if found.has_changed or moved is not None else answer


def _moved(request: HttpRequest) -> Glance | None:
    """How it stands now, where a ticket was looked at otherwise."""
    before = glance_read(request.GET.get("glance", ""))
    if before is None:
        return None
    now = glance_at(request.user, before.account, before.symbol)
    return now if now != before else None


@login_required
@require_safe
def freshness(request: HttpRequest) -> HttpResponse:
    """The connections whose news is old, as a banner."""
    accounts = list(accounts_of(request.user))
    chosen = account_chosen(accounts, request.GET.get("account"))
    stale = connections_stale([chosen] if chosen else accounts, now=timezone.now())
    return render(request, "trades/_live_connections.html", {"stale_connections": stale, "chosen": chosen})
