"""On the real wire: whatever befalls a request, each intent is at most one order at the exchange, and each is known."""

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.utils import timezone

from accounts.models import User
from brokers import vault
from brokers.models import BrokerConnection, BrokerPosition
from brokers.services.schedule import claimed
from tests.brokers.simulator_server import RunningSimulator, simulator, wait_until
from tests.factories import make_account, make_plan
from tests.trades.execution.recording_kit import D, fresh, order_of
from tests.trades.test_at_once import at_once
from trades.execution.cancel import order_cancel_send
from trades.execution.doubts import doubts_resolve
from trades.execution.poll import connection_poll
from trades.execution.replace import order_replace_send
from trades.execution.shapes import client_id_of
from trades.execution.submit import SEND_TIMEOUT, order_submit, submitting_sweep
from trades.execution.sync import connection_sync
from trades.execution.transitions import transition
from trades.models import Fill, Order, Trade
from trades.selectors.positions import positions_compared
from trenddojo.domain.order_state import OrderFact, OrderState
from trenddojo.domain.reconciliation import PositionState

pytestmark = pytest.mark.django_db(transaction=True)
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def serving() -> Iterator[RunningSimulator]:
    with simulator() as running:
        yield running


@pytest.fixture
def exchange(serving: RunningSimulator) -> Iterator[RunningSimulator]:
    """The stand-in exchange with quotes around 100."""
    for symbol in ("AAPL", "MSFT"):
        serving.control.set_quote(symbol, bid="99.99", ask="100.01")
    yield serving
    serving.control.clear_faults()


class Desk:
    """A trader's account at the exchange, and what the exchange knows of it."""

    def __init__(self, owner: User, exchange: RunningSimulator) -> None:
        self.exchange = exchange
        self.keys = exchange.control.open_account()
        account = make_account(owner, name="Wire", broker="simulator")
        since = timezone.now() - timedelta(minutes=5)
        self.connection = BrokerConnection(
            user=owner, account=account, broker="simulator", label="Wire", journal_since=since
        )
        secret = {"api_key": self.keys.key_id, "secret_key": self.keys.secret_key}
        self.connection.credentials = vault.seal(secret, row_id=self.connection.pk)
        self.connection.save()

    def order(self, **given: Any) -> Order:
        return order_of(self.connection, **given)

    def sync(self) -> None:
        with claimed(self.connection.pk) as held:
            assert held is not None
            assert connection_sync(held) is not None

    def at_exchange(self) -> list[dict[str, Any]]:
        """Orders by themselves, without legs."""
        return [one for one in self.exchange.control.orders(self.keys.id) if not one.get("parent_id")]

    def fault(self, kind: str, *, method: str = "POST", path: str = "/v2/orders", **details: Any) -> None:
        self.exchange.control.fault(kind, method=method, path=path, key_id=self.keys.key_id, **details)

    def resolve(self, order: Order) -> None:
        """Ask as the sweep does, without waiting for the clock."""
        for minutes in range(1, 6):
            doubts_resolve(order.pk, now=timezone.now() + timedelta(minutes=minutes))
            if fresh(order).status != "in_doubt":
                return


@pytest.fixture
def wire(alice: User, exchange: RunningSimulator, settings: Any) -> Desk:
    settings.SIMULATOR_URL = exchange.url
    return Desk(alice, exchange)


def agrees(wire: Desk) -> None:
    """The oracle: every order at the exchange has its row, every row its order, and what is held is the same."""
    theirs = {one["client_order_id"]: one["status"] for one in wire.at_exchange()}
    ours = Order.objects.filter(account=wire.connection.account, parent=None).exclude(broker_order_id="")
    assert set(ours.values_list("client_order_id", flat=True)) == set(theirs)
    assert len(theirs) == len(wire.at_exchange())
    booked = {
        fill["id"] for fill in wire.exchange.control.dump(wire.keys.id)["activities"] if fill["activity_type"] == "FILL"
    }
    assert set(Fill.objects.exclude(execution_id="").values_list("execution_id", flat=True)) == booked
    for line in positions_compared(wire.connection.user, wire.connection.account):
        assert line.state in (PositionState.MATCHED, PositionState.UNPROTECTED), line


