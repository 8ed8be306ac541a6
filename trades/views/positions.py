"""What is held, by the broker's word and by the journal's, and how each difference is resolved."""

from collections import Counter
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.selectors import accounts_in_use
from trades.selectors.freshness import connections_stale
from trades.selectors.positions import PositionLine, positions_compared
from trades.views.account_choice import account_chosen
from trades.views.live import live_context
from trenddojo.domain.reconciliation import PositionState

# What each state means, for the trader.
STATES = {
    PositionState.MATCHED: "The broker and the journal agree, and a stop works.",
    PositionState.DRIFT: "The quantities differ: sync with the broker, then look at the trade's fills.",
    PositionState.EXTERNAL: "The broker holds it and the journal does not know it: adopt it, or close it.",
    PositionState.UNPROTECTED: "No stop works for all of it: place one.",
}  # fmt: skip


@login_required
@require_safe
def position_list(request: HttpRequest) -> HttpResponse:
    live = live_context(request)
    accounts = list(accounts_in_use(request.user))
    chosen = account_chosen(accounts, request.GET.get("account"))
    lines = positions_compared(request.user, chosen, now=live["now"])
    context: dict[str, Any] = {
        "accounts": accounts if len(accounts) > 1 else [],
        "selected_account": chosen,
        "chosen": chosen,
        "lines": lines,
        "meanings": [(state.value, STATES[state]) for state in STATES if state in _states(lines)],
        "summary": _summary(lines),
        "closable": _closable(lines),
        "stale_connections": connections_stale([chosen] if chosen else accounts, now=live["now"]),
    }
    return render(request, "trades/position_list.html", context | live)


def _states(lines: list[PositionLine]) -> set[PositionState]:
    return {line.state for line in lines if not line.is_by_hand}


def _summary(lines: list[PositionLine]) -> str:
    counts = Counter("by hand" if line.is_by_hand else line.state.value for line in lines)
    return ", ".join(f"{number} {state}" for state, number in sorted(counts.items()))


def _closable(lines: list[PositionLine]) -> list[Any]:
    """The connected accounts that hold anything, each once."""
    return list({line.account.pk: line.account for line in lines if line.connection}.values())
