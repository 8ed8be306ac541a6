"""What a trader may do about an order that needs their eyes: ask its broker at once, and end a doubt that no answer
will end. Nothing here sends an order, and nothing here can make one go out a second time."""

from datetime import datetime, timedelta
from uuid import UUID

from brokers.base import OrderRef
from brokers.errors import BrokerError, Unsupported
from brokers.models import BrokerConnection
from brokers.rate_limits import Priority
from brokers.registry import adapter_for, capabilities_of
from brokers.services.connections import connection_failed
from brokers.services.nudges import poll_nudge
from brokers.vault import VaultError
from trades.execution.doubts import ARRIVES_WITHIN, doubt_ask
from trades.execution.evidence import asked
from trades.execution.replace import change_ask
from trades.execution.track import reports_apply
from trades.execution.transitions import step_of, steps_apply
from trades.models import CallAnswer, CallVerb, Order, OrderCall
from trades.selectors.orders import order_for
from trenddojo.domain.order_state import UNSENT, OrderFact, OrderState
from trenddojo.domain.orders import OrderError

TRADER = "trader"
# What the broker says when it is asked is a poll, whoever asks.
POLL = "poll"
# The desk asks by itself before anybody is asked to decide.
DECIDES_AFTER = timedelta(minutes=2)
_LOOKS = (CallVerb.LOOK, CallVerb.LOOK_CHANGE)


def order_ask(*, owner: object, order_id: UUID, now: datetime) -> OrderCall | None:
    """Ask the broker now how an order stands, and act on what it shows; returns the call with its answer.

    Asks only, whatever comes back. Raises Http404, and OrderError where there is nothing or nobody to ask.
    """
    order = order_for(owner, order_id)
    connection = _askable(order)
    last = OrderCall.objects.filter(order=order).order_by("-pk").values_list("pk", flat=True).first() or 0
    if order.status == OrderState.IN_DOUBT:
        _check_finds(connection)
        doubt_ask(order, now=now, by=TRADER)
    elif order.pending_change is not None and "sent_at" in order.pending_change:
        _check_finds(connection)
        change_ask(order, now=now, by=TRADER)
    else:
        _look(order, connection, now)
    # An answer like those before it is counted in the last of them.
    found = OrderCall.objects.filter(order=order, asked_by=TRADER, verb__in=_LOOKS).order_by("-pk").first()
    return found if found is None or found.pk > last or found.last_at == now else None


def doubt_end(*, owner: object, order_id: UUID, now: datetime) -> Order:
    """The trader decides that an order in doubt never arrived: it ends as rejected, and is not sent again.

    Only where the evidence allows it. Should the broker show the order after all, it counts again. Raises Http404 and
    OrderError, also when anything happened to the order meanwhile: then it has to be looked at again.
    """
    order = order_for(owner, order_id)
    refusal = undecidable(order, last_unknown(order), now=now)
    if refusal:
        raise OrderError("no_proof", refusal)
    reason = {"reason_code": "never_arrived", "reason_detail": "You decided that it never arrived."}
    detail = {"asked": order.asked_count, "doubted_at": order.doubted_at}
    step = step_of(order, OrderFact.NEVER_ARRIVED, at=now, detail=detail, columns=reason)
    # Once, from the very row whose evidence was looked at: it may have been found, or be on its way anew, by now.
    if step is None or not steps_apply([step], source=TRADER, at=now):
        raise OrderError("changed", "Something has just happened to this order: look at it again before you decide.")
    return order


def last_unknown(order: Order) -> datetime | None:
    """When the broker last said that it does not know the order."""
    said = OrderCall.objects.filter(order=order, verb=CallVerb.LOOK, answer=CallAnswer.UNKNOWN).order_by("-pk").first()
    return (said.last_at or said.at) if said is not None else None


def undecidable(order: Order, unknown_at: datetime | None, *, now: datetime) -> str:
    """Why nobody may decide yet that an order in doubt never arrived; empty where somebody may.

    The broker's own word is needed, from when the order had its time to arrive: that it does not know the id; or, of
    a broker that cannot be asked by it, a whole reading that does not show the order.
    """
    if order.status != OrderState.IN_DOUBT or order.doubted_at is None:
        return "This order is not in doubt any more."
    if order.doubted_at > now - DECIDES_AFTER:
        return "The desk is still asking the broker: give it two minutes."
    had_time = order.doubted_at + ARRIVES_WITHIN
    connection = order.connection
    if connection is None:
        return "Its connection is gone, so nothing tells whether the broker has it. Look at the broker's own page."
    if _finds(connection):
        is_told = unknown_at is not None and unknown_at >= had_time
        return "" if is_told else "The broker has not said that it does not know the order: ask it first."
    is_read = connection.last_sync is not None and connection.last_sync >= had_time
    return "" if is_read else "The broker's orders were not read since: sync the connection first."


def _askable(order: Order) -> BrokerConnection:
    connection = order.connection
    if connection is None:
        raise OrderError("no_connection", "The connection of this order is gone: look at the broker's own page.")
    if not connection.is_active:
        raise OrderError("connection_disabled", f"{connection.label} is disabled: reconnect it, then ask.")
    if order.status in UNSENT and order.parent_id is None:
        raise OrderError("not_sent", "This order was not sent, so the broker knows nothing of it.")
    if not (order.broker_order_id or order.client_order_id):
        raise OrderError("no_id", "The broker has not named this leg yet: ask for the order it hangs on.")
    return connection


def _check_finds(connection: BrokerConnection) -> None:
    if not _finds(connection):
        sentence = "This broker cannot be asked for an order by our number: sync the connection, and look at its page."
        raise OrderError("not_findable", sentence)


def _finds(connection: BrokerConnection) -> bool:
    try:
        return capabilities_of(connection.broker).finds_client_order_id
    except Unsupported:
        return False


def _look(order: Order, connection: BrokerConnection, now: datetime) -> None:
    ref = order.broker_order_id or order.client_order_id
    try:
        adapter = adapter_for(connection, reads=Priority.SUBMIT)
        with asked(order, CallVerb.LOOK, ref=ref, now=now, by=TRADER) as answer:
            report = answer.found(adapter.order(OrderRef(order.broker_order_id, order.client_order_id)))
    except VaultError as problem:
        raise OrderError("sealed", str(problem)) from problem
    except BrokerError as error:
        connection_failed(connection_id=connection.pk, error=error, sealed=connection.credentials)
        return
    # An order it does not know is left as it is: the comparison with the broker counts such answers, with pauses.
    if report is not None and reports_apply(connection, [report], source=POLL, now=now).wants_pull:
        poll_nudge(connection.pk)
