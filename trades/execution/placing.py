"""What a trader means to do: checked under the account's lock and written as a row. Nothing here speaks to a broker.

The market is read first, outside any transaction; then one transaction checks every limit and writes the order with its
first event; then the workers are told.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import ROUND_DOWN, Decimal
from typing import Any
from uuid import UUID

from django.db import transaction
from django.http import Http404

from accounts.models import NotificationKind, User
from brokers.models import Quote
from brokers.services.live import live_touch
from trades.execution.crowd import crowd_refuse, entry_refuse
from trades.execution.desks import Desk, Market, desk_locked, desk_of, market_of
from trades.execution.gate import WAITING, Checked, commission_of, order_check
from trades.execution.notices import describe, order_tell
from trades.execution.nudges import order_nudge
from trades.execution.shapes import OrderInput, rows_from
from trades.execution.trade_columns import trades_follow
from trades.models import Order, OrderEvent, Trade
from trades.selectors.orders_told import told_as_written
from trades.services.audit import audit_record
from trades.services.sent_forms import made_before, same_or_refuse, sent_before
from trenddojo.crowd import orders_waiting
from trenddojo.domain.errors import DomainError
from trenddojo.domain.fills import Direction
from trenddojo.domain.instruments import AssetClass, validate_symbol
from trenddojo.domain.order_measures import limits_measured
from trenddojo.domain.order_risk import collar_breach
from trenddojo.domain.order_state import OrderState
from trenddojo.domain.orders import OrderClass, OrderError, OrderTerms, OrderType, StopLoss, TakeProfit, TimeInForce
from trenddojo.domain.risk import Breach, percent_of

log = logging.getLogger(__name__)

# The first step of every order.
INTENDED = "intend"
REASON_LENGTH = 500


@dataclass(frozen=True, slots=True)
class OrderPreview:
    """What would happen if the order were placed now. Money in cents, percents of equity with four decimals.

    `cost` is quantity at the counted price, None where nothing says the price. `send_after` is the open it waits for.
    """

    terms: OrderTerms
    quote: Quote | None
    quote_age_seconds: Decimal | None
    unit_price: Decimal | None
    cost: Decimal | None
    position_percent: Decimal
    risk: Decimal
    commission: Decimal
    fees: Decimal
    heat_before: Decimal
    heat: Decimal
    is_reducing: bool
    send_after: datetime | None
    breaches: tuple[Breach, ...]
    warnings: tuple[Breach, ...]


def order_preview(*, owner: User, given: OrderInput, now: datetime) -> OrderPreview:
    """Say what the order would cost, take and break. Writes no order; may ask the broker for a quote.

    Raises as order_create.
    """
    desk = desk_of(owner, given.account_id)
    market = market_of(desk, validate_symbol(given.symbol), given.asset_class, now=now)
    checked = order_check(desk, given, market, now=now)
    return _preview(desk, checked, market, now)


def order_create(*, owner: User, given: OrderInput, creation_key: UUID, now: datetime) -> Order:
    """Write the order: new, queued for the open, or denied with every limit it breaks; the same key returns the first,
    whatever would be refused by now.

    Raises Http404 for another's account or trade, and OrderError, TradeError, NumberError, SymbolError or DomainError
    with the field for what cannot be an order at all.
    """
    try:
        waiting = orders_waiting()
        entry_refuse(owner, given, waiting)
        desk = desk_of(owner, given.account_id)
        market = market_of(desk, validate_symbol(given.symbol), given.asset_class, now=now)
        market = replace(market, waiting=waiting)
        return order_place(owner=owner, given=given, market=market, creation_key=creation_key, now=now)
    except (DomainError, Http404):
        known = made_before(Order, creation_key, owner=owner)
        if known is None or _said(given) != _kept(known):
            raise
        return known


@transaction.atomic
def order_place(*, owner: User, given: OrderInput, market: Market, creation_key: UUID, now: datetime) -> Order:
    """As order_create, in a market that was read before."""
    desk = desk_locked(owner, given.account_id)
    known = sent_before(Order, creation_key, owner=owner)
    if known is not None:
        return same_or_refuse(known, said=_said(given), kept=_kept(known))
    checked = order_check(desk, given, market, now=now)
    _check_expiry(given, checked, now)
    if not checked.is_reducing:
        crowd_refuse(market.waiting)
    return order_write(desk, given, checked, creation_key=creation_key, now=now)


def order_write(
    desk: Desk, given: OrderInput, checked: Checked, *, creation_key: UUID, now: datetime, **columns: Any
) -> Order:
    """Keep a checked order with its legs and its first event, under the account's lock."""
    status = _status(checked)
    columns = {
        "status": status.value,
        "done_at": now if status is OrderState.DENIED else None,
        "send_after": checked.send_after,
        **_reason(checked.breaches),
        **columns,
    }
    order, legs = rows_from(
        checked.terms,
        owner=desk.account.owner,
        account=desk.account,
        connection=desk.connection,
        trade=checked.trade,
        role=checked.role.value,
        asset_class=checked.instrument.asset_class.value,
        multiplier=checked.instrument.multiplier,
        is_reducing=checked.is_reducing,
        reserved_value=checked.value,
        reserved_risk=checked.risk,
        send_before=given.send_before,
        creation_key=creation_key,
        **columns,
    )
    if status is OrderState.DENIED:
        for leg in legs:
            leg.status, leg.done_at, leg.reason_code = status.value, now, "parent_ended"
    Order.objects.bulk_create([order, *legs])
    # Legs take their first step when the broker shows them; those that it never will have taken their last.
    begun = [order, *(leg for leg in legs if leg.status == OrderState.DENIED)]
    events = [OrderEvent(order=one, at=now, fact=INTENDED, to_status=one.status, source="trader") for one in begun]
    events[0].detail = _detail(checked)
    told_as_written(order, legs, OrderEvent.objects.bulk_create(events))
    _follow(desk, order, checked, now)
    return order


