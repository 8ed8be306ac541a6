"""Reports of brokers become the state of our orders. A pushed report is a hint, a pulled one is the truth."""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from accounts.models import NotificationKind
from brokers.base import OrderReport
from brokers.models import BrokerConnection
from trades.execution import fills as booking
from trades.execution.ledger import Step
from trades.execution.matching import Matches, matches_of, order_matches
from trades.execution.notices import describe, order_tell
from trades.execution.nudges import cancel_nudge
from trades.execution.observing import RESTATED, UNKNOWN_STATUS, step_from_report
from trades.execution.strangers import strangers_adopt
from trades.execution.transitions import ATTEMPTS, SHOWN, Contended, steps_apply, transition
from trades.models import Order
from trenddojo.domain.order_state import OrderFact
from trenddojo.statements import NOT_AWAITED

log = logging.getLogger(__name__)

fills_apply = booking.fills_apply

STREAM = "stream"


@dataclass(slots=True)
class Applied:
    """What reports came to. `wants_pull` says that the broker knows more than this: pull its fills and orders."""

    changed: set[UUID] = field(default_factory=set)
    adopted: list[UUID] = field(default_factory=list)
    wants_pull: bool = False


def report_apply(connection: BrokerConnection, report: OrderReport, *, source: str, now: datetime) -> Applied:
    """As `reports_apply`, for one report."""
    return reports_apply(connection, [report], source=source, now=now)


def reports_apply(
    connection: BrokerConnection, reports: Sequence[OrderReport], *, source: str, now: datetime
) -> Applied:
    """Bring our orders in line with what the broker said of them, each report with its legs.

    Old and repeated reports change nothing, orders made elsewhere are adopted; a fixed number of queries however many
    there are. From a stream nothing is adopted: the pull it asks for tells legs from strangers. Raises Contended.
    """
    applied = Applied()
    if connection.account_id is None:
        return applied
    for _ in range(ATTEMPTS):
        matches = matches_of(connection.account_id, reports)
        missed = _known_apply(matches, applied, source=source, at=now)
        applied.wants_pull |= bool(matches.unclear)
        if matches.strangers and source == STREAM:
            applied.wants_pull = True
        elif matches.strangers:
            rows = strangers_adopt(connection, matches.strangers, source=source, at=now)
            applied.adopted += [row.pk for row in rows]
            applied.wants_pull |= any(row.filled_quantity for row in rows)
        if not missed:
            return applied
    raise Contended(f"orders of connection {connection.pk} kept changing")


def answer_apply(order: Order, legs: Sequence[Order], report: OrderReport, *, source: str, now: datetime) -> Applied:
    """The broker's answer to sending `order`, whose legs the caller has read. Raises Contended.

    It is not awaited on the disk: the claim was, and an answer that a power cut takes is asked for again, as when the
    sender is killed before it writes.
    """
    applied = Applied()
    matches = order_matches(order, report, legs)
    missed = _known_apply(matches, applied, source=source, at=now, only_if=NOT_AWAITED)
    if missed or matches.strangers:
        rest = reports_apply(order.connection, [report], source=source, now=now)
        applied.changed |= rest.changed
        applied.wants_pull |= rest.wants_pull
    return applied


def _known_apply(matches: Matches, applied: Applied, *, source: str, at: datetime, only_if: str = "") -> bool:
    """Apply the reports of known orders; returns whether they are to be applied once more.

    They are where an order was changed by somebody else meanwhile, and where it was restated: what else is said of it
    is said of those shares.
    """
    missed = False
    for wave in _waves(matches.known):
        found = ((order, step_from_report(order, report, at=at)) for order, report in wave)
        steps = [step for _, step in found if step is not None]
        if not steps:
            continue
        was_filled = {step.order.pk: step.order.filled_quantity for step in steps}
        written = steps_apply(steps, source=source, at=at, only_if=only_if)
        missed |= len(written) < len(steps) or any(step.fact == RESTATED for step in steps)
        done = [step for step in steps if step.order.pk in written]
        for step in done:
            _follow_up(step, source=source, at=at)
        applied.changed |= written
        applied.wants_pull |= any(step.order.filled_quantity > was_filled[step.order.pk] for step in done)
    return missed


def _follow_up(step: Step, *, source: str, at: datetime) -> None:
    order = step.order
    if step.fact == UNKNOWN_STATUS:
        log.warning("order.status.unknown order=%s status=%s", order.pk, order.raw_status)
        title, text = (
            f"{order.symbol}: unknown order status",
            f"{describe(order)}: the broker says “{order.raw_status}”,",
        )
        text += " which the desk does not know. Look at the order at the broker."
        order_tell(order, NotificationKind.ORDER_IN_DOUBT, f"status:{order.raw_status}", title=title, text=text)
    if step.fact == RESTATED:
        size = f"{order.quantity.normalize():f}"
        title = f"{order.symbol}: order in other shares"
        text = f"After a split the broker says of your order: {describe(order)}. It was placed in the shares of before."
        order_tell(order, NotificationKind.POSITION, f"restated:{size}", title=title, text=text)
    if step.state in SHOWN and order.cancel_asked_at is not None:
        # The trader wanted it gone while it was on its way. When it was last asked for says nothing of this asking.
        wish = {"asked_at": order.cancel_asked_at}
        transition(order, OrderFact.ASK_CANCEL, source=source, at=at, detail=wish, asked_at=None)
        cancel_nudge(order.pk)


def _waves(known: Iterable[tuple[Order, OrderReport]]) -> Iterable[list[tuple[Order, OrderReport]]]:
    """One report an order at a time, in the order they came."""
    waves: list[dict[UUID, tuple[Order, OrderReport]]] = []
    for order, report in known:
        wave = next((wave for wave in waves if order.pk not in wave), None)
        if wave is None:
            wave = {}
            waves.append(wave)
        wave[order.pk] = (order, report)
    return [list(wave.values()) for wave in waves]
