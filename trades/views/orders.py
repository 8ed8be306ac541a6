"""The blotter, and one order with everything that happened to it."""

from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe
from django_htmx.http import HttpResponseClientRedirect

from accounts.selectors import accounts_of
from trades.forms.order_filter import OrderFilterForm
from trades.selectors.freshness import connections_stale
from trades.selectors.order_story import order_story
from trades.selectors.orders import OrderFilter, order_detail, orders_done, orders_working
from trades.selectors.story_export import story_csv, story_json
from trades.views.account_choice import account_chosen
from trades.views.live import live_context
from trades.views.order_actions import order_url


@login_required
@require_safe
def order_list(request: HttpRequest) -> HttpResponse:
    live = live_context(request)
    accounts = list(accounts_of(request.user))
    chosen = account_chosen(accounts, request.GET.get("account"))
    form = OrderFilterForm(request.GET, accounts=accounts)
    shown = OrderFilter([chosen] if chosen else accounts, form.wanted_symbol, form.wanted_statuses)
    working, has_more = orders_working(shown)
    done = orders_done(shown, cursor=request.GET.get("cursor", ""), without=[line.order.pk for line in working])
    context: dict[str, Any] = {
        "form": form,
        "accounts": accounts,
        "chosen": chosen,
        "working": working,
        "has_more": has_more,
        "done": done,
        "is_filtered": bool(chosen or form.wanted_symbol or form.wanted_statuses),
        "stale_connections": connections_stale(shown.accounts, now=live["now"]),
    }
    return render(request, "trades/order_list.html", context | live)


@login_required
@require_safe
def order_page(request: HttpRequest, pk: UUID) -> HttpResponse:
    live = live_context(request)
    page = order_detail(request.user, pk)
    if page.replaced_by is not None and "follow" in request.GET:
        # Who asked for a change is led on to what came of it, from an open page too.
        there = order_url(page.replaced_by)
        return HttpResponseClientRedirect(there) if request.htmx else redirect(there)
    context = {
        "page": page,
        "order": page.order,
        "story": order_story(request.user, pk),
        "chosen": page.order.account,
        "stale_connections": connections_stale([page.order.account], now=live["now"]),
    }
    return render(request, "trades/order_detail.html", context | live)


@login_required
@require_safe
def order_story_file(request: HttpRequest, pk: UUID, form: str) -> HttpResponse:
    """The whole story of an order as a file."""
    story = order_story(request.user, pk)
    kind, text = ("application/json", story_json) if form == "json" else ("text/csv; charset=utf-8", story_csv)
    name = f"order-{story.order.symbol}-{story.order.pk}.{form}".replace("/", "-")
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "private, no-store"}
    return HttpResponse(text(story), content_type=kind, headers=headers)