def order_from_trade(
    *,
    owner: User,
    trade_id: UUID,
    type: str = OrderType.LIMIT,  # noqa: A002 - the word of the order
    quantity: Decimal | None = None,
    time_in_force: str = TimeInForce.GTC,
    send_before: datetime | None = None,
) -> OrderInput:
    """The order a plan asks for: its entry at its price, with its stop and its first target, or with one of them.

    Without a quantity it is the plan's, in whole shares where it has exits and a whole share to protect.
    Raises Http404 for another's trade and OrderError for one that is no plan any more.
    """
    trade = Trade.objects.defer("search").filter(pk=trade_id, owner=owner).order_by().first()
    if trade is None:
        raise Http404
    if trade.status not in WAITING or trade.entry_price is None or trade.planned_quantity is None:
        raise OrderError("no_plan", "Only a plan that waits can be sent as an order.", "trade")
    needs = {OrderType.LIMIT: ("limit_price",), OrderType.STOP: ("stop_price",)}
    needs[OrderType.STOP_LIMIT] = ("limit_price", "stop_price")
    asked = quantity if quantity is not None else _protectable(trade, trade.planned_quantity)
    # Parts of a share take no exits with them, and last a day.
    is_whole = asked % 1 == 0
    return OrderInput(
        account_id=trade.account_id,
        symbol=trade.symbol,
        side=Direction(trade.direction).entry_side.value,
        type=type,
        quantity=asked,
        time_in_force=time_in_force if is_whole else TimeInForce.DAY,
        stop_loss=StopLoss(trade.stop_loss) if trade.stop_loss is not None and is_whole else None,
        take_profit=TakeProfit(trade.target_price) if trade.target_price is not None and is_whole else None,
        trade_id=trade.pk,
        asset_class=trade.asset_class,
        multiplier=trade.multiplier,
        send_before=send_before,
        **dict.fromkeys(needs.get(OrderType(type), ()), trade.entry_price),
    )


def _protectable(trade: Trade, planned: Decimal) -> Decimal:
    """A stop is worth more than the part of a share it cannot go with; coins have no such exits."""
    has_exits = trade.stop_loss is not None or trade.target_price is not None
    is_in_shares = has_exits and planned >= 1 and trade.asset_class != AssetClass.CRYPTO
    return planned.to_integral_value(ROUND_DOWN) if is_in_shares else planned


def _status(checked: Checked) -> OrderState:
    if checked.breaches:
        return OrderState.DENIED
    return OrderState.NEW if checked.send_after is None else OrderState.QUEUED


def _check_expiry(given: OrderInput, checked: Checked, now: datetime) -> None:
    if given.send_before is None:
        return
    if given.send_before <= now:
        raise OrderError("expired", "This expiry has passed: give a later time, or none.", "send_before")
    if checked.send_after is not None and checked.send_after >= given.send_before:
        raise OrderError(
            "expires_before_open",
            f"The market opens at {checked.send_after:%Y-%m-%d %H:%M} UTC, after this expiry: give a later time.",
            "send_before",
        )


def _reason(breaches: Sequence[Breach]) -> dict[str, str]:
    if not breaches:
        return {}
    return {
        "reason_code": breaches[0].code,
        "reason_detail": " ".join(breach.sentence for breach in breaches)[:REASON_LENGTH],
    }


