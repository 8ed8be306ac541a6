"""What a performance page was asked for: the filter, the currency, and the links that keep both."""

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.http import urlencode

from trades.filters import TradeFilter
from trades.selectors.scope import Scope, scope_in, scopes_of

# What the list is asked for, so that it shows the trades of a figure.
_CLOSED = {"status": "closed", "incomplete": "no"}
# Figures are about complete closed trades, and the account has its own switch.
_NOT_ASKED = {"status", "incomplete", "account"}


@dataclass(frozen=True)
class Asked:
    """``scope`` is None for a trader without any account."""

    filter: TradeFilter
    scopes: list[Scope]
    scope: Scope | None
    parameters: dict[str, Any]

    def link(self, name: str, *args: str, **more: str | int | None) -> str:
        """A page about the same trades; ``more`` adds to its address or, as None, takes away."""
        return reverse(f"trades:{name}", args=args) + _query(self.parameters | more)

    def trades_link(self, **more: str | int | None) -> str:
        """The list of the closed trades behind a figure."""
        parameters = {name: value for name, value in self.parameters.items() if name != "currency"}
        return reverse("trades:trade-list") + _query(parameters | _CLOSED | more)

    def tabs(self) -> list[dict[str, str]]:
        """The performance pages, each about the same trades."""
        return [
            {"url": self.link("performance"), "label": "Overview", "name": "performance"},
            {"url": self.link("performance-calendar"), "label": "Calendar", "name": "performance-calendar"},
            {
                "url": self.link("performance-breakdown", "setup"),
                "label": "Breakdowns",
                "name": "performance-breakdown",
            },
            {"url": self.link("performance-plan"), "label": "Plan and outcome", "name": "performance-plan"},
            {"url": self.link("performance-overrides"), "label": "Overrides", "name": "performance-overrides"},
            {"url": self.link("performance-equity"), "label": "Equity by session", "name": "performance-equity"},
        ]

    def context(self) -> dict[str, Any]:
        """What every performance page shows around its figures."""
        others = [each.currency for each in self.scopes if self.scope and each.currency != self.scope.currency]
        return {
            "asked": self,
            "filter": self.filter,
            "filter_fields": [field for field in self.filter.form if field.name not in _NOT_ASKED],
            "chips": [] if self.filter.is_plain else [chip for chip in self.filter.chips() if chip.name != "account"],
            "scope": self.scope,
            "currency": self.scope.currency if self.scope else "",
            "tabs": self.tabs(),
            "other_currencies": [(code, self.link_here(currency=code)) for code in others],
        }

    def link_here(self, **more: str | int | None) -> str:
        return _query(self.parameters | more) or "?"


def _query(parameters: dict[str, Any]) -> str:
    kept = {name: value for name, value in parameters.items() if value not in (None, "", [])}
    return f"?{urlencode(kept, doseq=True)}" if kept else ""


def asked(request: HttpRequest) -> Asked:
    """Read the filter and the currency from the address; accounts of another user are no choice."""
    chosen = TradeFilter(request.GET, owner=request.user)
    accounts = [chosen.selected_account] if chosen.selected_account else chosen.accounts
    scopes = scopes_of(accounts, None if chosen.is_plain else chosen.qs)
    scope = scope_in(scopes, request.GET.get("currency"))
    parameters: dict[str, Any] = {name: request.GET.getlist(name) for name in chosen.values}
    if len(scopes) > 1 and scope is not None:
        parameters["currency"] = scope.currency
    return Asked(chosen, scopes, scope, parameters)


def page_of(request: HttpRequest) -> int:
    """The page number of the address; 1 for anything that is none."""
    text = request.GET.get("page", "")
    return max(int(text), 1) if text.isdecimal() and len(text) < 7 else 1  # noqa: PLR2004 - a page number is short
