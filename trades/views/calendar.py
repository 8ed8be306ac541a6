"""The calendar: a month of results, day by day and week by week."""

from calendar import Calendar, day_abbr
from collections.abc import Sequence
from dataclasses import asdict
from datetime import date
from decimal import Decimal
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from trades.selectors.calendar import FIRST_YEAR, LAST_YEAR, DayResult, day_results, month_before, month_of, next_month
from trades.selectors.performance import sum_of, today_of
from trades.views.figure_scope import Asked, asked
from trenddojo.templatetags.desk import heat

MONDAY_FIRST = Calendar(firstweekday=0)


@require_safe
@login_required
def performance_calendar(request: HttpRequest) -> HttpResponse:
    page = asked(request)
    context = page.context()
    if page.scope is not None:
        month = month_of(request.GET.get("month", ""), today_of(page.scope))
        context |= _month(page, month, day_results(page.scope, month))
    return render(request, "trades/performance_calendar.html", context)


def _month(page: Asked, month: date, results: Sequence[DayResult]) -> dict[str, Any]:
    by_day = {result.day: result for result in results}
    largest = max((abs(result.net) for result in results), default=Decimal(0))
    weeks = [
        [_day(page, day, by_day.get(day), largest) if day.month == month.month else None for day in week]
        for week in MONDAY_FIRST.monthdatescalendar(month.year, month.month)
    ]
    before, after = month_before(month), next_month(month)
    return {
        "month": month.strftime("%B %Y"),
        "month_key": month.strftime("%Y-%m"),
        "weekdays": list(day_abbr),
        "weeks": weeks,
        "week_rows": _week_rows(weeks, by_day),
        "total": asdict(sum_of(results)),
        "previous_url": page.link_here(month=before.strftime("%Y-%m")) if before.year >= FIRST_YEAR else "",
        "next_url": page.link_here(month=after.strftime("%Y-%m")) if after.year <= LAST_YEAR else "",
    }


def _day(page: Asked, day: date, result: DayResult | None, largest: Decimal) -> dict[str, Any]:
    if result is None:
        return {"day": day}
    return {
        "day": day,
        "amount": result.net,
        "currency": page.scope.currency if page.scope else "",
        "trades": result.n,
        "url": page.trades_link(**{"from": day.isoformat(), "to": day.isoformat()}) if result.n else "",
        "heat": heat(result.net, largest),
    }


def _week_rows(weeks: Sequence[Sequence[dict[str, Any] | None]], by_day: dict[date, DayResult]) -> list[dict[str, Any]]:
    made = []
    for week in weeks:
        days = [each["day"] for each in week if each]
        found = [by_day[day] for day in days if day in by_day]
        made.append({"first": days[0], "last": days[-1], "number": days[0].isocalendar().week} | asdict(sum_of(found)))
    return made
