"""The oracle: what must hold when everything has settled, whatever was done to the desk meanwhile.

Each intent has at most one broker order, each broker order exactly one row, every execution is counted once, and nothing
stays undecided without a person being told.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from http import HTTPStatus
from itertools import pairwise
from typing import Any
from uuid import UUID, uuid5

from tests.fault.driver import Intent
from tests.fault.lab import Row
from tests.fault.market import SYMBOLS
from tests.fault.truth import SAME, UNDECIDED, WAITED_FOR, WORKS, Truth

ZERO = Decimal(0)
# Seconds after which a request whose answer was lost is not heard any more.
HEARD_LATE = 300.0
# Averages are told with fewer places than they have.
AVERAGE_ROUNDED = Decimal("0.0001")
# How the ids begin that the desk gives its orders at a broker.
OUR_IDS = "td-"


@dataclass(frozen=True)
class Finding:
    """A promise that does not hold. `kind` is lost, doubled, undecided, untold or wrong; `order` is a row's id."""

    kind: str
    text: str
    trader: str = ""
    order: str = ""

    def __str__(self) -> str:
        return f"{self.kind}: {self.text} [{self.trader} {self.order}]"


Rule = Callable[[Truth, list[Intent]], Iterator[Finding]]


def findings(truths: Iterable[Truth], intents: Iterable[Intent]) -> list[Finding]:
    """Everything that does not hold, of all traders."""
    by_trader: dict[str, list[Intent]] = defaultdict(list)
    for intent in intents:
        by_trader[intent.trader].append(intent)
    return [finding for truth in truths for rule in RULES for finding in rule(truth, by_trader[truth.trader.name])]


def _says(truth: Truth, kind: str, text: str, row: Row | None = None) -> Finding:
    return Finding(kind, text, truth.trader.name, str(row["id"]) if row else "")


# --- intents ---------------------------------------------------------------------------------------------------------


def _each_intent_one_row(truth: Truth, intents: list[Intent]) -> Iterator[Finding]:
    """What was answered as taken is there, once; what is there was meant by somebody."""
    rows = {str(row["id"]): row for row in truth.orders}
    by_creation = Counter(str(row["creation_key"]) for row in truth.orders)
    meant: set[str] = set()
    for intent in intents:
        if intent.kind == "flatten":
            yield from _each_position_closed_once(truth, intent, rows, by_creation, meant)
        if intent.kind not in ("place", "close"):
            continue
        key = intent.key if intent.way == "page" else truth.keys.get(intent.key, "")
        meant.add(key)
        if by_creation[key] > 1:
            yield _says(truth, "doubled", f"{by_creation[key]} orders of one request {intent.key}")
        is_taken = intent.status in (HTTPStatus.CREATED, HTTPStatus.FOUND) and intent.order
        if is_taken and (intent.order not in rows or str(rows[intent.order]["creation_key"]) != key):
            yield _says(
                truth, "lost", f"request {intent.key} was answered with order {intent.order}, which is not its own"
            )
    for row in truth.orders:
        is_first = row["origin"] == "desk" and row["replaces_id"] is None and row["parent_id"] is None
        if is_first and str(row["creation_key"]) not in meant:
            yield _says(truth, "doubled", f"an order nobody asked for: {_told(row)}", row)


def _each_position_closed_once(
    truth: Truth, intent: Intent, rows: dict[str, Row], by_creation: Counter[str], meant: set[str]
) -> Iterator[Finding]:
    """Closing everything is an intent for each symbol, with a key made of the request's own."""
    key = truth.keys.get(intent.key)
    closings = {str(uuid5(UUID(key), symbol)) for symbol in SYMBOLS} if key else set()
    meant |= closings
    for closing in sorted(closings):
        if by_creation[closing] > 1:
            yield _says(truth, "doubled", f"{by_creation[closing]} orders of one closing of everything {intent.key}")
    for order in intent.orders:
        if order not in rows or str(rows[order]["creation_key"]) not in closings:
            yield _says(truth, "lost", f"request {intent.key} was answered with order {order}, which is not its own")


