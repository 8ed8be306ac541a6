"""Orders that were placed elsewhere become rows of ours: shown, followed, and none dropped in silence."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any
from uuid import UUID, uuid4

from django.db import transaction
from django.db.models import F, Q

from accounts.models import NotificationKind
from accounts.services.notifications import notify
from brokers.base import OrderReport
from brokers.models import BrokerConnection
from trades.execution.matching import Told, plainest_type, role_of_leg
from trades.execution.nudges import cancel_nudge
from trades.execution.stop_moves import stops_follow
from trades.execution.symbols import family, held_trades, multiplier_of
from trades.execution.trade_columns import trades_follow
from trades.execution.transitions import accounts_lock
from trades.models import Order, OrderEvent, OrderOrigin, Trade
from trenddojo.domain.fills import Side
from trenddojo.domain.money import rounded_price
from trenddojo.domain.order_state import TERMINAL, OrderState
from trenddojo.domain.orders import OrderClass, OrderRole, OrderType, TimeInForce
from trenddojo.domain.positions import Direction

log = logging.getLogger(__name__)

ADOPTED = "adopted"
NOTHING = Decimal(0)
_WORDS = ("side", "type", "time_in_force", "order_class")


@dataclass(slots=True)
class _Relations:
    """What the strangers hang on: orders by the broker's id, the open positions, ids of ours that are taken."""

    orders: dict[str, Order]
    trades: dict[tuple[str, str], Trade]
    client_ids: set[str]
    # Orders that have a replacement already.
    replaced: set[UUID]


def strangers_adopt(
    connection: BrokerConnection, strangers: Sequence[Told], *, source: str, at: datetime
) -> list[Order]:
    """Keep orders made elsewhere as external ones; the same order twice is kept once. A fixed number of queries.

    A replacement of an order of ours stays with what the old one belonged to; any other joins the position held. One of
    which nobody can tell whether it buys or sells is left for a word that says so.
    """
    if not strangers or connection.account_id is None:
        return []
    with transaction.atomic():
        accounts_lock([connection.account_id])
        relations = _relations(connection, strangers)
        rows = [_row(connection, one, relations, at=at) for one in _worded(connection, strangers, relations)]
        Order.objects.bulk_create(rows)
        _events(rows, source=source, at=at)
        _adopted_log(rows, source=source)
        for row in rows:
            if row.replaces_id is not None:
                _take_place(row)
            if row.cancel_asked_at is not None:
                cancel_nudge(row.pk)
        trades_follow(_trades_of(rows, OrderRole.ENTRY), at=at)
        stops_follow(_trades_of(rows, OrderRole.STOP_LOSS), at=at)
    return rows


def _trades_of(rows: Iterable[Order], role: OrderRole) -> set[UUID]:
    return {row.trade_id for row in rows if row.trade_id and row.role == role}


def _relations(connection: BrokerConnection, strangers: Sequence[Told]) -> _Relations:
    reports = [one.report for one in strangers]
    ids = {one.broker_order_id for one in reports} | {one.replaces for one in reports}
    ids |= {one.parent.broker_order_id for one in strangers if one.parent}
    client_ids = {one.client_order_id for one in reports} - {""}
    orders = Order.objects.filter(account_id=connection.account_id)
    found = orders.filter(Q(broker_order_id__in=ids - {""}) | Q(client_order_id__in=client_ids))
    rows = list(found)
    return _Relations(
        orders={row.broker_order_id: row for row in rows if row.broker_order_id},
        trades=held_trades(connection.account_id, {report.symbol for report in reports}),
        client_ids={row.client_order_id for row in rows},
        replaced=set(orders.filter(replaces__in=rows).values_list("replaces_id", flat=True)),
    )


def _worded(connection: BrokerConnection, strangers: Iterable[Told], relations: _Relations) -> Iterator[Told]:
    """Those without a row. A word of the broker's that we do not know is that of the order it replaces, else that
    of the plainest order.
    """
    for one in strangers:
        report, old = one.report, relations.orders.get(one.report.replaces)
        if not report.broker_order_id or report.broker_order_id in relations.orders:
            continue
        side = report.side or (Side(old.side) if old else None)
        if side is None:
            _leave(connection, report)
            continue
        said = {
            "side": side,
            "type": report.type or (OrderType(old.type) if old else plainest_type(report)),
            "time_in_force": report.time_in_force or (TimeInForce(old.time_in_force) if old else TimeInForce.DAY),
            "order_class": report.order_class or (OrderClass(old.order_class) if old else OrderClass.SIMPLE),
        }
        yield replace(one, report=replace(report, **said))


def _leave(connection: BrokerConnection, report: OrderReport) -> None:
    log.warning("order.side.unknown broker_order=%s", report.broker_order_id)
    title = f"{report.symbol}: order that the desk cannot read"
    text = "The broker has an order made elsewhere and does not say in words the desk knows whether it buys or sells. "
    text += "It is not followed here: look at it at the broker."
    key = f"stranger:{connection.pk}:{report.broker_order_id}"
    notify(user=connection.user, kind=NotificationKind.ORDER_IN_DOUBT, key=key, title=title, text=text, path="/orders/")