def test_a_plan_goes_to_the_exchange_and_comes_back_as_a_result(wire: Desk) -> None:
    plan = make_plan(wire.connection.account, quantity=0)
    order = wire.order(trade=plan, limit="100.02", stop_loss="95", take_profit="110")
    order_submit(order.pk)
    wire.sync()
    plan = fresh(plan)
    assert (plan.status, plan.quantity, plan.actual_entry) == ("active", 100, D("100.01"))
    assert [leg.broker_order_id == "" for leg in order.legs.all()] == [False, False]
    assert positions_compared(wire.connection.user)[0].working_stop == 95
    agrees(wire)
    wire.exchange.control.set_quote("AAPL", bid="110.50", ask="110.52")
    wire.sync()
    plan = fresh(plan)
    assert (plan.status, plan.quantity, plan.gross_pnl) == ("closed", 100, (D(plan.actual_exit) - D("100.01")) * 100)
    assert plan.actual_exit >= 110
    assert dict(order.legs.values_list("role", "status")) == {"take_profit": "filled", "stop_loss": "cancelled"}
    assert BrokerPosition.objects.count() == 0
    agrees(wire)


@pytest.mark.parametrize(
    ("kind", "details"),
    [
        ("drop_after", {}),
        ("status_after", {"status": 504, "body": "<html>gateway timeout</html>"}),
        ("unreadable", {}),
        ("cut_off", {}),
    ],
)
def test_an_answer_that_got_lost_is_no_second_order(wire: Desk, kind: str, details: dict[str, Any]) -> None:
    wire.fault(kind, **details)
    order = wire.order(limit="90")
    order_submit(order.pk)
    wire.resolve(order)
    wire.sync()
    assert fresh(order).status == "accepted"
    assert len(wire.at_exchange()) == 1
    agrees(wire)


@pytest.mark.parametrize(
    ("kind", "details"), [("drop_before", {}), ("status_before", {"status": 503, "body": "<html>busy</html>"})]
)
def test_a_request_that_got_lost_is_sent_again_under_its_id(wire: Desk, kind: str, details: dict[str, Any]) -> None:
    wire.fault(kind, **details)
    order = wire.order(limit="90")
    order_submit(order.pk)
    wire.resolve(order)
    order_submit(order.pk)
    wire.sync()
    assert fresh(order).status == "accepted"
    assert [one["client_order_id"] for one in wire.at_exchange()] == [order.client_order_id]
    agrees(wire)


def test_a_memory_that_lags_behind_is_waited_for(wire: Desk) -> None:
    """The order was taken, and for a while the exchange says that it does not know it."""
    wire.fault("drop_after")
    order = wire.order(limit="90")
    order_submit(order.pk)
    wire.fault("not_found", method="GET", path="/v2/orders*", times=2)
    wire.resolve(order)
    wire.sync()
    assert fresh(order).status == "accepted"
    assert len(wire.at_exchange()) == 1
    agrees(wire)


def test_a_refused_duplicate_is_the_order_that_is_there(wire: Desk) -> None:
    wire.fault("drop_after")
    order = wire.order(limit="90")
    order_submit(order.pk)
    Order.objects.filter(pk=order.pk).update(status="new", doubted_at=None)
    order_submit(order.pk)
    assert fresh(order).status == "accepted"
    assert len(wire.at_exchange()) == 1
    agrees(wire)


def test_a_rate_limit_takes_nothing_and_is_waited_for(wire: Desk) -> None:
    wire.fault("rate_limited", reset=30)
    order = wire.order(limit="90")
    order_submit(order.pk)
    kept = fresh(order)
    assert (kept.status, kept.send_after > timezone.now()) == ("new", True)
    assert wire.at_exchange() == []


def test_keys_that_stop_working_stop_all_calls(wire: Desk) -> None:
    wire.fault("unauthorized", path="*", times=100)
    one, other = wire.order(limit="90"), wire.order(limit="91")
    order_submit(one.pk)
    order_submit(other.pk)
    assert set(Order.objects.values_list("status", flat=True)) == {"new"}
    assert (fresh(wire.connection).is_active, wire.at_exchange()) == (False, [])


def test_too_little_money_is_said_with_the_exchanges_numbers(wire: Desk) -> None:
    order = wire.order(quantity="100000", limit="100")
    order_submit(order.pk)
    kept = fresh(order)
    assert (kept.status, kept.broker_order_id) == ("rejected", "")
    assert order.events.last().detail["figures"]["buying_power"]


def test_what_is_done_on_the_exchanges_own_page_is_taken_over(wire: Desk) -> None:
    plan = make_plan(wire.connection.account)
    order_submit(wire.order(trade=plan, limit="100.02").pk)
    wire.sync()
    control, keys = wire.exchange.control, wire.keys
    sale = {"symbol": "AAPL", "side": "sell", "type": "market", "time_in_force": "day"}
    control.place_external(keys.id, qty="40", **sale)
    control.place_external(keys.id, qty="25", **{**sale, "symbol": "MSFT", "side": "buy"})
    wire.sync()
    assert (fresh(plan).open_quantity, fresh(plan).status) == (60, "active")
    assert Trade.objects.get(symbol="MSFT").broker_sync_status == "imported"
    agrees(wire)


