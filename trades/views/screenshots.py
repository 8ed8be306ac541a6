"""Screenshots: taken in, shown to their owner only, deleted."""

from collections.abc import Callable
from datetime import date
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from trades.forms.journal import ScreenshotForm
from trades.pictures import MOST_BYTES, PictureError, too_large
from trades.selectors.journal import screenshots_of
from trades.selectors.trades import trades_of
from trades.services.screenshots import screenshot_add, screenshot_delete
from trades.serving import picture_served
from trades.uploads import upload_limited
from trades.views.journal import journal_day_page, trade_journal_page


@upload_limited(MOST_BYTES)
@login_required
@require_POST
def screenshot_new(request: HttpRequest, pk: UUID) -> HttpResponse:
    trade = get_object_or_404(trades_of(request.user).select_related("account", "setup"), pk=pk)
    return _screenshot_new(
        request,
        {"trade_id": pk},
        done=f"{reverse('trades:trade-journal', args=[pk])}#screenshots",
        again=lambda form: trade_journal_page(request, trade, screenshot_form=form, status=422),
    )


@upload_limited(MOST_BYTES)
@login_required
@require_POST
def day_screenshot_new(request: HttpRequest, day: date) -> HttpResponse:
    return _screenshot_new(
        request,
        {"day": day},
        done=f"{reverse('trades:journal-day', args=[day])}#screenshots",
        again=lambda form: journal_day_page(request, day, screenshot_form=form, status=422),
    )


def _screenshot_new(
    request: HttpRequest, parent: dict[str, Any], *, done: str, again: Callable[[ScreenshotForm], HttpResponse]
) -> HttpResponse:
    form = ScreenshotForm(request.POST, request.FILES)
    if request.is_upload_too_large:
        form.errors.pop("image", None)
        form.add_error("image", too_large().sentence)
    if not form.is_valid():
        return again(form)
    clean = form.cleaned_data
    try:
        screenshot_add(owner=request.user, key=clean["key"], upload=clean["image"], caption=clean["caption"], **parent)
    except PictureError as problem:
        form.add_error("image", problem.sentence)
        return again(form)
    messages.success(request, "The screenshot is kept.")
    return redirect(done)


@login_required
@require_safe
def screenshot_view(request: HttpRequest, pk: UUID) -> HttpResponseBase:
    row = get_object_or_404(screenshots_of(request.user), pk=pk)
    return picture_served(row)


@login_required
@require_http_methods(["GET", "POST"])
def screenshot_remove(request: HttpRequest, pk: UUID) -> HttpResponse:
    row = get_object_or_404(screenshots_of(request.user), pk=pk)
    if row.trade_id:
        back = reverse("trades:trade-journal", args=[row.trade_id])
    else:
        back = reverse("trades:journal-day", args=[row.journal_day.day])
    if request.method == "POST":
        screenshot_delete(owner=request.user, screenshot_id=pk)
        messages.success(request, "The screenshot is deleted.")
        return redirect(f"{back}#screenshots")
    context = {
        "title": "Delete this screenshot?",
        "text": row.caption or "It cannot be brought back.",
        "action_label": "Delete screenshot",
        "cancel_url": back,
    }
    return render(request, "confirm.html", context)
