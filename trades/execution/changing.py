"""Taking an order back, and asking for other terms. What was not sent yet changes at once; the rest is asked for."""

from collections.abc import Sequence
from copy import copy
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from django.db import transaction
from django.db.models import F, Q
from django.http import Http404

from accounts.models import User
from trades.execution.desks import Desk, Market, clock_at, desk_locked, desk_of, market_of
from trades.execution.gate import Checked, order_check
from trades.execution.nudges import cancel_nudge, replace_nudge
from trades.execution.shapes import PLAIN, OrderInput, client_id_of, terms_of
from trades.execution.transitions import transition
from trades.models import Order
from trades.models.order import WORKING
from trades.selectors.order_desks import times_offered
from trades.services.errors import LimitsBroken
from trenddojo.domain.instruments import AssetClass, Fractions, Instrument, instrument_for
from trenddojo.domain.order_state import TERMINAL, UNSENT, OrderFact, OrderState
from trenddojo.domain.orders import (
    OrderClass,
    OrderError,
    OrderRole,
    OrderTerms,
    OrderType,
    StopLoss,
    TakeProfit,
    TimeInForce,
    validate_terms,
)

TRADER = "trader"
TERMS = ("quantity", "limit_price", "stop_price", "trail_percent", "time_in_force", "pending_change")
PRICES = frozenset({"limit_price", "stop_price", "trail_percent"})
CHANGEABLE = (OrderState.ACCEPTED, OrderState.PARTIALLY_FILLED)


@dataclass(frozen=True, slots=True)
class OrderEdit:
    """What should be different; None leaves it as it is."""

    quantity: Decimal | None = None
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    trail_percent: Decimal | None = None
    time_in_force: str | None = None

    def given(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if value is not None}


@transaction.atomic
def order_cancel(*, owner: User, order_id: UUID, now: datetime) -> Order:
    """Take an order back: at once where it was not sent, else the broker is asked and the order is `cancelling`.

    Raises Http404 for another's order and OrderError for one that is over, or a leg whose entry was not sent.
    """
    order = order_held(owner, order_id)
    cancel_ask(order, now=now)
    return order


def cancel_ask(order: Order, *, now: datetime, reason: str = "cancelled") -> None:
    """As order_cancel, for an order that was read under the account's lock."""
    if order.status == OrderState.CANCELLED:
        return
    if order.status in TERMINAL:
        raise OrderError("order_over", f"This order is {order.get_status_display().lower()} already.")
    if order.parent_id is not None and order.status in UNSENT:
        raise OrderError("leg_unsent", "The broker does not show this leg yet: cancel the order it belongs to.")
    # The wish is kept: should the broker show the order after all, it is cancelled there.
    dropped = {"reason_code": reason, "reason_detail": "It was cancelled before it was sent.", "cancel_asked_at": now}
    if order.parent_id is None and transition(order, OrderFact.ABANDON, source=TRADER, at=now, **dropped):
        return
    if transition(order, OrderFact.ASK_CANCEL, source=TRADER, at=now, cancel_asked_at=now):
        cancel_nudge(order.pk)
        return
    # It came to its end between our reading and our asking.
    raise OrderError("order_over", f"This order is {order.get_status_display().lower()} already.")


def cancel_try(order: Order, *, now: datetime, reason: str) -> bool:
    """As cancel_ask; False for an order that came to its end meanwhile."""
    try:
        cancel_ask(order, now=now, reason=reason)
    except OrderError:
        return False
    return True


def order_held(owner: User, order_id: UUID) -> Order:
    """The owner's order, read under its account's lock. Raises Http404; the connection may be anything."""
    account_id = Order.objects.filter(pk=order_id, owner=owner).values_list("account_id", flat=True).first()
    if account_id is None:
        raise Http404
    list(owner.trading_accounts.select_for_update().filter(pk=account_id).values_list("pk", flat=True))
    return Order.objects.select_related("account", "connection", "owner").get(pk=order_id)


def working_in(desk: Desk, symbol: str) -> list[Order]:
    """Every order that works in the symbol, the oldest first; one query."""
    found = Order.objects.filter(account=desk.account, symbol=symbol, status__in=WORKING)
    return list(found.select_related("owner").order_by("created_at", "pk"))


