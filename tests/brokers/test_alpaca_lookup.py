"""What Alpaca shows under our own id is known, whatever its other address says a moment later."""

from collections.abc import Iterator
from decimal import Decimal as D

import pytest

from brokers.base import ConnectionSettings, OrderRef, OrderRequest
from brokers.registry import adapter_from
from tests.brokers.simulator_server import RunningSimulator, simulator
from trenddojo.domain.fills import Side
from trenddojo.domain.orders import OrderClass, OrderTerms, OrderType, StopLoss, TakeProfit


@pytest.fixture
def exchange() -> Iterator[RunningSimulator]:
    with simulator() as running:
        running.control.set_quote("SPY", bid="99.99", ask="100.01")
        yield running


def test_an_order_found_by_our_id_is_not_unknown_because_its_address_lags(exchange: RunningSimulator) -> None:
    keys = {"api_key": exchange.key_id, "secret_key": exchange.secret_key}
    adapter = adapter_from(
        ConnectionSettings("lookup", "simulator", is_paper=True, base_url=exchange.url, credentials=keys)
    )
    terms = OrderTerms(
        "SPY",
        Side.BUY,
        OrderType.LIMIT,
        D(1),
        limit_price=D(90),
        stop_loss=StopLoss(D(80)),
        take_profit=TakeProfit(D(110)),
        order_class=OrderClass.BRACKET,
    )
    sent = adapter.submit(OrderRequest("td-lookup", terms))
    exchange.control.fault("replace_fields", method="GET", path="/v2/orders:by_client_order_id", fields={"legs": None})
    exchange.control.fault("not_found", method="GET", path=f"/v2/orders/{sent.broker_order_id}")
    found = adapter.order(OrderRef(client_order_id="td-lookup"))
    assert found is not None
    assert found.broker_order_id == sent.broker_order_id
