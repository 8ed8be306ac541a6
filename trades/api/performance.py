"""Performance: the figures of the pages, for programs. Money of two currencies is never added up."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Any

from django.http import Http404
from django.utils import timezone
from drf_spectacular.helpers import forced_singular_serializer
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from trades.api.base import TradesViewSet
from trades.api.performance_fields import (
    CALENDAR,
    PERFORMANCE,
    ROW,
    SESSION,
    BreakdownAsked,
    BreakdownRow,
    CalendarAsked,
    CalendarGiven,
    EquityFilters,
    EquityRow,
    PerformanceFilters,
    PerformanceGiven,
)
from trades.api.performance_outcomes import OVERRIDES, OVERRIDES_ASKED, PLAN, OverridesGiven, PlanGiven
from trades.filters import TradeFilter
from trades.selectors.breakdown_names import CHECKLIST_LABELS, EXIT_LABELS, PLANNED_LABELS, labelled, namer_of
from trades.selectors.breakdowns import (
    BREAKDOWNS,
    Outcomes,
    OverrideCost,
    override_cost,
    overrides_by_code,
    overrides_of,
    plan_outcomes,
)
from trades.selectors.calendar import day_results, month_of
from trades.selectors.figures import ORDERS, KeyTotals, TotalsWalk
from trades.selectors.performance import CurveRow, curve_rows, performance_of, sum_of, today_of
from trades.selectors.scope import Scope, scopes_of
from trenddojo.api.errors import invalid
from trenddojo.api.list_pages import ListPagination, WalkedPagination
from trenddojo.api.paging import BY_CREATION, KeysetPagination
from trenddojo.api.schema import errors

OWN = ("account", "setup", "tag")
FILTERS = (*OWN, "from", "to", "symbol", "direction")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a request is about; `scope` is None for a trader without any account."""

    given: Mapping[str, Any]
    filter: TradeFilter
    scope: Scope | None

    @property
    def currency(self) -> str | None:
        return self.scope.currency if self.scope else None