def _each_wish_carried_out_or_told(truth: Truth, intents: list[Intent]) -> Iterator[Finding]:
    """What somebody took back works no more, nor what took its place; other terms are there, or the order ended.

    Otherwise its trader was told that the broker would not. A wish counts that was answered as taken, or stands in the
    trail: the answer may have been lost.
    """
    after = {str(row["replaces_id"]): row for row in truth.orders if row["replaces_id"] is not None}
    cancelled = {one.order for one in intents if one.kind == "cancel" and one.is_taken}
    changes = Counter(one.order for one in intents if one.kind == "change" and one.is_taken)
    for row in truth.orders:
        order, facts = str(row["id"]), Counter((event["fact"], event["source"]) for event in truth.events[row["id"]])
        if order in cancelled or facts["ask_cancel", "trader"]:
            yield from _gone(truth, row, after)
        rewritten = facts["rewrite", "trader"]
        wished = max(changes[order], facts["ask_replace", "trader"] + rewritten)
        done = rewritten + (order in after) + truth.told(order, "replace:")
        if row["status"] in (*WAITED_FOR, "replaced") and done < wished:
            text = f"{wished} changes were asked for, {done} carried out or told as refused: {_told(row)}"
            yield _says(truth, "lost", text, row)


def _gone(truth: Truth, row: Row, after: dict[str, Row]) -> Iterator[Finding]:
    line = [row]
    while str(line[-1]["id"]) in after:
        line.append(after[str(line[-1]["id"])])
    if line[-1]["status"] in WAITED_FOR and not any(truth.told(each["id"], "cancel:") for each in line):
        yield _says(truth, "lost", f"taken back, and it works on with nobody told: {_told(line[-1])}", line[-1])


def _each_replacement_meant(truth: Truth, intents: list[Intent]) -> Iterator[Finding]:
    """What took the place of an order has terms that somebody asked for, and nothing made here is taken for another's."""
    wanted: dict[str, list[Intent]] = defaultdict(list)
    for intent in intents:
        if intent.kind == "change":
            wanted[intent.order].append(intent)
    for row in truth.orders:
        if row["origin"] == "external" and str(row["client_order_id"]).startswith(OUR_IDS):
            yield _says(truth, "wrong", f"made here, and taken for made elsewhere: {_told(row)}", row)
        is_ours = row["origin"] == "desk" and row["replaces_id"] is not None
        if is_ours and not any(_is_meant(row, one) for one in wanted[str(row["replaces_id"])]):
            yield _says(truth, "doubled", f"other terms that nobody asked for: {_told(row)}", row)


def _is_meant(row: Row, intent: Intent) -> bool:
    """A page sends its own key, the API makes one."""
    is_key = intent.way == "api" or str(row["creation_key"]) == intent.key
    return is_key and all(row[name] == Decimal(value) for name, value in intent.body.items())


def _halted_entries_work_no_more(truth: Truth, intents: list[Intent]) -> Iterator[Finding]:
    """An entry that was there when its trader asked for a halt, and what took its place, has come to an end.

    Of halts that were carried out with their answer: where its process died workers go on, until the trader resumes.
    """
    asked = [one for one in intents if one.kind == "halt"]
    lost = [one.began for one in asked if one.tries > 1 or not one.is_answered]
    halts = [one.began for one in asked if one.status == HTTPStatus.OK and not _may_be_halted(one, lost)]
    if not halts:
        return
    last, rows = max(halts), {row["id"]: row for row in truth.orders}
    placed = {one.order: one.answered for one in intents if one.kind == "place" and one.order and one.is_answered}
    for row in truth.orders:
        first = row
        while first["replaces_id"] in rows:
            first = rows[first["replaces_id"]]
        was_there = placed.get(str(first["id"]), last) < last
        is_entry = row["parent_id"] is None and not row["is_reducing"]
        if was_there and is_entry and row["status"] in (*WAITED_FOR, *UNDECIDED):
            yield _says(truth, "wrong", f"an entry works on though its account was halted: {_told(row)}", row)


def _may_be_halted(halt: Intent, lost: list[float]) -> bool:
    """Whether it, or one before it whose answer was lost, may have found a halt that was set already: twice is once."""
    return any(halt.began - HEARD_LATE < began <= halt.began for began in lost)