def order_replace(
    *,
    owner: User,
    order_id: UUID,
    changes: OrderEdit,
    creation_key: UUID,
    now: datetime,
    version: int | None = None,
) -> Order:
    """Ask for other terms; the same key asks once. With a version only of an order that nothing happened to since.

    What was not sent yet is rewritten. At the broker the order keeps working as it is, with the wish in
    `pending_change`, until the broker shows the replacement. An order that would take more room passes the gate first.
    Raises Http404, LimitsBroken with every limit, and OrderError or NumberError with the field.
    """
    order = Order.objects.filter(pk=order_id, owner=owner).first()
    if order is None:
        raise Http404
    desk = desk_of(owner, order.account_id)
    read = clock_at if order.is_reducing else _with_quote(order.symbol)
    market = read(desk, order.asset_class, now=now)
    with transaction.atomic():
        return replace_ask(
            owner=owner,
            order_id=order_id,
            changes=changes,
            market=market,
            key=creation_key,
            seen=order,
            version=version,
        )


def _with_quote(symbol: str) -> Any:
    return lambda desk, asset_class, *, now: market_of(desk, symbol, asset_class, now=now)


def replace_ask(
    *,
    owner: User,
    order_id: UUID,
    changes: OrderEdit,
    market: Market,
    key: UUID,
    seen: Order | None = None,
    version: int | None = None,
) -> Order:
    """As order_replace, within the caller's transaction and in a market that was read before.

    `seen` is the order as it was then: nobody else may have asked for other terms meanwhile.
    """
    order = order_held(owner, order_id)
    if _was_asked(order, key):
        return order
    _refuse_unchangeable(order)
    _refuse_stale(order, seen, version)
    wanted = {name: value for name, value in changes.given().items() if value != getattr(order, name)}
    if not wanted:
        raise OrderError("nothing_changed", "Change at least one of the terms.")
    _refuse_unfit(order, wanted)
    desk = desk_locked(owner, order.account_id)
    legs = list(order.legs.filter(status__in=WORKING))
    if order.parent_id is not None or order.order_class == OrderClass.OCO:
        room = _check_exit(order, wanted)
    else:
        room = _check_order(desk, order, legs, wanted, market)
    if order.status in UNSENT:
        return _rewrite(order, wanted, room, now=market.now)
    return _ask(desk, order, wanted, room, key=key, now=market.now)


def _was_asked(order: Order, key: UUID) -> bool:
    pending = order.pending_change or {}
    return pending.get("creation_key") == str(key) or Order.objects.filter(creation_key=key).exists()


def _refuse_unchangeable(order: Order) -> None:
    if order.status in TERMINAL:
        raise OrderError("order_over", f"This order is {order.get_status_display().lower()} already.")
    if order.cancel_asked_at is not None:
        raise OrderError("being_cancelled", "This order is being cancelled.")
    if order.pending_change is not None:
        raise OrderError("change_pending", "A change of this order is on its way: wait for the broker's answer.")
    if order.status in (OrderState.SUBMITTING, OrderState.IN_DOUBT):
        raise OrderError("on_its_way", "The order is on its way: wait for the broker's answer.")
    if order.parent_id is not None and order.status in UNSENT:
        raise OrderError("leg_unsent", "The broker does not show this leg yet: change it when it does.")


def _refuse_stale(order: Order, seen: Order | None, version: int | None) -> None:
    is_other = seen is not None and any(getattr(order, name) != getattr(seen, name) for name in TERMS)
    if is_other or (version is not None and order.version != version):
        raise OrderError(
            "stale",
            "This order was changed since you read it, and nothing was changed now: look at it, then ask again.",
        )


def _refuse_unfit(order: Order, wanted: dict[str, Any]) -> None:
    """What an order of this type does not have, and times that brokers do not put in the place of each other."""
    for name in PRICES & wanted.keys():
        # The stop of a trailing order is moved by the market.
        if getattr(order, name) is None or (name, order.type) == ("stop_price", OrderType.TRAILING_STOP):
            words = name.replace("_", " ")
            raise OrderError("not_used", f"This order has no {words} to change: leave it out.", name)
    time = wanted.get("time_in_force")
    if time is not None and order.status not in UNSENT and time not in times_offered(order):
        raise OrderError(
            "time_fixed",
            "How long this order works cannot be changed to that: cancel it and place a new one.",
            "time_in_force",
        )


def _check_order(
    desk: Desk, order: Order, legs: Sequence[Order], wanted: dict[str, Any], market: Market
) -> dict[str, Any]:
    """The room the changed order takes. Raises LimitsBroken where that is more than before and too much."""
    given = replace(input_of(order, legs), **wanted)
    if given.quantity <= order.filled_quantity:
        raise OrderError("already_filled", f"{order.filled_quantity.normalize():f} are filled already.", "quantity")
    checked = order_check(desk, given, market, now=market.now, without_orders=[order.pk])
    if checked.breaches and _is_more(order, checked):
        raise LimitsBroken(checked.breaches)
    room: dict[str, Any] = {"reserved_value": checked.value, "reserved_risk": checked.risk}
    return room if order.status != OrderState.QUEUED else {**room, "send_after": checked.send_after}


