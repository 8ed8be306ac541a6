"""The trades list: filtered, sorted, paged, tagged in bulk, exported."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase, QueryDict, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from trades.filters import TradeFilter
from trades.forms.lists import BulkTagForm, FilterNameForm, SavedFilterForm, filter_query
from trades.models import Trade
from trades.selectors.trade_export import trade_csv
from trades.selectors.trade_pages import DEFAULT_SORT, sort_named, tags_by_trade, trade_page
from trades.selectors.trades import COUNT_LIMIT, filters_of, trades_chosen, trades_sum, trades_sum_kept
from trades.services.saved_filters import FilterError, filter_create, filter_delete, filter_edit
from trades.services.tags import trades_tag

# Column of the table → the sort behind its head.
HEADS = {"time": "Entry", "symbol": "Symbol", "result": "Net P&L", "r": "R", "holding": "Held"}
# What is asked for most stays in sight, the rest folds away.
FIRST_FIELDS = ("q", "symbol", "outcome", "setup", "from", "to")
# The states people look for, one click away.
TABS = {
    "All": (),
    "Open": ("active",),
    "Planned": ("planned", "pending"),
    "Closed": ("closed",),
    "Cancelled": ("cancelled",),
}


@login_required
@require_safe
def trade_list(request: HttpRequest) -> HttpResponse:
    return _list_page(request, request.GET)


def _list_page(request: HttpRequest, query: QueryDict, *, status: int = 200, **forms: Any) -> HttpResponse:
    chosen = TradeFilter(query, owner=request.user)
    sort = sort_named(query.get("sort", DEFAULT_SORT))
    page = trade_page(chosen.qs, sort=sort, cursor=query.get("cursor", ""))
    kept_query = filter_query(chosen)
    heads = _heads(query, sort)
    more = [field for field in chosen.form if field.name not in (*FIRST_FIELDS, "account")]
    context = {
        "filter": chosen,
        "first_fields": [chosen.form[name] for name in FIRST_FIELDS],
        "more_fields": more,
        "is_filtered": not chosen.is_plain,
        "chips": [(chip, _address(query, chip.name)) for chip in chosen.chips()],
        "rows": _rows(page.rows, chosen),
        "previous_url": _page_url(query, page.previous),
        "next_url": _page_url(query, page.next),
        "summary": _summary(request, chosen),
        "shown": f"{len(page.rows)} on this page",
        "tabs": _tabs(query, chosen),
        "heads": heads,
        "end_heads": [heads[name] for name in ("result", "r", "holding")],
        "more_is_open": any((field.data or field.errors) and field.name != "status" for field in more),
        "list_query": _filled(query),
        "sort": sort,
        "query": kept_query,
        "saved_filters": list(filters_of(request.user)),
        "bulk_form": BulkTagForm(initial={"action": "add", "scope": "chosen"}),
        "save_form": SavedFilterForm(owner=request.user, initial={"query": kept_query}),
        "first_url": _page_url(query, "") if query.get("cursor") else None,
    }
    return render(request, "trades/trade_list.html", context | forms, status=status)


def _rows(rows: list[dict[str, Any]], chosen: TradeFilter) -> list[dict[str, Any]]:
    accounts = {account.pk: account for account in chosen.accounts}
    setups = {setup.pk: setup.name for setup in chosen.setups}
    tags = tags_by_trade(rows)
    for row in rows:
        row["account"] = accounts[row["account_id"]]
        row["setup"] = setups.get(row["setup_id"], "")
        row["tags"] = tags.get(row["id"], [])
        row["key"] = str(row["id"])
        row["has_result"] = row["status"] in {"active", "closed"}
    return rows


def _summary(request: HttpRequest, chosen: TradeFilter) -> dict[str, Any]:
    """What the line above the list says: kept sums when nothing is filtered, else a count that has an end."""
    if chosen.is_plain:
        account = chosen.selected_account
        total = trades_sum_kept(request.user, account.pk if account else None)
        words = f"{total.n:,} closed trade{'' if total.n == 1 else 's'}"
    else:
        total = trades_sum(chosen.qs, chosen.accounts)
        words = (
            f"More than {COUNT_LIMIT:,} trades"
            if total.n is None
            else f"{total.n:,} trade{'' if total.n == 1 else 's'}"
        )
    if total.left_out:
        words += f", {total.left_out:,} without opening fills left out of the sum"
    return {"words": words, "net": total.net}


def _heads(query: QueryDict, sort: str) -> dict[str, dict[str, str]]:
    """For each head its link and what it says of the order: a second click turns the order round."""
    heads = {}
    for name, label in HEADS.items():
        is_current = sort.removeprefix("-") == name
        falls = sort.startswith("-")
        wanted = (name if falls else f"-{name}") if is_current else (name if name == "symbol" else f"-{name}")
        heads[name] = {
            "label": label,
            "url": _address(query, "sort", sort=wanted),
            "aria": ("descending" if falls else "ascending") if is_current else "",
        }
    return heads


def _tabs(query: QueryDict, chosen: TradeFilter) -> list[tuple[str, str, bool]]:
    """For each state its name, its link and whether the list shows it."""
    shown = set(chosen.values.get("status", ()))
    return [(name, _address(query, status=states), shown == set(states)) for name, states in TABS.items()]


def _address(query: QueryDict, without: str = "", **changes: str | tuple[str, ...]) -> str:
    """The list's address with this filter, from its first page."""
    changed = query.copy()
    for name in ("cursor", without):
        changed.pop(name, None)
    for name, value in changes.items():
        changed.setlist(name, [value] if isinstance(value, str) else value)
    words = _filled(changed)
    return reverse("trades:trade-list") + (f"?{words}" if words else "")