def _each_row_one_broker_order(truth: Truth, _intents: list[Intent]) -> Iterator[Finding]:
    for client_id, theirs in truth.theirs_by_client_id.items():
        if len(theirs) > 1:
            yield _says(truth, "doubled", f"{len(theirs)} orders at the exchange under the id {client_id}")
    for broker_id, rows in truth.by_broker_id.items():
        if len(rows) > 1:
            yield _says(truth, "doubled", f"{len(rows)} rows of the exchange's order {broker_id}", rows[0])
        if broker_id not in truth.theirs:
            yield _says(truth, "wrong", f"a row of an order that the exchange does not have: {_told(rows[0])}", rows[0])
    for row in truth.orders:
        given = [their["id"] for their in truth.theirs_by_client_id.get(row["client_order_id"] or "-", ())]
        if given and row["broker_order_id"] not in given:
            yield _says(truth, "lost", f"at the exchange it is {given}: {_told(row)}", row)


def _each_broker_order_one_row(truth: Truth, _intents: list[Intent]) -> Iterator[Finding]:
    for their in truth.theirs.values():
        rows = truth.by_broker_id.get(their["id"], [])
        if not rows:
            yield _says(truth, "lost", f"the exchange's order {_told_theirs(their)} has no row")
            continue
        row = rows[0]
        if (
            row["origin"] == "external"
            and truth.by_client_id.get(their["client_order_id"], [row])[0]["id"] != row["id"]
        ):
            yield _says(truth, "doubled", f"adopted as made elsewhere, and ours: {_told(row)}", row)
        yield from _same(truth, row, their)


def _same(truth: Truth, row: Row, their: Row) -> Iterator[Finding]:
    filled = Decimal(their["filled_qty"])
    states = ("partially_filled",) if filled and their["status"] in WORKS else SAME.get(their["status"], ())
    if row["status"] not in states:
        yield _says(truth, "wrong", f"the exchange says {their['status']}, the row {row['status']}: {_told(row)}", row)
    if row["filled_quantity"] != filled:
        yield _says(truth, "wrong", f"the exchange filled {filled}, the row says {row['filled_quantity']}", row)
    if their["qty"] is not None and row["quantity"] != Decimal(their["qty"]):
        yield _says(truth, "wrong", f"the exchange has {their['qty']}, the row {row['quantity']}", row)
    average, ours = their["filled_avg_price"], row["filled_average_price"]
    if average is not None and ours is not None and abs(Decimal(average) - ours) > AVERAGE_ROUNDED:
        yield _says(truth, "wrong", f"filled at {average}, the row says {ours}", row)
    for name in ("limit_price", "stop_price"):
        if their[name] is not None and row[name] != Decimal(their[name]):
            yield _says(truth, "wrong", f"the exchange's {name} is {their[name]}, the row's {row[name]}", row)


# --- executions and what follows from them -------------------------------------------------------------------------------


def _each_execution_once(truth: Truth, _intents: list[Intent]) -> Iterator[Finding]:
    booked: dict[str, list[Row]] = defaultdict(list)
    for fill in truth.fills:
        booked[fill["execution_id"]].append(fill)
    rows = {row["id"]: row for row in truth.orders}
    for line in truth.executions:
        found = booked.pop(line["id"], [])
        if not found:
            yield _says(truth, "lost", f"execution {line['id']} of {line['qty']} {line['symbol']} is not booked")
            continue
        total = sum((fill["quantity"] for fill in found), ZERO)
        order = rows.get(found[0]["order_id"])
        if total != Decimal(line["qty"]):
            kind = "doubled" if total > Decimal(line["qty"]) else "lost"
            yield _says(truth, kind, f"execution {line['id']} of {line['qty']} is booked as {total}", order)
        if any(fill["price"] != Decimal(line["price"]) for fill in found):
            yield _says(truth, "wrong", f"execution {line['id']} at {line['price']} is booked at another price", order)
        if order is None or order["broker_order_id"] != line["order_id"]:
            yield _says(
                truth, "wrong", f"execution {line['id']} is booked to another order than {line['order_id']}", order
            )
    for execution, fills in booked.items():
        yield _says(truth, "doubled", f"{len(fills)} fills of the execution “{execution}”, which never happened")