def breaches_told(breaches: Sequence[Breach]) -> list[dict[str, Any]]:
    """Limits broken, as an event keeps them."""
    return [
        {"code": breach.code, "detail": breach.sentence, "limit": breach.limit, "actual": breach.actual}
        for breach in breaches
    ]


def _detail(checked: Checked) -> dict[str, Any]:
    quote = checked.state.quote
    found: dict[str, Any] = {"value": checked.value, "risk": checked.risk}
    if quote is not None:
        found |= {"bid": quote.bid, "ask": quote.ask, "quote_age_seconds": quote.age_seconds}
    # Each with what the order came to: an order that passed is explained as well as one that did not.
    measured = limits_measured(checked.facts, checked.limits, checked.state)
    found["limits"] = [{"code": one.code, "limit": one.limit, "actual": one.actual} for one in measured]
    if checked.breaches:
        found["breaches"] = breaches_told(checked.breaches)
    return found


def _follow(desk: Desk, order: Order, checked: Checked, now: datetime) -> None:
    """What a written order brings with it: its trade is pending, its trader told, its worker nudged."""
    if checked.trade is not None and checked.is_entry and order.status != OrderState.DENIED:
        trades_follow({checked.trade.pk}, at=now)
        if checked.trade.status in WAITING:
            _audit(desk, order, checked.trade)
    told = (order.pk, order.status, desk.connection.pk)
    transaction.on_commit(lambda: log.info("order.placed order=%s status=%s connection=%s", *told))
    if order.status == OrderState.NEW:
        order_nudge(order.pk)
        if not desk.connection.is_paper:
            live_touch(desk.connection)
    if order.status == OrderState.QUEUED and checked.send_after is not None:
        order_tell(
            order,
            NotificationKind.ORDER_QUEUED,
            "queued",
            title=f"{order.symbol}: order waits for the open",
            text=f"{describe(order)} is sent when the market opens; its limits are checked again first.",
        )


def _audit(desk: Desk, order: Order, trade: Trade) -> None:
    audit_record(
        account=desk.account,
        actor=desk.account.owner,
        action="order.placed",
        subject=trade,
        before={"status": trade.status},
        after={"status": "pending", "order": str(order.pk)},
        trade_id=trade.pk,
    )


# What makes two sendings of one form the same order.
SAID = ("side", "type", "quantity", "limit_price", "stop_price", "trail_percent", "trail_price", "time_in_force")


def _said(given: OrderInput) -> tuple[Any, ...]:
    words = [getattr(given, name) for name in SAID]
    if given.order_class == OrderClass.OCO and given.take_profit is not None:
        words[SAID.index("limit_price")] = given.take_profit.limit_price
    return (given.account_id, validate_symbol(given.symbol), *words)


def _kept(order: Order) -> tuple[Any, ...]:
    return (order.account_id, order.symbol, *(getattr(order, name) for name in SAID))


def _preview(desk: Desk, checked: Checked, market: Market, now: datetime) -> OrderPreview:
    account, costs = checked.state.account, commission_of(desk, checked, now=now)
    quote = market.quote_state()
    return OrderPreview(
        terms=checked.terms,
        quote=market.quote,
        quote_age_seconds=quote.age_seconds if quote else None,
        unit_price=checked.unit_price,
        cost=checked.cost,
        position_percent=percent_of(account.position_value_in_symbol + checked.value, account.equity),
        risk=checked.risk,
        commission=costs.commission,
        fees=costs.fees,
        heat_before=percent_of(account.open_risk, account.equity),
        heat=percent_of(account.open_risk + checked.risk, account.equity),
        is_reducing=checked.is_reducing,
        send_after=checked.send_after,
        breaches=checked.breaches,
        warnings=tuple(_warnings(checked)),
    )


def _warnings(checked: Checked) -> list[Breach]:
    """What is no reason to refuse and still worth a look."""
    found = []
    collar = collar_breach(checked.facts, checked.limits, checked.state) if checked.is_reducing else None
    if collar is not None:
        found.append(collar)
    if checked.is_entry and not checked.risk:
        found.append(_warning("no_stop", "There is no stop: what this position may lose is not counted as risk."))
    if checked.is_entry and checked.terms.time_in_force == TimeInForce.DAY and checked.terms.order_class != "simple":
        found.append(
            _warning("exits_end_today", "A DAY order's stop and target end at today's close: choose GTC to keep them.")
        )
    return found


def _warning(code: str, sentence: str) -> Breach:
    return Breach(code, sentence, Decimal(0), Decimal(0))
