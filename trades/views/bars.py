"""A trader's own price bars: the list, bringing a file, a series and its end."""

from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.humanize.templatetags.humanize import intcomma
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from accounts.calendars import DEFAULT_EXCHANGE, exchange_timezone
from accounts.selectors import accounts_in_use
from brokers.services.bars import BAR_SIZES
from trades.forms.bars import BarsForm
from trades.forms.fields import refusals_at
from trades.imports.bar_file import MAX_BYTES, NOT_AS_CHOSEN, SENTENCES, BarFile, BarsRefused, bars_read
from trades.imports.refusals import FileRefused
from trades.selectors.bars import series_for, series_of, trades_in
from trades.services.own_bars import Kept, bars_keep, series_delete
from trades.uploads import upload_limited

PER_PAGE = 50
# What a form adds to its file.
MARGIN = 64 * 1024


@login_required
@require_safe
def bar_list(request: HttpRequest) -> HttpResponse:
    page = Paginator(series_of(request.user), PER_PAGE).get_page(request.GET.get("page"))
    for series in page.object_list:
        series.size = BAR_SIZES.get(series.timeframe, series.timeframe)
    return render(request, "trades/bar_list.html", {"page": page, "total": page.paginator.count})


@upload_limited(MAX_BYTES + MARGIN)
@login_required
@require_http_methods(["GET", "POST"])
def bar_import(request: HttpRequest) -> HttpResponse:
    form = BarsForm(request.POST or None, request.FILES or None, initial=_first(request))
    refused: BarsRefused | None = None
    if request.method == "POST":
        if request.is_upload_too_large:
            form.errors.pop("file", None)
            form.add_error("file", SENTENCES["too_large"])
        if form.is_valid():
            try:
                kept = _kept(request, form)
            except BarsRefused as problem:
                refused = problem
                form.add_error("file", _sum(problem))
            else:
                if kept is not None:
                    return redirect("trades:bar-detail", kept.series.pk)
    context = {"form": form, "refused": refused, "beyond": refused.count - len(refused.errors) if refused else 0}
    return render(request, "trades/bar_import.html", context, status=422 if form.errors else 200)


def _first(request: HttpRequest) -> dict[str, str]:
    account = accounts_in_use(request.user).first()
    zone = exchange_timezone(account.exchange if account else DEFAULT_EXCHANGE)
    symbol = request.GET.get("symbol", "").strip().upper().replace("\0", "")[:32]
    return {"timezone": str(zone), "symbol": symbol}


def _kept(request: HttpRequest, form: BarsForm) -> Kept | None:
    """What was kept; None with the reason at its field. Raises BarsRefused for lines that cannot be read."""
    given, now = form.cleaned_data, timezone.now()
    zone, file = ZoneInfo(given["timezone"]), given["file"]
    try:
        read = bars_read(file, zone=zone, date_order=given["date_order"], timeframe=given["timeframe"], now=now)
    except FileRefused as problem:
        form.add_error(NOT_AS_CHOSEN.get(problem.code, "file"), problem.sentence)
        return None
    kept = None
    with refusals_at(form):
        kept = bars_keep(
            owner=request.user,
            symbol=given["symbol"],
            read=read,
            splits=given["splits"],
            file_name=file.name or "",
            now=now,
        )
        messages.success(request, _told(kept, read))
    return kept


def _sum(refused: BarsRefused) -> str:
    lines = "One line" if refused.count == 1 else f"{intcomma(refused.count)} lines"
    return f"{lines} of the file cannot be read, so nothing was taken. Mend what is listed below and bring it again."


def _told(kept: Kept, read: BarFile) -> str:
    told = f"{intcomma(len(read.rows))} bars of {kept.series.symbol} are here."
    if read.untraded:
        told += f" {intcomma(read.untraded)} lines without a trade were left out."
    return told


@login_required
@require_safe
def bar_detail(request: HttpRequest, pk: UUID) -> HttpResponse:
    series = series_for(request.user, pk)
    context: dict[str, Any] = {
        "series": series,
        "size": BAR_SIZES.get(series.timeframe, series.timeframe),
        "splits": list(series.splits.all()),
        "trades": trades_in(series),
    }
    return render(request, "trades/bar_detail.html", context)


@login_required
@require_http_methods(["GET", "POST"])
def bar_delete(request: HttpRequest, pk: UUID) -> HttpResponse:
    series = series_for(request.user, pk)
    if request.method == "POST":
        name = series_delete(owner=request.user, pk=pk, now=timezone.now())
        messages.success(request, f"The bars {name} are deleted.")
        return redirect("trades:bar-list")
    context = {
        "title": f"Delete the bars of {series.symbol}?",
        "text": f"{intcomma(series.count)} bars of {BAR_SIZES.get(series.timeframe, series.timeframe)} are deleted.",
        "consequences": [
            "Charts of trades in this symbol lose them.",
            "MAE, MFE and efficiencies measured from them are undefined again, unless a feed has bars.",
        ],
        "action_label": "Delete the bars",
        "cancel_url": reverse("trades:bar-detail", args=[pk]),
    }
    return render(request, "confirm.html", context)
