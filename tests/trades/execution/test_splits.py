"""At a split a broker tells open orders in other shares: as many times as many, at prices that much lower.

No execution says so: nothing is missing, and nothing is asked for again and again.
"""

from datetime import timedelta
from decimal import Decimal as D

import pytest
from django.utils import timezone

from accounts.models import Notification
from brokers.models import BrokerConnection
from tests.brokers.simulator_server import RunningSimulator
from tests.trades.execution.exchange_kit import account, connection_of, exchange, send
from tests.trades.execution.recording_kit import book, desk, fresh, later, order_of, report_of
from trades.execution.poll import connection_poll
from trades.execution.sync import connection_sync
from trades.execution.track import reports_apply
from trades.models import Fill, Order

__all__ = ["account", "book", "desk", "exchange"]

FILLS = "/v2/account/activities/FILL"


@pytest.fixture(autouse=True)
def _no_lag(monkeypatch: pytest.MonkeyPatch) -> None:
    """The exchange's list shows at once what has changed."""
    monkeypatch.setattr("trades.execution.poll.LIST_LAG", timedelta(0))


def resting(account, exchange: RunningSimulator, *, filled: int = 0) -> Order:
    """Buy 10 at 99; what is filled of it is booked."""
    order = send(account, type="limit", limit_price=D("99.00"), time_in_force="gtc")
    if filled:
        exchange.control.set_quote("SPY", bid="98.98", ask="99.00", bid_size=filled, ask_size=filled)
    connection_poll(connection_of(account))
    assert shown(order) == (D(10), D(99), D(filled), D(99) if filled else None)
    return order


def shown(order: Order) -> tuple:
    """Quantity, limit, what is filled, and at which average."""
    order.refresh_from_db()
    return (order.quantity, order.limit_price, order.filled_quantity, order.filled_average_price)


def facts(order: Order) -> list[str]:
    return list(order.events.order_by("pk").values_list("fact", flat=True))


def asks_for_executions(account, exchange: RunningSimulator) -> list[int]:
    """How often each of two polls and of two syncs asks for them; it is long after whatever was said last."""
    Order.objects.update(updated_at=timezone.now() - timedelta(minutes=1))
    found = []
    for look in (connection_poll, connection_poll, connection_sync, connection_sync):
        exchange.control.forget_counts()
        look(connection_of(account))
        found.append(exchange.control.count("GET", FILLS))
    return found


def test_a_resting_order_is_shown_in_the_new_shares_and_its_trader_told_once(account, exchange) -> None:
    order = resting(account, exchange)
    exchange.control.split("SPY", D(2))
    for _ in range(2):
        connection_poll(connection_of(account))
    assert (order.status, shown(order)) == ("accepted", (D(20), D("49.5"), D(0), None))
    assert facts(order) == ["intend", "claim", "accept", "restated"]
    assert list(Notification.objects.values_list("kind", "title", "text", "path")) == [
        (
            "position",
            "SPY: order in other shares",
            "After a split the broker says of your order: Buy 20 SPY, limit 49.50. It was placed in the shares of before.",
            f"/orders/{order.pk}/",
        )
    ]


@pytest.mark.parametrize(
    ("ratio", "then"),
    [("2", (D(20), D("49.5"), D(8), D("49.5"))), ("0.5", (D(5), D(198), D(2), D(198)))],
    ids=["forward", "reverse"],
)
def test_what_a_half_filled_order_has_filled_is_told_in_the_new_shares(
    account, exchange, ratio: str, then: tuple
) -> None:
    """Forward it becomes more and reverse less; its execution stays what it was, and none is looked for."""
    order = resting(account, exchange, filled=4)
    exchange.control.split("SPY", D(ratio))
    connection_poll(connection_of(account))
    assert (shown(order), order.status) == (then, "partially_filled")
    assert asks_for_executions(account, exchange) == [0, 0, 1, 1]
    assert (shown(order), facts(order)[-2:]) == (then, ["partial", "restated"])
    assert list(Fill.objects.values_list("quantity", "price")) == [(D(4), D(99))]


@pytest.mark.parametrize(("ratio", "rest", "price"), [("2", D(12), "49.50"), ("0.5", D(3), "198.00")])
def test_the_rest_of_a_half_filled_order_fills_after_the_split(account, exchange, ratio, rest: D, price) -> None:
    order = resting(account, exchange, filled=4)
    exchange.control.split("SPY", D(ratio))
    connection_poll(connection_of(account))
    exchange.control.set_quote("SPY", bid=D(price) - D("0.02"), ask=price)
    connection_poll(connection_of(account))
    assert (shown(order), order.status) == ((10 * D(ratio), D(price), 10 * D(ratio), D(price)), "filled")
    assert list(Fill.objects.order_by("executed_at").values_list("quantity", "price")) == [
        (D(4), D(99)),
        (rest, D(price)),
    ]
    assert asks_for_executions(account, exchange) == [0, 0, 1, 1]


def test_an_order_that_filled_in_part_and_was_split_before_anybody_looked(account, exchange) -> None:
    order = resting(account, exchange)
    exchange.control.set_quote("SPY", bid="98.98", ask="99.00", bid_size=4, ask_size=4)
    exchange.control.split("SPY", D(2))
    connection_poll(connection_of(account))
    assert (shown(order), order.status) == ((D(20), D("49.5"), D(8), D("49.5")), "partially_filled")
    assert list(Fill.objects.values_list("quantity", "price")) == [(D(4), D(99))]
    assert asks_for_executions(account, exchange) == [0, 0, 1, 1]


def test_a_word_from_before_the_split_changes_nothing(desk: BrokerConnection) -> None:
    order = order_of(desk)
    filled = {"filled_quantity": D(40), "filled_average_price": D(100)}
    apart = {"filled_quantity": D(20), "filled_average_price": D(200), "quantity": D(50), "limit_price": D(200)}
    before = report_of(order, updated_at=later(1), **filled)
    after = report_of(order, updated_at=later(2), **apart)
    for report in (before, after, before, after):
        reports_apply(desk, [report], source="poll", now=later(3))
    kept = fresh(order)
    assert (kept.status, *shown(kept)) == ("partially_filled", D(50), D(200), D(20), D(200))
    assert facts(order) == ["partial", "restated"]


@pytest.mark.parametrize(
    "said",
    [{"quantity": D(60)}, {"limit_price": D(99)}, {"quantity": D(60), "limit_price": D(99)}],
    ids=["size", "price", "both"],
)
def test_an_order_changed_elsewhere_is_not_restated(desk: BrokerConnection, said: dict) -> None:
    order = order_of(desk)
    reports_apply(desk, [report_of(order, updated_at=later(1))], source="poll", now=later(1))
    reports_apply(desk, [report_of(order, updated_at=later(2), **said)], source="poll", now=later(2))
    kept = fresh(order)
    assert shown(kept)[:2] == (said.get("quantity", D(100)), said.get("limit_price", D(100)))
    assert (facts(order), Notification.objects.count()) == (["accept"], 0)