def test_a_part_filled_and_then_cancelled_is_kept(wire: Desk) -> None:
    control = wire.exchange.control
    control.set_quote("AAPL", bid="99.99", ask="100.01", ask_size=30)
    plan = make_plan(wire.connection.account)
    order = wire.order(trade=plan, limit="100.01")
    order_submit(order.pk)
    wire.sync()
    assert fresh(order).status == "partially_filled"
    transition(fresh(order), OrderFact.ASK_CANCEL, source="trader", at=timezone.now(), cancel_asked_at=timezone.now())
    order_cancel_send(order.pk)
    wire.sync()
    assert (fresh(order).status, fresh(plan).quantity) == ("cancelled", fresh(order).filled_quantity)
    assert 0 < fresh(plan).quantity < 100
    agrees(wire)


@pytest.mark.parametrize("kind", ["", "drop_after", "drop_before"])
def test_a_change_is_made_once_or_not_at_all(wire: Desk, kind: str) -> None:
    order = wire.order(limit="90")
    order_submit(order.pk)
    change = {"client_order_id": client_id_of(order.creation_key), "creation_key": str(order.pk), "limit_price": "91"}
    transition(fresh(order), OrderFact.ASK_REPLACE, source="trader", at=timezone.now(), pending_change=change)
    if kind:
        wire.fault(kind, method="PATCH", path="/v2/orders/*")
    for minutes in range(6):
        order_replace_send(order.pk, now=timezone.now() + timedelta(minutes=minutes))
    wire.sync()
    working = Order.objects.get(status="accepted")
    assert working.limit_price == (90 if kind == "drop_before" else 91)
    assert fresh(order).pending_change is None
    agrees(wire)


def test_a_killed_sender_leaves_one_order_that_is_found_again(wire: Desk) -> None:
    """A worker process is killed while the exchange has the order and the answer is not back."""
    wire.fault("hang_after", seconds=60)
    order = wire.order(limit="90")
    code = "import django; django.setup()\nimport sys\nfrom uuid import UUID\n"
    code += "from trades.execution.submit import order_submit\norder_submit(UUID(sys.argv[1]))"
    environment = os.environ | {
        "DATABASE_URL": _test_database(os.environ["DATABASE_URL"]),
        "SIMULATOR_URL": wire.exchange.url,
        "DJANGO_SETTINGS_MODULE": "trenddojo.settings",
    }
    worker = subprocess.Popen([sys.executable, "-c", code, str(order.pk)], cwd=ROOT, env=environment)
    try:
        wait_until(lambda: len(wire.at_exchange()) == 1, "the order at the exchange", 60)
    finally:
        worker.kill()
        worker.wait()
    assert fresh(order).status == "submitting"
    wire.exchange.control.clear_faults()
    assert submitting_sweep(timezone.now() + SEND_TIMEOUT) == [order.pk]
    wire.resolve(order)
    assert fresh(order).status == OrderState.ACCEPTED
    assert len(wire.at_exchange()) == 1
    wire.sync()
    agrees(wire)


def _test_database(address: str) -> str:
    """The address the tests' servers were given, with the name of this test run's database."""
    name = str(django_settings.DATABASES["default"]["NAME"])
    front, _, query = address.partition("?")
    return front.rpartition("/")[0] + "/" + name + (f"?{query}" if query else "")


def test_everybody_at_once_comes_to_what_the_exchange_says(wire: Desk) -> None:
    """Workers that send the same orders, polls and syncs, all at the same moments, on one connection."""
    plans = [make_plan(wire.connection.account, symbol) for symbol in ("AAPL", "MSFT")]
    orders = [
        wire.order(trade=plan, symbol=plan.symbol, limit="100.02", stop_loss="95", take_profit="110") for plan in plans
    ]
    orders += [wire.order(limit="90", quantity="1") for _ in range(6)]

    def send() -> None:
        for order in orders:
            order_submit(order.pk)

    def poll() -> None:
        for _ in range(6):
            connection_poll(fresh(wire.connection))

    def sync() -> None:
        for _ in range(4):
            connection_sync(BrokerConnection.objects.select_related("account", "user").get(pk=wire.connection.pk))

    answers = at_once(send, send, poll, poll, sync, sync)
    assert [one for one in answers if isinstance(one, Exception)] == []
    wire.sync()
    assert {fresh(plan).status for plan in plans} == {"active"}
    assert len(wire.at_exchange()) == 8
    assert Order.objects.filter(origin="external").count() == 0
    agrees(wire)