def _page_url(query: QueryDict, cursor: str | None) -> str | None:
    if cursor is None:
        return None
    return _address(query, cursor=cursor) if cursor else _address(query)


def _filled(query: QueryDict) -> str:
    """The query without the fields that were left empty."""
    filled = QueryDict(mutable=True)
    for name, values in query.lists():
        filled.setlist(name, [value for value in values if value])
    return filled.urlencode()


@login_required
@require_POST
def trade_bulk_tag(request: HttpRequest) -> HttpResponse:
    """Tag the chosen trades, or all the filter finds; another's trade among them is a page not found."""
    query = QueryDict(request.POST.get("query", ""))
    form = BulkTagForm(request.POST)
    chosen = TradeFilter(query, owner=request.user)
    if form.is_valid() and form.cleaned_data["scope"] == "all" and not chosen.form.is_valid():
        form.add_error("scope", "The filter holds a value that cannot be used: mend it first.")
    if not form.is_valid():
        return _list_page(request, query, status=422, bulk_form=form, chosen_keys=form.chosen)
    trades = chosen.qs
    if form.cleaned_data["scope"] == "chosen":
        trades = trades_chosen(request.user, form.cleaned_data["trades"])
    _bulk_tag(request, form, trades)
    return redirect(_address(query))


def _bulk_tag(request: HttpRequest, form: BulkTagForm, trades: QuerySet[Trade]) -> None:
    words, action = form.cleaned_data["words"], form.cleaned_data["action"]
    changed = trades_tag(owner=request.user, trades=trades, kind=form.cleaned_data["kind"], **{action: words})
    verb = "put on" if action == "add" else "taken off"
    messages.success(request, f"{', '.join(words)}: {verb} {changed:,} trade{'' if changed == 1 else 's'}.")


@login_required
@require_safe
def trade_export(request: HttpRequest) -> HttpResponseBase:
    """The filter's trades as CSV, sent while they are read. A filter that cannot be read is shown, not guessed."""
    chosen = TradeFilter(request.GET, owner=request.user)
    if not chosen.form.is_valid():
        return redirect(_address(request.GET))
    zone = timezone.get_current_timezone()
    name = f"trades-{timezone.localdate().isoformat()}.csv"
    return StreamingHttpResponse(
        trade_csv(chosen.qs, zone=zone),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "private, no-store"},
    )


@login_required
@require_POST
def filter_new(request: HttpRequest) -> HttpResponse:
    query = QueryDict(request.POST.get("query", ""))
    form = SavedFilterForm(request.POST, owner=request.user)
    if form.is_valid():
        try:
            kept = filter_create(owner=request.user, **form.cleaned_data)
        except FilterError as problem:
            form.add_error(problem.field, problem.sentence)
        else:
            messages.success(request, f"The filter “{kept.name}” is kept.")
            return redirect(f"{reverse('trades:trade-list')}?{kept.query}")
    return _list_page(request, query, status=422, save_form=form)


@login_required
@require_http_methods(["GET", "POST"])
def filter_rename(request: HttpRequest, pk: UUID) -> HttpResponse:
    kept = get_object_or_404(filters_of(request.user), pk=pk)
    form = FilterNameForm(request.POST or None, initial={"name": kept.name})
    if request.method == "POST" and form.is_valid():
        try:
            filter_edit(owner=request.user, filter_id=pk, name=form.cleaned_data["name"])
        except FilterError as problem:
            form.add_error(problem.field, problem.sentence)
        else:
            messages.success(request, "The filter has its new name.")
            return redirect(f"{reverse('trades:trade-list')}?{kept.query}")
    status = 422 if form.errors else 200
    return render(request, "trades/filter_edit.html", {"form": form, "saved_filter": kept}, status=status)


@login_required
@require_http_methods(["GET", "POST"])
def filter_remove(request: HttpRequest, pk: UUID) -> HttpResponse:
    kept = get_object_or_404(filters_of(request.user), pk=pk)
    if request.method == "POST":
        filter_delete(owner=request.user, filter_id=pk)
        messages.success(request, f"The filter “{kept.name}” is deleted. Your trades are as they were.")
        return redirect("trades:trade-list")
    context = {
        "title": f"Delete the filter “{kept.name}”?",
        "text": "Only the filter goes; your trades stay as they are.",
        "action_label": "Delete filter",
        "cancel_url": f"{reverse('trades:trade-list')}?{kept.query}",
    }
    return render(request, "confirm.html", context)