def _sums_agree(truth: Truth, _intents: list[Intent]) -> Iterator[Finding]:
    held: dict[str, Decimal] = defaultdict(lambda: ZERO)
    by_order: dict[Any, Decimal] = defaultdict(lambda: ZERO)
    costs: dict[Any, Decimal] = defaultdict(lambda: ZERO)
    for fill in truth.fills:
        held[fill["symbol"]] += fill["quantity"] if fill["side"] == "buy" else -fill["quantity"]
        by_order[fill["order_id"]] += fill["quantity"]
        costs[fill["order_id"]] += fill["commission"]
    for symbol in sorted({*held, *truth.positions}):
        ours, theirs = held[symbol], truth.positions.get(symbol, ZERO)
        if ours != theirs:
            yield _says(truth, "wrong", f"{symbol}: the exchange holds {theirs}, the fills come to {ours}")
        if truth.told_positions.get(symbol, ZERO) != theirs:
            told = truth.told_positions.get(symbol, ZERO)
            yield _says(truth, "wrong", f"{symbol}: the exchange holds {theirs}, the desk was last told {told}")
    rows = {row["id"]: row for row in truth.orders}
    for row in truth.orders:
        # A replacement takes over what the order before it had filled when it was made; those executions stay that order's.
        before = rows.get(row["replaces_id"])
        own, taken_over = by_order[row["id"]], before["filled_quantity"] if before is not None else ZERO
        if row["filled_quantity"] not in (own, own + taken_over):
            text = f"fills of {own}, taken over {taken_over}, filled {row['filled_quantity']}"
            yield _says(truth, "wrong", text, row)
        if row["commission"] != costs[row["id"]]:
            yield _says(truth, "wrong", f"commissions of {costs[row['id']]}, the order says {row['commission']}", row)


# --- nothing is undecided, and people are told ----------------------------------------------------------------------------


def _nothing_undecided(truth: Truth, _intents: list[Intent]) -> Iterator[Finding]:
    for row in truth.undecided():
        word = "queued" if row["status"] == "queued" else "in_doubt"
        is_told = f"order:{row['id']}:{word}" in truth.notices
        kind = "undecided" if is_told else "untold"
        yield _says(truth, kind, f"still {row['status']}, change {row['pending_change']}: {_told(row)}", row)
    if not truth.connection["is_active"]:
        yield _says(truth, "undecided", "the connection is switched off")


def _people_were_told(truth: Truth, _intents: list[Intent]) -> Iterator[Finding]:
    for row in truth.orders:
        if row["reason_code"] == "parent_ended" and not row["broker_order_id"]:
            # A leg that never was: what became of its order is told.
            continue
        events = truth.events[row["id"]]
        for state in ("in_doubt", "rejected", "filled"):
            # What was done elsewhere, and had ended when the desk first heard of it, is no news to who did it.
            was_there = any(
                event["to_status"] == state != event["from_status"] and event["fact"] != "adopted" for event in events
            )
            by_trader = all(event["source"] == "trader" for event in events if event["to_status"] == state)
            if was_there and not by_trader and f"order:{row['id']}:{state}" not in truth.notices:
                yield _says(truth, "untold", f"it came to {state}, and nobody was told", row)


def _trail_is_whole(truth: Truth, _intents: list[Intent]) -> Iterator[Finding]:
    """Each step begins where the one before ended, and the last is where the order is."""
    for row in truth.orders:
        events = truth.events[row["id"]]
        if not events:
            # A leg takes its first step when the broker shows it.
            if row["parent_id"] is None or row["status"] != "new":
                yield _says(truth, "wrong", "an order without a trail", row)
            continue
        for one, next_one in pairwise(events):
            if one["to_status"] != next_one["from_status"]:
                text = f"its trail goes from {one['to_status']} on at {next_one['from_status']}"
                yield _says(truth, "wrong", text, row)
        if events[-1]["to_status"] != row["status"]:
            yield _says(truth, "wrong", f"its trail ends at {events[-1]['to_status']}, it is {row['status']}", row)


RULES: tuple[Rule, ...] = (
    _each_intent_one_row,
    _each_wish_carried_out_or_told,
    _each_replacement_meant,
    _halted_entries_work_no_more,
    _each_row_one_broker_order,
    _each_broker_order_one_row,
    _each_execution_once,
    _sums_agree,
    _nothing_undecided,
    _people_were_told,
    _trail_is_whole,
)


def _told(row: Row) -> str:
    price = row["limit_price"] or row["stop_price"] or ""
    return f"{row['side']} {row['quantity']:f} {row['symbol']} {row['type']} {price} ({row['status']})"


def _told_theirs(their: Row) -> str:
    return f"{their['id']} {their['side']} {their['qty']} {their['symbol']} ({their['status']})"
