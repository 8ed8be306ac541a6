"""What a form's key made stands when the form comes again, although it would be refused by now."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from accounts.models import TradingAccount, User
from brokers.models import BrokerConnection
from tests.trades.desk_kit import NOW, at, d, make_fill, make_plan
from tests.trades.execution.gate_kit import at_broker, broker, connected
from trades.execution.intents import (
    order_create,
    order_from_trade,
    position_close,
    position_stop,
    position_trail,
    scale_out,
)
from trades.models import Order
from trenddojo.domain.orders import OrderError

__all__ = ["broker"]
pytestmark = pytest.mark.usefixtures("broker")


def held_trade(account: TradingAccount) -> Any:
    """200 are held without exits."""
    trade = make_plan(account)
    given = order_from_trade(owner=account.owner, trade_id=trade.pk)
    order = order_create(owner=account.owner, given=given, creation_key=uuid4(), now=NOW)
    at_broker(order, status="filled", filled_quantity=d(200), done_at=NOW)
    order.legs.update(status="cancelled", done_at=NOW)
    make_fill(trade, "buy", 200, 100, at(4, 15))
    return trade


CLOSES: dict[str, tuple[Callable[..., Order], dict[str, Any], dict[str, Any]]] = {
    "close": (position_close, {"symbol": "aapl"}, {"symbol": "aapl", "quantity": d(30)}),
    "scale out": (scale_out, {"quantity": d(80)}, {"quantity": d(81)}),
    "stop": (position_stop, {"symbol": "AAPL", "price": d(90)}, {"symbol": "AAPL", "price": d(91)}),
    "trail": (
        position_trail,
        {"symbol": "AAPL", "trail_percent": d(5)},
        {"symbol": "AAPL", "trail_percent": d(6)},
    ),
}


@pytest.mark.parametrize("way", CLOSES)
def test_an_exit_that_was_written_is_answered_again_and_another_one_is_refused(alice: User, way: str) -> None:
    act, given, other = CLOSES[way]
    account, key = connected(alice), uuid4()
    trade = held_trade(account)
    where = {"trade_id": trade.pk} if way == "scale out" else {"account_id": account.pk}
    first = act(owner=alice, creation_key=key, now=NOW, **where, **given)
    orders = Order.objects.count()
    BrokerConnection.objects.update(is_active=False, status="disabled")
    assert act(owner=alice, creation_key=key, now=NOW, **where, **given).pk == first.pk
    with pytest.raises(OrderError) as refused:
        act(owner=alice, creation_key=key, now=NOW, **where, **other)
    assert refused.value.code == "connection_disabled"
    assert Order.objects.count() == orders
