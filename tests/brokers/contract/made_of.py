"""What the cards are made of: orders of every kind, and how an order is sent and looked at again."""

import uuid
from collections.abc import Callable
from decimal import Decimal as D

import pytest

from brokers.base import OrderChanges, OrderRef, OrderReport, OrderRequest
from tests.brokers.contract.floor import SYMBOL, Floor
from trenddojo.domain.fills import Side
from trenddojo.domain.orders import OrderClass, OrderTerms, OrderType, StopLoss, TakeProfit, TimeInForce


def new_id() -> str:
    return f"td-{uuid.uuid4().hex}"


def buy(quantity: str = "10", limit: str | None = "50", **more: object) -> OrderTerms:
    """A limit order far below the market, unless told otherwise."""
    kind = OrderType.LIMIT if limit else OrderType.MARKET
    given = {"type": kind, "limit_price": D(limit) if limit else None, **more}
    return OrderTerms(symbol=SYMBOL, side=Side.BUY, quantity=D(quantity), **given)  # type: ignore[arg-type]


TYPES: dict[OrderType, OrderTerms] = {
    OrderType.MARKET: buy(limit=None),
    OrderType.LIMIT: buy(limit="99.5"),
    OrderType.STOP: buy(limit=None, type=OrderType.STOP, stop_price=D("120.25")),
    OrderType.STOP_LIMIT: buy(limit="121", type=OrderType.STOP_LIMIT, stop_price=D("120.5")),
    OrderType.TRAILING_STOP: buy(limit=None, type=OrderType.TRAILING_STOP, trail_percent=D("2.5")),
}
STOP, TARGET = StopLoss(D("40.5")), TakeProfit(D("60.25"))
CLASSES: dict[str, OrderTerms] = {
    "bracket": buy(order_class=OrderClass.BRACKET, stop_loss=STOP, take_profit=TARGET, time_in_force=TimeInForce.GTC),
    "oto with a stop": buy(order_class=OrderClass.OTO, stop_loss=STOP, time_in_force=TimeInForce.GTC),
    "oto with a target": buy(order_class=OrderClass.OTO, take_profit=TARGET, time_in_force=TimeInForce.GTC),
    "bracket with a stop-limit": buy(
        order_class=OrderClass.BRACKET, stop_loss=StopLoss(D("40.5"), D("40.25")), take_profit=TARGET
    ),
}


def needs(floor: Floor, capability: bool) -> None:  # noqa: FBT001 - read as a sentence
    if not capability:
        pytest.skip(f"{type(floor.adapter).__name__} says it cannot")


def submitted(floor: Floor, terms: OrderTerms) -> OrderReport:
    """Submit; the answer is about our order and the broker has it."""
    request = OrderRequest(new_id(), terms)
    report = floor.adapter.submit(request)
    assert report.client_order_id == request.client_order_id
    assert report.broker_order_id != ""
    return report


def seen(floor: Floor, report: OrderReport) -> OrderReport:
    """The order as the broker reports it now, found by either id."""
    by_theirs = floor.adapter.order(OrderRef(broker_order_id=report.broker_order_id))
    by_ours = floor.adapter.order(OrderRef(client_order_id=report.client_order_id))
    assert by_theirs is not None
    assert by_theirs == by_ours
    return by_theirs


def ref_of(report: OrderReport) -> OrderRef:
    return OrderRef(report.broker_order_id, report.client_order_id)


def oco() -> OrderTerms:
    return OrderTerms(
        symbol=SYMBOL,
        side=Side.SELL,
        type=OrderType.LIMIT,
        quantity=D(10),
        time_in_force=TimeInForce.GTC,
        stop_loss=StopLoss(D(80)),
        take_profit=TakeProfit(D(130)),
        order_class=OrderClass.OCO,
    )


def prices_of(report: OrderReport) -> set[tuple[OrderType | None, D | None, D | None]]:
    return {(leg.type, leg.limit_price, leg.stop_price) for leg in report.legs}


def expected_prices(terms: OrderTerms) -> set[tuple[OrderType | None, D | None, D | None]]:
    found: set[tuple[OrderType | None, D | None, D | None]] = set()
    if terms.take_profit:
        found.add((OrderType.LIMIT, terms.take_profit.limit_price, None))
    if terms.stop_loss:
        kind = OrderType.STOP_LIMIT if terms.stop_loss.limit_price else OrderType.STOP
        found.add((kind, terms.stop_loss.limit_price, terms.stop_loss.stop_price))
    return found


def prepared(floor: Floor, verb: str) -> tuple[Callable[[], object], OrderReport]:
    """One working order, and a call of this verb that would succeed."""
    floor.rest()
    report = submitted(floor, buy())
    adapter = floor.adapter
    calls: dict[str, Callable[[], object]] = {
        "submit": lambda: adapter.submit(OrderRequest(new_id(), buy())),
        "cancel": lambda: adapter.cancel(ref_of(report)),
        "replace": lambda: adapter.replace(ref_of(report), OrderChanges(new_id(), quantity=D(12))),
        "order": lambda: adapter.order(OrderRef(client_order_id=report.client_order_id)),
        "orders": adapter.orders,
        "fills": adapter.fills,
        "positions": adapter.positions,
        "account": adapter.account,
    }
    return calls[verb], report