def _is_more(order: Order, checked: Checked) -> bool:
    return (
        checked.terms.quantity > order.quantity
        or checked.value > order.reserved_value
        or checked.risk > order.reserved_risk
        or any(breach.code == "price_collar" for breach in checked.breaches)
    )


def _check_exit(leg: Order, wanted: dict[str, Any]) -> dict[str, Any]:
    """Stop and target of a group keep their sides of each other, and their size."""
    fixed = sorted({"quantity", "time_in_force"} & set(wanted))
    if fixed:
        raise OrderError(
            "exit_fixed", "Of a stop or a target that belongs to a group only the price changes.", fixed[0]
        )
    group = leg.parent_id or leg.pk
    family = Order.objects.filter(Q(parent_id=group) | Q(pk=group), side=leg.side, status__in=WORKING)
    roles = {each.role: each for each in family.exclude(pk=leg.pk)}
    changed = copy(leg)
    for name, value in wanted.items():
        setattr(changed, name, value)
    roles[leg.role] = changed
    validate_terms(_exit_terms(changed, roles), instrument=instrument_of_order(leg))
    return {}


def _exit_terms(order: Order, roles: dict[str, Order]) -> OrderTerms:
    """The terms of stop and target together, or of the one there is."""
    stop, target = roles.get(OrderRole.STOP_LOSS), roles.get(OrderRole.TAKE_PROFIT)
    alone = replace(terms_of(order, ()), order_class=OrderClass.SIMPLE, limit_price=order.limit_price, take_profit=None)
    if stop is None or target is None or stop.stop_price is None or target.limit_price is None:
        return alone
    return OrderTerms(
        symbol=order.symbol,
        side=alone.side,
        type=OrderType.LIMIT,
        quantity=order.quantity,
        time_in_force=TimeInForce(order.time_in_force),
        stop_loss=StopLoss(stop.stop_price, stop.limit_price),
        take_profit=TakeProfit(target.limit_price),
        order_class=OrderClass.OCO,
    )


def input_of(order: Order, legs: Sequence[Order]) -> OrderInput:
    """A stored order as the trader would ask for it again."""
    terms = terms_of(order, legs)
    return OrderInput(
        account_id=order.account_id,
        symbol=order.symbol,
        side=order.side,
        type=order.type,
        time_in_force=order.time_in_force,
        stop_loss=terms.stop_loss,
        take_profit=terms.take_profit,
        trade_id=order.trade_id,
        asset_class=order.asset_class,
        multiplier=order.multiplier,
        send_before=order.send_before,
        order_class=order.order_class,
        **{name: getattr(terms, name) for name in PLAIN},
    )


def instrument_of_order(order: Order) -> Instrument:
    """The instrument of an order; it may have been placed in parts."""
    return instrument_for(
        order.symbol, AssetClass(order.asset_class), multiplier=order.multiplier, fractions=Fractions.ALLOWED
    )


def _rewrite(order: Order, wanted: dict[str, Any], room: dict[str, Any], *, now: datetime) -> Order:
    detail = {"from": {name: getattr(order, name) for name in wanted}, "to": wanted}
    if not transition(order, OrderFact.REWRITE, source=TRADER, at=now, detail=detail, **wanted, **room):
        raise OrderError("on_its_way", "The order has just left: try again when the broker has answered.")
    same = {name: wanted[name] for name in ("quantity", "time_in_force") if name in wanted}
    if same:
        Order.objects.filter(parent=order, status=OrderState.NEW).update(**same, version=F("version") + 1)
    return order


def _ask(desk: Desk, order: Order, wanted: dict[str, Any], room: dict[str, Any], *, key: UUID, now: datetime) -> Order:
    """Keep the wish beside the order, under the client id the replacement will have."""
    if not desk.capabilities.replaces:
        raise OrderError("no_replace", "This broker cannot change orders: cancel it and place a new one.")
    change = {"client_order_id": client_id_of(uuid4()), "creation_key": str(key), "asked_at": now, **wanted, **room}
    if not transition(order, OrderFact.ASK_REPLACE, source=TRADER, at=now, detail=wanted, pending_change=change):
        raise OrderError("order_over", f"This order is {order.get_status_display().lower()} by now.")
    replace_nudge(order.pk)
    return order
