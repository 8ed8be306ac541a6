"""Breakdowns, plan versus outcome, and overrides."""

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from trades.selectors.breakdown_names import CHECKLIST_LABELS, EXIT_LABELS, PLANNED_LABELS, labelled, namer_of
from trades.selectors.breakdowns import (
    BREAKDOWNS,
    breakdown,
    override_cost,
    overrides_by_code,
    overrides_page,
    plan_outcomes,
)
from trades.selectors.calendar import next_month
from trades.selectors.figures import ORDERS, KeyTotals
from trades.selectors.scope import Scope
from trades.views.figure_scope import Asked, asked

TITLES: dict[str, str] = {
    "setup": "Setup",
    "tag": "Tag",
    "symbol": "Symbol",
    "direction": "Direction",
    "weekday": "Weekday of entry",
    "hour": "Hour of entry",
    "holding": "Holding time",
    "month": "Month",
    "account": "Account",
}
# Hours and weekdays are those of the exchange, wherever the trader sits.
NOTES: dict[str, str] = {
    "tag": "A trade with several tags counts under each of them, so the rows add up to more than the total.",
    "weekday": "By the day of the first fill, in the exchange's time.",
    "hour": "By the hour of the first fill, in the exchange's time.",
    "month": "By the session of the last exit.",
}


@require_safe
@login_required
def performance_breakdown(request: HttpRequest, by: str) -> HttpResponse:
    if by not in BREAKDOWNS:
        raise Http404
    page = asked(request)
    context = page.context() | {
        "by": by,
        "title": TITLES[by],
        "note": NOTES.get(by, ""),
        "choices": [(name, title, page.link("performance-breakdown", name)) for name, title in TITLES.items()],
    }
    if page.scope is not None:
        context |= _rows(request, page, page.scope, by)
    return render(request, "trades/performance_breakdown.html", context)


def _rows(request: HttpRequest, page: Asked, scope: Scope, by: str) -> dict[str, Any]:
    sort = request.GET.get("sort", "")
    order = sort if sort in ORDERS else BREAKDOWNS[by]
    found = breakdown(scope, by, order=order, cursor=request.GET.get("cursor", ""))
    chosen = page.filter
    name = namer_of(by, setups=chosen.setups, tags=chosen.tags, accounts=chosen.accounts)
    link = _links(page, by)
    rows = [_row(part, name(part.key), link(part.key)) for part in found.rows]
    kept_sort = {"sort": sort} if sort in ORDERS else {}
    return {
        "rows": rows,
        "largest": max((abs(part.totals.sum_net) for part in found.rows), default=Decimal(0)),
        "order": order,
        "sorts": [(key, page.link_here(sort=key)) for key in ("-n", "-net", "net", "key")],
        "chart": _chart(page, by, rows) if rows else None,
        "previous_url": page.link_here(**kept_sort, cursor=found.previous) if found.previous else "",
        "next_url": page.link_here(**kept_sort, cursor=found.next) if found.next else "",
    }


def _row(part: KeyTotals, label: str, url: str) -> dict[str, Any]:
    return {
        "key": part.key,
        "label": label,
        "url": url,
        "totals": part.totals,
        "figures": part.figures,
        "holding": part.mean_holding_seconds,
        "planned": part.mean_planned_r,
    }


def _links(page: Asked, by: str) -> Callable[[str], str]:
    """The trades behind a row, as a filter of the list."""
    if by == "month":
        return lambda key: page.trades_link(**_month_span(key))
    if by in {"setup", "tag"}:
        return lambda key: page.trades_link(**{by: key or "none"})
    if by == "hour":
        return lambda key: page.trades_link(hour=int(key))
    return lambda key: page.trades_link(**{by: key})


def _month_span(key: str) -> dict[str, str]:
    first = date.fromisoformat(f"{key}-01")
    last = next_month(first) - timedelta(days=1)
    return {"from": first.isoformat(), "to": last.isoformat()}


def _chart(page: Asked, by: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    currency = page.scope.currency if page.scope else ""
    return {
        "id": "breakdown-chart",
        "kind": "bars",
        "title": f"Net result by {TITLES[by].lower()}",
        "summary": "The rows of the table below, in the same order.",
        "data": {
            "unit": currency,
            "places": 2,
            "bars": [
                {
                    "label": row["label"],
                    "value": str(row["totals"].sum_net),
                    "n": row["totals"].n,
                    "url": row["url"],
                }
                for row in rows
            ],
        },
        "table_url": "#breakdown",
    }


@require_safe
@login_required
def performance_plan(request: HttpRequest) -> HttpResponse:
    page = asked(request)
    context = page.context()
    if page.scope is not None:
        found = plan_outcomes(page.scope)
        tables = [
            ("By planned R", "Planned R", found.planned, PLANNED_LABELS),
            ("Where the exit was", "Mean exit", found.exits, EXIT_LABELS),
            ("Checklist", "Answers", found.checklist, CHECKLIST_LABELS),
        ]
        context |= {
            "with_plan": _row(found.with_plan, "", ""),
            "tables": [
                {
                    "title": title,
                    "head": head,
                    "rows": [_row(part, label, "") for label, part in labelled(parts, labels)],
                }
                for title, head, parts, labels in tables
            ],
        }
    return render(request, "trades/performance_plan.html", context)


@require_safe
@login_required
def performance_overrides(request: HttpRequest) -> HttpResponse:
    page = asked(request)
    context = page.context()
    if page.scope is not None:
        found = override_cost(page.scope)
        listed = overrides_page(page.scope, cursor=request.GET.get("cursor", ""))
        context |= {
            "rows": [
                _row(found.overridden, "With an overridden limit", page.trades_link(override="yes")),
                _row(found.others, "Within all limits", page.trades_link(override="no")),
            ],
            "overridden": found.overridden.totals.n,
            "cost": found.cost,
            "codes": overrides_by_code(page.scope),
            "latest": listed.rows,
            "previous_url": f"{page.link_here(cursor=listed.previous)}#overrides" if listed.previous else "",
            "next_url": f"{page.link_here(cursor=listed.next)}#overrides" if listed.next else "",
        }
    return render(request, "trades/performance_overrides.html", context)
