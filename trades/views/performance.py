"""Performance: all figures over the trades and over time, and the equity behind them."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from trades.selectors.calendar import filtered_results
from trades.selectors.equity import EquityDay
from trades.selectors.figures import KeyTotals, left_out, streaks, together, totals_by_key, trade_figures
from trades.selectors.performance import session_rows
from trades.selectors.scope import Scope
from trades.views.charts import drawdown_data, equity_data, r_chart, result_data
from trades.views.figure_scope import Asked, asked, page_of
from trades.views.figure_units import RETURNS, TRADES, unit_of
from trenddojo.domain.definitions import DEFINITIONS
from trenddojo.domain.metrics.figure import Figure
from trenddojo.domain.metrics.series import drawdown_recovered_on, series_figures

MONTHS_SHOWN = 24
SESSIONS_A_PAGE = 63


@require_safe
@login_required
def performance(request: HttpRequest) -> HttpResponse:
    page = asked(request)
    context = page.context()
    if page.scope is not None:
        context |= _overview(page, page.scope)
    return render(request, "trades/performance.html", context)


def _overview(page: Asked, scope: Scope) -> dict[str, Any]:
    found = totals_by_key(scope, ["all", "r", "month"])
    whole = together(found["all"])
    runs = streaks(scope, whole.totals)
    figures = trade_figures(whole.totals, found["r"], runs)
    context = {
        "trade_cards": cards(page, figures, TRADES),
        "mean_holding": whole.mean_holding_seconds,
        "current_wins": runs.current_wins,
        "current_losses": runs.current_losses,
        "left_out": left_out(scope),
        "closed": whole.totals.n,
        "charts": [r_chart(found["r"]), _month_chart(page, found["month"])] if whole.totals.n else [],
    }
    return context | (_filtered_curve(page) if scope.is_filtered else _over_time(page, scope))


def cards(
    page: Asked, figures: dict[str, Figure], keys: Sequence[str], notes: Mapping[str, str] | None = None
) -> list[dict[str, Any]]:
    """Each figure with its name, unit, the page that opens it, and what is noted beside it."""
    return [
        {
            "title": DEFINITIONS[key].title,
            "figure": figures[key],
            "unit": unit_of(key),
            "url": page.link("performance-figure", key),
            "note": (notes or {}).get(key, ""),
        }
        for key in keys
    ]


def _over_time(page: Asked, scope: Scope) -> dict[str, Any]:
    days = session_rows(scope)
    figures = series_figures([day.row for day in days])
    return {
        "return_cards": cards(page, figures, RETURNS, notes_of(figures, days)),
        "sources": sources(scope, days),
        "curves": [
            _curve(page, "equity", "Equity and money paid in", "The gap between the two lines is the result."),
            _curve(page, "drawdown", "Drawdown", "The fall from the highest point, deposits and withdrawals aside."),
        ],
    }


def notes_of(figures: dict[str, Figure], days: Sequence[EquityDay]) -> dict[str, str]:
    """What stands beside a figure over time: the day on which the deepest drawdown was made up for."""
    if not figures["max_drawdown"].value:
        return {}
    recovered = drawdown_recovered_on([day.row for day in days])
    return {"max_drawdown": f"recovered on {recovered}" if recovered else "not recovered yet"}


def _filtered_curve(page: Asked) -> dict[str, Any]:
    summary = "The results of the filtered trades added up, session by session."
    return {"curves": [_curve(page, "result", "Result of these trades", summary)]}


def _curve(page: Asked, kind: str, title: str, summary: str) -> dict[str, Any]:
    return {
        "id": f"{kind}-curve",
        "kind": "area",
        "title": title,
        "summary": summary,
        "data_url": page.link("performance-equity", chart=kind),
        "table_url": page.link("performance-equity"),
    }


def sources(scope: Scope, days: Sequence[EquityDay]) -> dict[str, Decimal]:
    """Where the equity came from, so that a deposit never looks like profit."""
    start = sum((account.starting_balance for account in scope.accounts), Decimal(0))
    names = ("deposits", "withdrawals", "income", "realised")
    found = {name: sum((getattr(day, name) for day in days), Decimal(0)) for name in names}
    equity = days[-1].equity if days else Decimal(0)
    return found | {"start": start, "deposits": found["deposits"] - start, "equity": equity}


def _month_chart(page: Asked, months: Sequence[KeyTotals]) -> dict[str, Any]:
    shown = list(months)[-MONTHS_SHOWN:]
    currency = page.scope.currency if page.scope else ""
    return {
        "id": "months",
        "kind": "bars",
        "title": "Net result by month",
        "summary": "Closed trades, each in the month of its last exit.",
        "data": {
            "unit": currency,
            "places": 2,
            "bars": [
                {
                    "label": part.key,
                    "value": str(part.totals.sum_net),
                    "n": part.totals.n,
                    "url": page.link("performance-calendar", month=part.key),
                }
                for part in shown
            ],
        },
        "table_url": page.link("performance-breakdown", "month"),
    }


@require_safe
@login_required
def performance_equity(request: HttpRequest) -> HttpResponse:
    """The rows behind the curves, the latest first; as JSON the curve that ``chart`` names."""
    page = asked(request)
    chart = request.GET.get("chart")
    if chart:
        return JsonResponse(_curve_data(page.scope, chart))
    context = page.context()
    if page.scope is not None:
        context |= _result_rows(request, page.scope) if page.scope.is_filtered else _equity_rows(request, page.scope)
        context |= _pager(page, context)
    return render(request, "trades/performance_equity.html", context)


def _curve_data(scope: Scope | None, chart: str) -> dict[str, Any]:
    if scope is None:
        return result_data([], "")
    if scope.is_filtered or chart == "result":
        return result_data(filtered_results(scope) if scope.is_filtered else [], scope.currency)
    days = session_rows(scope)
    return drawdown_data(days) if chart == "drawdown" else equity_data(days, scope.currency)


def _equity_rows(request: HttpRequest, scope: Scope) -> dict[str, Any]:
    days = session_rows(scope)[::-1]
    return _slice(request, days) | {"sources": sources(scope, days[::-1])}


def _result_rows(request: HttpRequest, scope: Scope) -> dict[str, Any]:
    total, made = Decimal(0), []
    for day, net in filtered_results(scope):
        total += net
        made.append({"day": day, "realised": net, "total": total})
    return _slice(request, made[::-1])


def _slice(request: HttpRequest, rows: Sequence[Any]) -> dict[str, Any]:
    pages = max(-(-len(rows) // SESSIONS_A_PAGE), 1)
    number = min(page_of(request), pages)
    start = (number - 1) * SESSIONS_A_PAGE
    return {"rows": rows[start : start + SESSIONS_A_PAGE], "page": number, "pages": pages}


def _pager(page: Asked, context: dict[str, Any]) -> dict[str, Any]:
    number, pages = context["page"], context["pages"]
    return {
        "previous_url": page.link_here(page=number - 1) if number > 1 else "",
        "next_url": page.link_here(page=number + 1) if number < pages else "",
        "summary": f"Page {number} of {pages}",
    }
