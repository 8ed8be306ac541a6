"""The audit trail of a trade in words: who did what, when, and what it was before."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone

from trades.models import AuditEntry, Setup, Trade

ACTIONS = {
    "plan.made": "Trade planned",
    "plan.edited": "Plan changed",
    "plan.cancelled": "Plan cancelled",
    "plan.reopened": "Plan reopened",
    "order.placed": "Order placed",
    "order.withdrawn": "Order withdrawn",
    "fill.added": "Fill added",
    "fill.edited": "Fill changed",
    "fill.deleted": "Fill deleted",
    "fill.booked": "Fill told by the broker",
    "position.adopted": "Position adopted from the broker",
    "stop.moved": "Stop moved",
    "journal.edited": "Journal written",
    "trade.recorded": "Trade recorded",
    "trade.edited": "Trade changed",
    "trade.deleted": "Trade deleted",
    "trade.tagged": "Tags changed",
    "setup.deleted": "Setup deleted",
}
# What nobody here did.
BY_BROKER = frozenset({"fill.booked"})
# Only what a trader said is told; computed columns follow from it.
LABELS = {
    "symbol": "Symbol",
    "asset_class": "Asset class",
    "multiplier": "Multiplier",
    "direction": "Direction",
    "status": "Status",
    "entry_price": "Entry",
    "planned_quantity": "Quantity",
    "planned_r": "Planned R",
    "risk_percent": "Risk %",
    "initial_risk": "Initial risk",
    "setup_id": "Setup",
    "setup": "Setup",
    "is_override": "Override",
    "thesis": "Thesis",
    "targets": "Targets",
    "checklist": "Checklist",
    "overrides": "Limits overridden",
    "stop_loss": "Stop",
    "stop": "Stop",
    "moved_at": "In force since",
    "note": "Note",
    "kind": "Kind",
    "side": "Side",
    "quantity": "Quantity",
    "price": "Price",
    "commission": "Commission",
    "fees": "Fees",
    "has_estimated_costs": "Estimated costs",
    "executed_at": "Time",
    "notes_during": "Notes during",
    "notes_after": "Notes after",
    "rating": "Rating",
    "tags": "Tags",
}
TIMES = frozenset({"executed_at", "moved_at"})
WORDS = frozenset({"symbol", "setup", "thesis", "note", "notes_during", "notes_after"})
LONGEST = 200


@dataclass(frozen=True, slots=True)
class Wording:
    """How times and numbers are written."""

    moment: Callable[[datetime], str]
    number: Callable[[Decimal], str]


ON_PAGES = Wording(
    moment=lambda at: timezone.localtime(at).strftime("%Y-%m-%d %H:%M:%S"),
    number=lambda number: f"{number.normalize():,f}",
)


@dataclass(frozen=True, slots=True)
class Change:
    """What became of one field; an empty text for nothing."""

    field: str
    name: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class HistoryLine:
    """One entry in words."""

    id: UUID
    at: datetime
    who: str
    action: str
    what: str
    changed: list[Change]

    @property
    def changes(self) -> list[tuple[str, str, str]]:
        """For the template `_history.html`."""
        return [(each.name, each.before, each.after) for each in self.changed]


def trade_history(trade: Trade, *, limit: int | None = None, since: datetime | None = None) -> list[HistoryLine]:
    """The trade's audit entries in words, the newest first; `since` leaves out what was before."""
    entries = trade_entries(trade)
    if since is not None:
        entries = entries.filter(at__gt=since)
    return history_lines(list(entries[:limit]))


def trade_entries(trade: Trade) -> QuerySet[AuditEntry]:
    """The trade's audit entries, with who wrote them."""
    return AuditEntry.objects.filter(account_id=trade.account_id, trade_id=trade.pk).select_related("actor")


def history_lines(entries: Iterable[AuditEntry], *, wording: Wording = ON_PAGES) -> list[HistoryLine]:
    """The entries in words. One query for all."""
    found = list(entries)
    names = _setup_names(found)
    return [
        HistoryLine(
            id=entry.pk,
            at=entry.at,
            who=_who(entry),
            action=entry.action,
            what=ACTIONS.get(entry.action, entry.action.replace(".", " ").replace("_", " ").capitalize()),
            changed=_changes(entry.before or {}, entry.after or {}, names, wording),
        )
        for entry in found
    ]


def _who(entry: AuditEntry) -> str:
    if entry.actor:
        return entry.actor.get_username()
    return "the broker" if entry.action in BY_BROKER else "somebody who left"


def _changes(before: dict[str, Any], after: dict[str, Any], names: dict[str, str], wording: Wording) -> list[Change]:
    found = []
    for key, label in LABELS.items():
        old, new = _shown(key, before.get(key), names, wording), _shown(key, after.get(key), names, wording)
        if old != new:
            found.append(Change(key, label, old, new))
    return found


def _shown(key: str, value: Any, names: dict[str, str], wording: Wording) -> str:
    if value is None or value in ("", [], {}):
        return ""
    if key == "setup_id":
        return names.get(str(value), "a deleted setup")
    if key in TIMES:
        return wording.moment(datetime.fromisoformat(str(value)))
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return "; ".join(str(item) for item in value)
    if isinstance(value, dict):
        return "; ".join(f"{name.replace('_', ' ')}: {_plain('note', item, wording)}" for name, item in value.items())
    return _plain(key, value, wording)


def _plain(key: str, value: Any, wording: Wording) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = str(value)
    if key not in WORDS:
        try:
            number = Decimal(text)
        except InvalidOperation:
            return text.replace("_", " ")
        return wording.number(number) if number.is_finite() else text
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def _setup_names(entries: Iterable[AuditEntry]) -> dict[str, str]:
    told = (
        state["setup_id"]
        for entry in entries
        for state in (entry.before, entry.after)
        if state and state.get("setup_id")
    )
    return {str(pk): name for pk, name in Setup.objects.filter(pk__in=set(told)).values_list("pk", "name")}
