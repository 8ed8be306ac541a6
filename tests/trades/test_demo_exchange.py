"""The demo trader trades at the stand-in exchange: the same orders once, as soon as the exchange is there."""

from collections.abc import Iterator
from decimal import Decimal as D
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import TradingAccount, User
from brokers.models import BrokerConnection
from tests.brokers.simulator_server import RunningSimulator, simulator
from tests.factories import make_account, make_setup
from trades.demo.exchange import IDEAS, demo_orders
from trades.execution.submit import order_submit
from trades.execution.sync import connection_sync
from trades.models import Order, Trade
from trades.tasks.demo import demo_orders_task

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def exchange(settings: Any) -> Iterator[RunningSimulator]:
    """Everything the demo trader wants is at 99.99 / 100.01."""
    with simulator() as running:
        settings.SIMULATOR_URL = running.url
        settings.SIMULATOR_API_KEY, settings.SIMULATOR_SECRET_KEY = running.key_id, running.secret_key
        for idea in IDEAS:
            running.control.set_quote(idea.symbol, bid="99.99", ask="100.01")
        yield running


@pytest.fixture
def demo(db: None) -> User:
    user = User.objects.create_user(username="demo", password=None)
    for name in {idea.setup for idea in IDEAS}:
        make_setup(user, name, ("Above its average",))
    return user


def sent() -> None:
    for order in Order.objects.filter(status="new", parent=None):
        order_submit(order.pk)
    connection_sync(BrokerConnection.objects.get())


def test_three_trades_are_open_with_stop_and_target_and_two_wait_for_their_price(
    exchange: RunningSimulator, demo: User
) -> None:
    demo_orders_task()
    sent()
    account = TradingAccount.objects.get(name="Stand-in exchange", owner=demo)
    assert (account.account_type, account.broker, account.starting_balance) == ("paper", "simulator", D(100_000))
    # What the exchange's account was opened with is the starting balance, and no deposit besides.
    assert not account.cash_movements.exists()
    trades = Trade.objects.filter(account=account).order_by("symbol")
    assert list(trades.values_list("symbol", "direction", "status", "actual_entry", "stop_loss", "target_price")) == [
        ("AAPL", "long", "active", D("100.01"), D("95.51"), D("109.01")),
        ("IBM", "long", "active", D("100.01"), D("96.01"), D("112.01")),
        ("KO", "long", "pending", None, D("95.51"), D("105.51")),
        ("MSFT", "long", "pending", None, D("93.51"), D("107.51")),
        ("SPY", "short", "active", D("99.99"), D("102.79"), D("94.39")),
    ]
    assert all(trade.setup is not None and trade.checklist.get().is_met for trade in trades)
    # Six tenths of a percent of 100,000 between entry and stop, in whole shares.
    assert list(trades.values_list("planned_quantity", flat=True)) == [D(133), D(150), D(240), D(171), D(214)]
    working = Order.objects.filter(parent__symbol="AAPL").order_by("role")
    assert [(leg.role, leg.status, leg.side) for leg in working] == [
        ("stop_loss", "accepted", "sell"),
        ("take_profit", "accepted", "sell"),
    ]


def test_its_account_is_as_old_as_the_others(exchange: RunningSimulator, demo: User) -> None:
    main = make_account(demo, "Main")
    demo_orders(now=timezone.now())
    assert TradingAccount.objects.get(name="Stand-in exchange").opened_on == main.opened_on


def test_again_changes_nothing_and_costs_two_queries(
    exchange: RunningSimulator, demo: User, django_assert_num_queries: Any
) -> None:
    assert demo_orders(now=timezone.now()) == len(IDEAS)
    before = list(Order.objects.order_by("pk").values()), list(Trade.objects.order_by("pk").values())
    exchange.control.forget_counts()
    with django_assert_num_queries(2):
        assert demo_orders(now=timezone.now()) == 0
    assert (list(Order.objects.order_by("pk").values()), list(Trade.objects.order_by("pk").values())) == before
    assert exchange.control.counts() == {}


def test_it_goes_on_where_it_was_ended(exchange: RunningSimulator, demo: User) -> None:
    demo_orders(now=timezone.now())
    Order.objects.filter(symbol="KO").delete()
    Order.objects.filter(symbol="SPY").delete()
    Trade.objects.filter(symbol="SPY").delete()
    assert demo_orders(now=timezone.now()) == 2
    assert Order.objects.filter(parent=None).count() == Trade.objects.count() == len(IDEAS)


def test_an_exchange_that_is_not_up_yet_is_waited_for(exchange: RunningSimulator, demo: User, settings: Any) -> None:
    there = settings.SIMULATOR_URL
    settings.SIMULATOR_URL = "http://127.0.0.1:9"
    assert demo_orders(now=timezone.now()) == 0
    assert not BrokerConnection.objects.exists()
    settings.SIMULATOR_URL = there
    assert demo_orders(now=timezone.now()) == len(IDEAS)


def test_a_missing_quote_leaves_that_one_to_the_next_time(exchange: RunningSimulator, demo: User) -> None:
    exchange.control.set_quote("IBM", bid="0", ask="100.01")
    assert demo_orders(now=timezone.now()) == len(IDEAS) - 1
    exchange.control.set_quote("IBM", bid="99.99", ask="100.01")
    assert demo_orders(now=timezone.now()) == 1
    assert set(Order.objects.filter(parent=None).values_list("status", flat=True)) == {"new"}


def test_a_removed_connection_does_not_come_back(exchange: RunningSimulator, demo: User) -> None:
    demo_orders(now=timezone.now())
    BrokerConnection.objects.all().delete()
    assert demo_orders(now=timezone.now()) == 0
    assert not BrokerConnection.objects.exists()


def test_a_desk_without_the_demo_trader_has_none_of_it(exchange: RunningSimulator, alice: User) -> None:
    assert demo_orders(now=timezone.now()) == 0
    assert exchange.control.counts() == {}
    assert not BrokerConnection.objects.exists()
