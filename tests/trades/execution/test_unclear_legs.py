"""A leg told of before its parent's answer was heard is no stranger."""

from datetime import timedelta
from decimal import Decimal as D

from django.utils import timezone

from tests.trades.execution.exchange_kit import account, ask, connection_of, exchange
from trades.execution.poll import connection_poll
from trades.execution.submit import order_submit
from trades.models import Order
from trenddojo.domain.orders import StopLoss, TakeProfit

__all__ = ["account", "exchange"]


def test_legs_listed_while_the_sender_waits_for_its_answer_are_bound_and_never_doubled(account, exchange) -> None:
    order = ask(account, stop_loss=StopLoss(D("95.00")), take_profit=TakeProfit(D("110.00")))
    order_submit(order.pk)
    legs = list(order.legs.all())
    # As it is while the broker's answer is on its way: nobody has heard the ids yet, the entry has filled already.
    Order.objects.filter(parent=order).update(broker_order_id="", status="new", reported_at=None)
    Order.objects.filter(pk=order.pk).update(
        broker_order_id="", status="submitting", reported_at=None, submitted_at=None, claimed_at=timezone.now()
    )
    connection_poll(connection_of(account))
    assert Order.objects.filter(origin="external").count() == 0

    Order.objects.filter(pk=order.pk).update(claimed_at=timezone.now() - timedelta(minutes=5))
    Order.objects.filter(pk=order.pk).update(status="accepted", broker_order_id=order_id_at(exchange, order))
    connection_poll(connection_of(account))
    bound = {leg.pk: leg.broker_order_id for leg in Order.objects.filter(parent=order)}
    assert Order.objects.filter(origin="external").count() == 0
    assert set(bound) == {leg.pk for leg in legs}
    assert bound[next(leg.pk for leg in legs if leg.role == "take_profit")] != ""


def order_id_at(exchange, order: Order) -> str:
    theirs = exchange.control.orders(exchange.account)
    return next(one["id"] for one in theirs if one["client_order_id"] == order.client_order_id)
