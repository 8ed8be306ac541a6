"""Orders are their trader's: exported with the rest, and gone with it."""

import io
import json
import zipfile

import pytest

from accounts.services.data_export import user_export
from accounts.services.people import user_delete
from brokers.models import BrokerConnection
from tests.trades.execution.recording_kit import (
    NOW,
    desk,
    external_report,
    fill_of,
    fresh,
    order_of,
    plan_of,
    report_of,
)
from trades.execution.fills import fills_apply
from trades.execution.track import reports_apply
from trades.models import AuditEntry, Fill, Order, OrderEvent, Trade

pytestmark = pytest.mark.django_db

__all__ = ["desk"]


@pytest.fixture
def traded(desk: BrokerConnection) -> Order:
    """A filled bracket whose entry was replaced."""
    order = order_of(desk, trade=plan_of(desk), stop_loss="95")
    reports_apply(desk, [report_of(order, broker_order_id="b-1")], source="poll", now=NOW)
    reports_apply(desk, [external_report(7, replaces="b-1")], source="poll", now=NOW)
    fills_apply(desk, [fill_of(fresh(order))], now=NOW)
    return order


def test_the_export_holds_orders_with_their_events(desk: BrokerConnection, traded: Order) -> None:
    archive = zipfile.ZipFile(io.BytesIO(b"".join(user_export(desk.user))))
    orders = json.loads(archive.read("data/trades_order.json"))
    events = json.loads(archive.read("data/trades_orderevent.json"))
    assert {row["client_order_id"] for row in orders} == {traded.client_order_id, "", "elsewhere-7"}
    assert {row["fact"] for row in events} == {"accept", "adopted"}
    assert "credentials" not in archive.read("data/brokers_brokerconnection.json").decode()


def test_a_trader_who_leaves_takes_the_orders_along(desk: BrokerConnection, traded: Order, password: str) -> None:
    user_delete(user=desk.user, typed_username="alice", typed_password=password)
    for model in (Order, OrderEvent, Fill, Trade, AuditEntry, BrokerConnection):
        assert model.objects.count() == 0, model


def test_a_connection_that_is_removed_leaves_its_orders(desk: BrokerConnection, traded: Order) -> None:
    desk.delete()
    assert fresh(traded).connection_id is None
    assert Fill.objects.count() == 1
