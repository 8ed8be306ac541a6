"""The journal: of a trade, of a day, and the list of days."""

import re
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from trades.forms.journal import DayForm, ScreenshotForm, TradeJournalForm
from trades.models import JournalDay, Screenshot, Trade
from trades.selectors import journal as selectors
from trades.selectors.trades import tags_of, trades_of
from trades.services.errors import StaleVersion
from trades.services.journal import StaleDay, checklist_of, day_save, journal_save

NOTES_OF_TRADE = (("Before", "thesis"), ("During", "notes_during"), ("After", "notes_after"))
NOTES_OF_DAY = (("Plan", "plan"), ("Review", "review"))
MONTH = re.compile(r"(19[7-9]\d|20\d\d|21\d\d)-(0[1-9]|1[0-2])", re.ASCII)


@login_required
@require_http_methods(["GET", "POST"])
def trade_journal(request: HttpRequest, pk: UUID) -> HttpResponse:
    trade = get_object_or_404(trades_of(request.user).select_related("account", "setup"), pk=pk)
    form = _trade_form(request, trade)
    if request.method == "POST" and form.is_valid():
        try:
            journal_save(owner=request.user, trade_id=pk, version=form.cleaned_data["version"], notes=form.notes())
        except StaleVersion as stale:
            kept = stale.current or trade
            return trade_journal_page(request, trade, form=_stale(form, stale, kept), status=409, **_saved(kept))
        messages.success(request, f"The journal of {trade.symbol} is saved.")
        return redirect("trades:trade-detail", pk=pk)
    return trade_journal_page(request, trade, form=form)


def _trade_form(request: HttpRequest, trade: Trade) -> TradeJournalForm:
    return TradeJournalForm(
        request.POST or None,
        trade=trade,
        checklist=checklist_of(trade),
        tags=list(tags_of(request.user)),
        chosen=list(trade.tags.all()),
    )


def trade_journal_page(request: HttpRequest, trade: Trade, *, status: int = 200, **context: Any) -> HttpResponse:
    """The edit page of a trade's journal; the screenshot views show it again with their form's errors."""
    form = context.pop("form", None)
    if form is None:
        form = TradeJournalForm(
            trade=trade, checklist=checklist_of(trade), tags=list(tags_of(request.user)), chosen=list(trade.tags.all())
        )
    defaults = {
        "trade": trade,
        "form": form,
        "screenshot_form": ScreenshotForm(),
        "screenshots": list(Screenshot.objects.filter(trade=trade)),
    }
    answer = 422 if form.errors and status == 200 else status  # noqa: PLR2004 - HTTP's own number
    return render(request, "trades/journal_edit.html", defaults | context, status=answer)


def _saved(current: Trade | JournalDay) -> dict[str, Any]:
    """What the other one saved, to be read beside what was typed."""
    texts = NOTES_OF_TRADE if isinstance(current, Trade) else NOTES_OF_DAY
    notes = [(title, getattr(current, name)) for title, name in texts if getattr(current, name)]
    return {"current": current, "current_notes": notes, "current_words": list(current.tags.all())}


def _stale(form: Any, stale: StaleVersion, current: Trade | JournalDay) -> Any:
    """The form as typed, knowing the version it would now write over: saving again is a decision."""
    form.add_error(None, stale.sentence)
    form.data = form.data.copy()
    form.data["version"] = str(current.version)
    return form


@login_required
@require_safe
def journal_list(request: HttpRequest) -> HttpResponse:
    today = timezone.localdate()
    asked = MONTH.fullmatch(request.GET.get("month", ""))
    first = date(int(asked[1]), int(asked[2]), 1) if asked else today.replace(day=1)
    lines = selectors.journal_month(request.user, first)
    context = {
        "first": first,
        "lines": lines,
        "today": today,
        "previous_month": (first - timedelta(days=1)).replace(day=1),
        "next_month": (first + timedelta(days=32)).replace(day=1),
        "is_empty": not lines and selectors.journal_is_empty(request.user),
    }
    return render(request, "trades/journal_list.html", context)


@login_required
@require_http_methods(["GET", "POST"])
def journal_day(request: HttpRequest, day: date) -> HttpResponse:
    page = selectors.day_page(request.user, day)
    form = _day_form(request, page)
    if request.method == "POST" and form.is_valid():
        try:
            day_save(owner=request.user, day=day, version=form.cleaned_data["version"], notes=form.notes())
        except StaleDay as stale:
            kept = stale.day
            return journal_day_page(request, day, form=_stale(form, stale, kept), status=409, **_saved(kept))
        messages.success(request, f"The page of {day.isoformat()} is saved.")
        return redirect("trades:journal-day", day=day)
    return journal_day_page(request, day, form=form)


def _day_form(request: HttpRequest, page: JournalDay | None) -> DayForm:
    return DayForm(
        request.POST or None,
        page=page,
        tags=list(tags_of(request.user)),
        chosen=list(page.tags.all()) if page else [],
    )


def journal_day_page(request: HttpRequest, day: date, *, status: int = 200, **context: Any) -> HttpResponse:
    """The page of a day; the screenshot views show it again with their form's errors."""
    page = selectors.day_page(request.user, day)
    form = context.pop("form", None)
    if form is None:
        form = DayForm(page=page, tags=list(tags_of(request.user)), chosen=list(page.tags.all()) if page else [])
    before, after = selectors.neighbours(request.user, day)
    defaults = {
        "day": day,
        "page": page,
        "form": form,
        "rows": selectors.day_trades(request.user, day),
        "results": selectors.day_results(request.user, day),
        "before": before,
        "after": after,
        "screenshot_form": ScreenshotForm(),
        "screenshots": list(Screenshot.objects.filter(journal_day=page)) if page else [],
        "most_trades": selectors.MOST_TRADES_OF_A_DAY,
    }
    answer = 422 if form.errors and status == 200 else status  # noqa: PLR2004 - HTTP's own number
    return render(request, "trades/journal_day.html", defaults | context, status=answer)
