"""What happened to one order, as far as anybody wrote it down: for whoever has to find out why a promise was broken."""

from datetime import UTC, datetime
from typing import Any

from tests.fault.driver import Intent
from tests.fault.lab import Lab
from tests.fault.oracle import Finding
from tests.fault.truth import Truth

AROUND = 8.0
MOST_LINES = 60
TOLD = ("status", "raw_status", "client_order_id", "broker_order_id", "quantity", "filled_quantity", "limit_price",
        "reason_code", "asked_count", "pending_change", "cancel_asked_at", "replaces_id", "parent_id", "trade_id",
        "order_class", "origin", "version")  # fmt: skip


def story(lab: Lab, finding: Finding, truths: list[Truth], intents: list[Intent]) -> str:
    """The finding, then row, trail, the exchange's side, and every line in time that names the order."""
    truth = next(one for one in truths if one.trader.name == finding.trader)
    row = next((one for one in truth.orders if str(one["id"]) == finding.order), None)
    lines = [f"=== {finding}"]
    if row is None:
        return "\n".join(lines)
    lines.append("row      " + ", ".join(f"{name}={row[name]}" for name in TOLD if row[name] not in (None, "")))
    their = truth.theirs.get(row["broker_order_id"])
    lines.append(f"exchange {_brief(their)}")
    lines += [
        f"exchange under its id: {_brief(one)}"
        for one in truth.theirs_by_client_id.get(row["client_order_id"], [])
        if one is not their
    ]
    lines += [f"told     {key} at {at:%H:%M:%S}" for key, at in truth.notices.items() if str(row["id"]) in key]
    fills = [fill for fill in truth.fills if fill["order_id"] == row["id"]]
    lines += [f"fill     {one['execution_id']} {one['quantity']:f} at {one['price']:f}" for one in fills]
    lines += [
        f"executed {one['id']} {one['qty']} at {one['price']}"
        for one in truth.executions
        if one["order_id"] == row["broker_order_id"]
    ]
    moments = _moments(lab, truth, row, intents)
    return "\n".join([*lines, *(f"{_clock(at)} {text}" for at, text in sorted(moments)[:200])])


def _moments(lab: Lab, truth: Truth, row: dict[str, Any], intents: list[Intent]) -> list[tuple[float, str]]:
    found: list[tuple[float, str]] = []
    for event in truth.events[row["id"]]:
        text = f"event  {event['fact']}: {event['from_status']} to {event['to_status']} by {event['source']}"
        found.append((event["at"].timestamp(), f"{text} {event['detail']}"))
    for intent in intents:
        if intent.order == str(row["id"]):
            text = f"trader {intent.kind} by {intent.way}: {intent.status} after {intent.tries} tries {intent.body} {intent.said}"
            found.append((intent.began, text))
    touched = [at for at, _ in found]
    found += [(at, text) for at, text in _logged(lab, row) if at]
    for one in lab.record.lines:
        if any(abs(one.at - at) < AROUND for at in touched):
            found.append((one.at, f"inject {one.name} {one.detail} ({one.state})"))
    for strike in lab.points.strikes():
        if any(abs(strike.at - at) < AROUND for at in touched):
            found.append((strike.at, f"struck {strike.deed} at {strike.point}, process {strike.pid}"))
    return found


def _logged(lab: Lab, row: dict[str, Any]) -> list[tuple[float, str]]:
    """Log lines that name the order."""
    names = [str(row[name]) for name in ("id", "broker_order_id", "client_order_id") if row[name]]
    found = [
        (_at(line), f"{log.stem}: {line[:400]}")
        for log in sorted(lab.logs.glob("*.log"))
        for line in log.read_text(errors="replace").splitlines()
        if any(name in line for name in names)
    ]
    return found[:MOST_LINES]


def _at(line: str) -> float:
    try:
        return datetime.strptime(line[:23], "%Y-%m-%dT%H:%M:%S.%f").replace(tzinfo=UTC).timestamp()
    except ValueError:
        return 0.0


def _clock(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%H:%M:%S.%f")[:-3]


def _brief(order: dict[str, Any] | None) -> str:
    if order is None:
        return "nothing"
    names = ("id", "client_order_id", "status", "qty", "filled_qty", "filled_avg_price", "limit_price", "replaces",
             "replaced_by", "created_at", "updated_at", "parent_id")  # fmt: skip
    return ", ".join(f"{name}={order[name]}" for name in names if order[name] is not None)
