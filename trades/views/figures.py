"""One figure opened: what it means, what it is, on how many trades it stands, and which."""

from typing import Any

from django.contrib.auth.decorators import login_required
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from trades.models import Trade
from trades.selectors.equity import EquityDay
from trades.selectors.figures import streaks, together, totals_by_key, trade_figures
from trades.selectors.performance import session_rows
from trades.selectors.scope import Scope
from trades.views.figure_scope import Asked, asked
from trades.views.figure_units import RETURNS, TRADES, unit_of
from trades.views.performance import notes_of
from trenddojo.domain.definitions import DEFINITIONS
from trenddojo.domain.metrics.series import series_figures

TRADES_SHOWN = 25
SESSIONS_SHOWN = 25

# Figure → the filter of the trades it is computed from, where these are not all closed trades.
BEHIND: dict[str, dict[str, str]] = {
    "average_win": {"outcome": "win"},
    "average_loss": {"outcome": "loss"},
    "break_even_count": {"outcome": "break_even"},
    "expectancy_r": {"has_r": "yes"},
    "sqn": {"has_r": "yes"},
}
_FIELDS = ("id", "symbol", "direction", "entry_date", "exit_date", "net_pnl", "r_multiple", "outcome", "account")


@require_safe
@login_required
def performance_figure(request: HttpRequest, key: str) -> HttpResponse:
    if key not in TRADES and key not in RETURNS:
        raise Http404
    page = asked(request)
    context = page.context() | {"definition": DEFINITIONS[key], "unit": unit_of(key), "key": key}
    if page.scope is not None:
        context |= _of_trades(page, page.scope, key) if key in TRADES else _over_time(page, page.scope, key)
    return render(request, "trades/figure_detail.html", context)


def _of_trades(page: Asked, scope: Scope, key: str) -> dict[str, Any]:
    found = totals_by_key(scope, ["all", "r"])
    whole = together(found["all"])
    figures = trade_figures(whole.totals, found["r"], streaks(scope, whole.totals))
    return {
        "figure": figures[key],
        "trades": list(_behind(scope, key)[:TRADES_SHOWN]),
        "trades_url": page.trades_link(**BEHIND.get(key, {})),
        "kind": "trades",
    }


def _behind(scope: Scope, key: str) -> QuerySet[Trade]:
    narrowed = BEHIND.get(key, {})
    trades = scope.closed_trades().select_related("account").only(*_FIELDS, "account__currency")
    if "outcome" in narrowed:
        return trades.filter(outcome=narrowed["outcome"])
    return trades.filter(r_multiple__isnull=False) if narrowed else trades


def _over_time(page: Asked, scope: Scope, key: str) -> dict[str, Any]:
    """Returns belong to whole accounts: a filter over trades is left aside and the page says so."""
    days: list[EquityDay] = session_rows(scope)
    figures = series_figures([day.row for day in days])
    return {
        "figure": figures[key],
        "note": notes_of(figures, days).get(key, ""),
        "sessions": days[: -SESSIONS_SHOWN - 1 : -1],
        "sessions_url": page.link("performance-equity"),
        "kind": "sessions",
    }
