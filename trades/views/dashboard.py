"""The first page: where the trader stands, and what needs attention."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.http import require_safe

from accounts.models import TradingAccount
from accounts.selectors import accounts_in_use
from trades.selectors.broker_now import broker_now
from trades.selectors.dashboard import (
    OLD_PLAN_DAYS,
    AccountNow,
    CurrencyNow,
    ReviewCounts,
    Used,
    desk_now,
    open_trades,
    review_counts,
)
from trades.selectors.figures import KeyTotals, together, totals_by_account
from trades.selectors.freshness import connections_heard, told
from trades.selectors.scope import Scope
from trades.views.account_choice import account_chosen
from trades.views.charts import recent_data
from trades.views.live import live_context
from trenddojo.domain.metrics.figure import Figure
from trenddojo.domain.risk import r_multiple

# The part of the page that is asked for every few seconds.
MARKET = "dashboard-open"


@require_safe
@login_required
def dashboard(request: HttpRequest) -> HttpResponse:
    accounts = list(accounts_in_use(request.user))
    selected = account_chosen(accounts, request.GET.get("account"))
    shown = [selected] if selected else accounts
    if not shown:
        return render(request, "trades/dashboard.html", {"sections": []})
    if request.htmx and request.htmx.target == MARKET:
        return _market_part(request, shown, selected)
    live = live_context(request)
    now = live["now"]
    desk = desk_now(shown, now=now)
    totals = totals_by_account(Scope("", tuple(shown)))
    context = {
        "accounts": accounts if len(accounts) > 1 else [],
        "selected_account": selected,
        "sections": [_section(each, totals, selected) for each in desk],
        "is_first_run": not totals and not any(a.open.active or a.open.planned for e in desk for a in e.accounts),
        "chosen": selected,
        "account_query": _account_query(selected),
        "attention": attention(desk, review_counts(shown, today=now.date()), selected),
    }
    return render(request, "trades/dashboard.html", context | _market(request, shown, now) | live)


def _market_part(
    request: HttpRequest, shown: Sequence[TradingAccount], selected: TradingAccount | None
) -> HttpResponse:
    context = _market(request, shown, timezone.now()) | {"account_query": _account_query(selected)}
    return render(request, "trades/_dashboard_now.html", context)


def _market(request: HttpRequest, shown: Sequence[TradingAccount], now: datetime) -> dict[str, Any]:
    """What moves with the market: open trades and where they stand at the broker."""
    opened, count = open_trades(shown)
    heard = connections_heard(shown, now=now)
    broker = broker_now(request.user, shown, [each.connection for each in heard], now=now)
    lines = broker.lines if broker else {}
    return {
        "open_trades": [
            {
                "trade": trade,
                "open_r": r_multiple(trade.open_risk, trade.initial_risk),
                "line": lines.get(trade.pk),
            }
            for trade in opened
        ],
        "open_count": count,
        "broker": broker,
        "stale_connections": told(heard),
    }


def _account_query(selected: TradingAccount | None) -> str:
    return f"?account={selected.pk}" if selected else ""


def _section(here: CurrencyNow, totals: dict[str, KeyTotals], selected: TradingAccount | None) -> dict[str, Any]:
    keys = [str(each.account.pk) for each in here.accounts]
    known = together(totals[key] for key in keys if key in totals)
    figures = known.figures
    query = {"account": selected.pk} if selected else {"currency": here.currency}
    return {
        "now": here,
        "closed": known.totals.n,
        "win_rate": figures["win_rate"],
        "expectancy": figures["expectancy_r"],
        "heat": _share(here.heat.percent),
        "chart": _equity_chart(here, query),
        "performance_url": f"{reverse('trades:performance')}?{urlencode(query)}",
        "query": urlencode(query),
    }


def _share(percent: Decimal | None) -> Figure:
    reason = None if percent is not None else "There is no equity to compare the open risk with."
    return Figure(None if percent is None else percent / 100, 0, reason)


def _equity_chart(here: CurrencyNow, query: dict[str, Any]) -> dict[str, Any]:
    first, last = here.days[0], here.days[-1]
    return {
        "id": f"equity-{here.currency.lower()}",
        "kind": "area",
        "title": f"Equity, last {_count(len(here.days), 'session')}",
        "summary": f"From {first.equity:,.2f} on {first.day} to {last.equity:,.2f} {here.currency} on {last.day}.",
        "data": recent_data(here.days, here.equity_before, here.currency),
        "table_url": f"{reverse('trades:performance-equity')}?{urlencode(query)}",
    }


@dataclass(frozen=True, slots=True)
class Attention:
    """One thing to look at: a sentence, where it leads, and how pressing it is (warning or note)."""

    sentence: str
    url: str
    action: str
    is_pressing: bool = False


def attention(desk: Sequence[CurrencyNow], counts: ReviewCounts, selected: TradingAccount | None) -> list[Attention]:
    """What needs attention, the pressing first."""
    limits = [item for here in desk for account in here.accounts for item in _limits(account)]
    found = [*limits, *_open(desk, selected), *_review(counts, selected)]
    return sorted(found, key=lambda item: not item.is_pressing)


def _limits(now: AccountNow) -> list[Attention]:
    policy = reverse("accounts:account-detail", args=[now.account.pk])
    watched: list[tuple[Used, str, str]] = [
        (now.daily_loss, "lost today", "the daily limit"),
        (now.weekly_loss, "lost this week", "the weekly limit"),
        (now.heat, "at risk in open trades", "the limit of open risk"),
    ]
    return [
        Attention(
            f"{now.account.name}: {used.percent:.2f} % of equity {what}; {limit} is {used.limit.normalize():f} %.",
            policy,
            "Show the account",
            is_pressing=True,
        )
        for used, what, limit in watched
        if used.is_near and used.limit is not None
    ]


def _list(selected: TradingAccount | None, **more: str) -> str:
    query = ({"account": str(selected.pk)} if selected else {}) | more
    return f"{reverse('trades:trade-list')}?{urlencode(query)}"


def _open(desk: Sequence[CurrencyNow], selected: TradingAccount | None) -> list[Attention]:
    opened = [account.open for here in desk for account in here.accounts]
    unprotected, old = sum(each.without_stop for each in opened), sum(each.old_plans for each in opened)
    found = []
    if unprotected:
        sentence = f"{_count(unprotected, 'open trade')} without a stop: the risk is not counted in the heat."
        found.append(Attention(sentence, _list(selected, status="active"), "Set a stop", is_pressing=True))
    if old:
        sentence = f"{_count(old, 'plan')} older than {OLD_PLAN_DAYS} days: take it up or cancel it."
        found.append(Attention(sentence, _list(selected, status="planned"), "Show the plans"))
    return found


def _review(counts: ReviewCounts, selected: TradingAccount | None) -> list[Attention]:
    recent = {"status": "closed", "from": counts.since.isoformat()}
    missing = [
        (counts.incomplete, "without its opening fills, left out of all figures.", {"incomplete": "yes"}, "Complete"),
        (counts.without_notes, "closed lately without notes.", recent | {"reviewed": "no"}, "Write notes"),
        (counts.without_setup, "closed lately without a setup.", recent | {"setup": "none"}, "Choose setups"),
        (counts.without_rating, "closed lately without a rating.", recent | {"rating": "none"}, "Rate"),
        (counts.estimated, "closed lately with estimated costs.", recent | {"estimated": "yes"}, "Enter real costs"),
    ]
    return [
        Attention(f"{_count(n, 'trade')} {what}", _list(selected, **query), action)
        for n, what, query, action in missing
        if n
    ]


def _count(n: int, noun: str) -> str:
    return f"{n:,} {noun}{'' if n == 1 else 's'}"
