"""The audit trail of a trade in words: who did what, when, and what it was before."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

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
class HistoryLine:
    """One line for the template `_history.html`; `changes` are (name, before, after), empty text for nothing."""

    at: datetime
    who: str
    what: str
    changes: list[tuple[str, str, str]]


def trade_history(trade: Trade, *, limit: int | None = None, since: datetime | None = None) -> list[HistoryLine]:
    """The trade's audit entries, the newest first; `since` leaves out what was before."""
    entries = AuditEntry.objects.filter(account_id=trade.account_id, trade_id=trade.pk).select_related("actor")
    if since is not None:
        entries = entries.filter(at__gt=since)
    found = list(entries[:limit])
    names = _setup_names(found)
    return [
        HistoryLine(
            at=entry.at,
            who=_who(entry),
            what=ACTIONS.get(entry.action, entry.action.replace(".", " ").replace("_", " ").capitalize()),
            changes=_changes(entry.before or {}, entry.after or {}, names),
        )
        for entry in found
    ]


def _who(entry: AuditEntry) -> str:
    if entry.actor:
        return entry.actor.get_username()
    return "the broker" if entry.action in BY_BROKER else "somebody who left"


def _changes(before: dict[str, Any], after: dict[str, Any], names: dict[str, str]) -> list[tuple[str, str, str]]:
    found = []
    for key, label in LABELS.items():
        old, new = _shown(key, before.get(key), names), _shown(key, after.get(key), names)
        if old != new:
            found.append((label, old, new))
    return found


def _shown(key: str, value: Any, names: dict[str, str]) -> str:
    if value is None or value in ("", [], {}):
        return ""
    if key == "setup_id":
        return names.get(str(value), "a deleted setup")
    if key in TIMES:
        return timezone.localtime(datetime.fromisoformat(str(value))).strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return "; ".join(str(item) for item in value)
    if isinstance(value, dict):
        return "; ".join(f"{name.replace('_', ' ')}: {_plain('note', item)}" for name, item in value.items())
    return _plain(key, value)


def _plain(key: str, value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = str(value)
    if key not in WORDS:
        try:
            number = Decimal(text)
        except InvalidOperation:
            return text.replace("_", " ")
        return f"{number.normalize():,f}" if number.is_finite() else text
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def _setup_names(entries: Iterable[AuditEntry]) -> dict[str, str]:
    told = (
        state["setup_id"]
        for entry in entries
        for state in (entry.before, entry.after)
        if state and state.get("setup_id")
    )
    return {str(pk): name for pk, name in Setup.objects.filter(pk__in=set(told)).values_list("pk", "name")}