def _row(connection: BrokerConnection, one: Told, relations: _Relations, *, at: datetime) -> Order:
    report = one.report
    old = relations.orders.get(report.replaces)
    parent = relations.orders.get(one.parent.broker_order_id) if one.parent else None
    trade_id, role = _belongs(report, old, parent, relations)
    row = Order(
        owner_id=connection.user_id,
        account_id=connection.account_id,
        connection=connection,
        trade_id=trade_id,
        role=role.value,
        parent_id=parent.pk if parent else (old.parent_id if old else None),
        replaces_id=old.pk if old and old.pk not in relations.replaced else None,
        client_order_id="" if report.client_order_id in relations.client_ids else report.client_order_id,
        is_reducing=old.is_reducing if old else role is not OrderRole.ENTRY,
        # Who wanted the old order gone wants what took its place gone as well.
        cancel_asked_at=old.cancel_asked_at if old else None,
        **_origin(report, old),
        **_asked(report, old or parent or relations.trades.get((report.symbol, family(report.asset_class)))),
        **_standing(report, at=at),
    )
    if role is OrderRole.ENTRY and not row.reserved_value:
        price = row.limit_price or row.stop_price or NOTHING
        row.reserved_value = round(row.quantity * price * row.multiplier, 2)
    relations.orders[row.broker_order_id] = row
    relations.client_ids.add(row.client_order_id)
    if row.replaces_id is not None:
        relations.replaced.add(row.replaces_id)
    return row


def _origin(report: OrderReport, old: Order | None) -> dict[str, Any]:
    """The replacement that was asked for here gets the id it was sent with; what anybody else made gets its own."""
    change = (old.pending_change if old else None) or {}
    if not change or change.get("client_order_id") != report.client_order_id:
        return {"id": uuid4(), "origin": OrderOrigin.EXTERNAL}
    return {
        "id": UUID(report.client_order_id.removeprefix("td-")),
        "origin": OrderOrigin.DESK,
        "creation_key": UUID(change["creation_key"]),
        "reserved_value": Decimal(change.get("reserved_value", old.reserved_value if old else 0)),
        "reserved_risk": Decimal(change.get("reserved_risk", old.reserved_risk if old else 0)),
    }


def _belongs(
    report: OrderReport, old: Order | None, parent: Order | None, relations: _Relations
) -> tuple[UUID | None, OrderRole]:
    """The trade and the role of an order made elsewhere."""
    if old is not None:
        return old.trade_id, OrderRole(old.role)
    if parent is not None:
        return parent.trade_id, role_of_leg(report)
    trade = relations.trades.get((report.symbol, family(report.asset_class)))
    if trade is None:
        return None, OrderRole.ENTRY
    is_exit = report.side is Direction(trade.direction).exit_side
    return trade.pk, OrderRole.EXIT if is_exit else OrderRole.ENTRY


def _asked(report: OrderReport, like: Order | Trade | None) -> dict[str, Any]:
    return {
        "broker_order_id": report.broker_order_id,
        "symbol": report.symbol,
        # The journal's own word for the class, where it has one.
        "asset_class": like.asset_class if like else report.asset_class.value,
        "multiplier": like.multiplier if like else multiplier_of(report.asset_class),
        **{name: getattr(report, name).value for name in _WORDS},
        "quantity": report.quantity if report.quantity is not None else report.filled_quantity,
        "extended_hours": report.extended_hours,
        **{name: getattr(report, name) for name in ("limit_price", "stop_price", "trail_percent", "trail_price")},
    }


def _standing(report: OrderReport, *, at: datetime) -> dict[str, Any]:
    """Where it is; an order whose status we do not know is shown as working."""
    state = report.state or OrderState.ACCEPTED
    average = report.filled_average_price
    is_done = state in TERMINAL
    return {
        "status": state.value,
        "raw_status": report.raw_status[:40],
        "reason_detail": report.reason[:500],
        "filled_quantity": report.filled_quantity,
        "filled_average_price": None if average is None else rounded_price(average),
        "submitted_at": report.submitted_at or at,
        "filled_at": (report.filled_at or at) if state is OrderState.FILLED else None,
        "done_at": (report.updated_at or at) if is_done else None,
        "reported_at": report.updated_at,
    }


def _events(rows: Iterable[Order], *, source: str, at: datetime) -> None:
    OrderEvent.objects.bulk_create(
        OrderEvent(
            order=row,
            at=at,
            happened_at=row.submitted_at,
            fact=ADOPTED,
            to_status=row.status,
            source=source,
            detail={"status": row.raw_status},
        )
        for row in rows
    )


def _adopted_log(rows: Iterable[Order], *, source: str) -> None:
    if not log.isEnabledFor(logging.INFO):
        return
    for row in rows:
        told = (row.pk, row.status, row.connection_id, source)
        transaction.on_commit(partial(_adopted, *told), robust=True)


def _adopted(*told: object) -> None:
    log.info("order.adopted order=%s status=%s connection=%s source=%s", *told)


def _take_place(row: Order) -> None:
    """A replacement takes over the legs of the old order and answers what was asked of it."""
    Order.objects.filter(parent_id=row.replaces_id).update(parent=row)
    Order.objects.filter(pk=row.replaces_id, pending_change__isnull=False).update(
        pending_change=None, version=F("version") + 1
    )