@extend_schema(tags=["performance"])
class PerformanceViewSet(TradesViewSet):
    pagination_class = None
    orders = tuple(ORDERS)
    orderings = BY_CREATION
    default_ordering = "-created_at"

    @extend_schema(
        summary="Read every figure",
        description="Over the closed trades, and over time for whole accounts. A figure without a value says why.",
        parameters=[PerformanceFilters],
        responses={200: forced_singular_serializer(PerformanceGiven), **errors(404)},
        examples=[PERFORMANCE],
    )
    def list(self, request: Request) -> Response:
        wanted = self.wanted(request, PerformanceFilters)
        found = performance_of(wanted.scope)
        told = {
            "currency": wanted.currency,
            "left_out": found.left_out,
            "recovered_on": found.recovered_on,
            **found.figures,
        }
        return Response(PerformanceGiven(told).data)

    @extend_schema(
        summary="List equity by session",
        description="One row for every session, quiet ones included, the oldest first; `from` and `to` choose "
        "sessions. Under a filter over trades: what these trades realised, by session.",
        parameters=[EquityFilters],
        responses={200: EquityRow(many=True), **errors(404)},
        examples=[SESSION],
    )
    @action(detail=False, pagination_class=ListPagination)
    def equity(self, request: Request) -> Response:
        wanted = self.wanted(request, EquityFilters, without=("from", "to"))
        rows = curve_rows(wanted.scope) if wanted.scope else []
        return self.rows(EquityRow, _between(rows, wanted.given.get("from"), wanted.given.get("to")))

    @extend_schema(
        summary="List figures by what trades have in common",
        description="Ordered by key, by number of trades (-n) or by result (net, -net). Hours and weekdays are those "
        "of the exchange; a trade with several tags counts under each of them. Trades that are booked between two "
        "pages shift nothing but the rows they are of.",
        parameters=[BreakdownAsked],
        responses={200: BreakdownRow(many=True), **errors(404)},
        examples=[ROW],
    )
    @action(detail=False, pagination_class=WalkedPagination)
    def breakdown(self, request: Request) -> Response:
        wanted = self.wanted(request, BreakdownAsked)
        by, chosen = wanted.given["by"], wanted.filter
        found = self.paginate_queryset(partial(TotalsWalk, wanted.scope, by))
        name = namer_of(by, setups=chosen.setups, tags=chosen.tags, accounts=chosen.accounts)
        rows = [_row_told(part, name(part.key)) for part in found]
        return self.get_paginated_response(BreakdownRow(rows, many=True).data)

    @extend_schema(
        summary="Read a month of results",
        parameters=[CalendarAsked],
        responses={200: CalendarGiven, **errors(404)},
        examples=[CALENDAR],
    )
    @action(detail=False)
    def calendar(self, request: Request) -> Response:
        wanted = self.wanted(request, CalendarAsked)
        today = today_of(wanted.scope) if wanted.scope else timezone.localdate()
        month = month_of(wanted.given.get("month", ""), today)
        results = day_results(wanted.scope, month) if wanted.scope else []
        told = {"month": f"{month:%Y-%m}", "currency": wanted.currency, "days": results, "total": sum_of(results)}
        return Response(CalendarGiven(told).data)

    @extend_schema(
        summary="Read what plans came to",
        description="The closed trades by the R that was planned, by where the exit was and by the checklist. The mean "
        "exit is compared with the first target and the initial stop; a stop moved later changes nothing here.",
        parameters=[PerformanceFilters],
        responses={200: PlanGiven, **errors(404)},
        examples=[PLAN],
    )
    @action(detail=False)
    def plan(self, request: Request) -> Response:
        wanted = self.wanted(request, PerformanceFilters)
        found = plan_outcomes(wanted.scope) if wanted.scope else Outcomes({}, {}, {})
        told = {
            "currency": wanted.currency,
            "with_plan": _sums_told(found.with_plan),
            "by_planned_r": _parts_told(found.planned, PLANNED_LABELS),
            "by_exit": _parts_told(found.exits, EXIT_LABELS),
            "by_checklist": _parts_told(found.checklist, CHECKLIST_LABELS),
        }
        return Response(PlanGiven(told).data)

    @extend_schema(
        summary="Read what overridden limits cost",
        description="Trades that broke a limit beside those that kept to all of them. A trade that broke two limits "
        "counts under both. `latest` comes in pages; what it costs is told with each.",
        parameters=OVERRIDES_ASKED,
        responses={200: OverridesGiven, **errors(404)},
        examples=[OVERRIDES],
    )
    @action(detail=False, pagination_class=KeysetPagination)
    def overrides(self, request: Request) -> Response:
        wanted = self.wanted(request, PerformanceFilters)
        scope = wanted.scope
        found = override_cost(scope) if scope else OverrideCost(KeyTotals("yes"), KeyTotals("no"))
        told = {
            "currency": wanted.currency,
            "cost": found.cost,
            "overridden": _sums_told(found.overridden),
            "others": _sums_told(found.others),
            "limits": overrides_by_code(scope) if scope else [],
            "latest": self.paginate_queryset(overrides_of(scope)),
        }
        return Response(OverridesGiven(told | self.paginator.links()).data)

    def wanted(self, request: Request, query: type[PerformanceFilters], *, without: tuple[str, ...] = ()) -> Wanted:
        """What is asked for. Raises ValidationError, and Http404 for what is another's."""
        self.filters = query
        given = self.filtered()
        asked = {name: str(given[name]) for name in FILTERS if name in given and name not in without}
        chosen = TradeFilter(asked, owner=request.user)
        _refuse(chosen)
        return Wanted(given, chosen, _scope(chosen, given.get("currency")))

    def rows(self, row: Any, found: Any) -> Response:
        """One page of rows."""
        return self.get_paginated_response(row(self.paginate_queryset(found), many=True).data)

    def key_of(self, row: CurveRow) -> str:
        """Sessions come by day."""
        return row.day.isoformat()

    def default_order(self) -> str:
        return BREAKDOWNS.get(self.request.query_params.get("by", ""), "key")


def _refuse(chosen: TradeFilter) -> None:
    """What cannot be used filters nothing on a page; a program is told."""
    for name, problems in chosen.form.errors.as_data().items():
        if name in OWN:
            raise Http404
        raise invalid(problems[0].code or "invalid", " ".join(problems[0].messages), name)


def _scope(chosen: TradeFilter, currency: str | None) -> Scope | None:
    accounts = [chosen.selected_account] if chosen.selected_account else chosen.accounts
    scopes = scopes_of(accounts, None if chosen.is_plain else chosen.qs)
    if currency is None:
        return scopes[0] if scopes else None
    found = next((scope for scope in scopes if scope.currency == currency.upper()), None)
    if found is None:
        raise invalid("no_such_currency", "None of these accounts is kept in this currency.", "currency")
    return found


def _sums_told(part: KeyTotals) -> dict[str, Any]:
    """The figures of trades that have something in common, as they are told."""
    return {
        "mean_holding_seconds": part.mean_holding_seconds,
        "mean_planned_r": part.mean_planned_r,
        **part.figures,
    }


def _row_told(part: KeyTotals, label: str) -> dict[str, Any]:
    return {"key": part.key, "label": label, **_sums_told(part)}


def _parts_told(parts: Mapping[str, KeyTotals], labels: Mapping[str, str]) -> list[dict[str, Any]]:
    return [_row_told(part, label) for label, part in labelled(parts, labels)]


def _between(rows: list[CurveRow], first: date | None, last: date | None) -> list[CurveRow]:
    return [row for row in rows if (first is None or row.day >= first) and (last is None or row.day <= last)]
