"""Orders that wait leave when their time has come, checked anew."""

from datetime import timedelta
from uuid import uuid4

import pytest

from accounts.models import Notification, User
from brokers.base import ClockReport
from brokers.models import BrokerConnection, BrokerPosition, Quote
from tests.trades.desk_kit import NOW, d, make_plan
from tests.trades.execution.gate_kit import (
    EVENING,
    NEXT_OPEN,
    at_broker,
    broker,
    connected,
    held,
    placed,
    quoted,
)
from trades.execution import releases
from trades.execution.intents import order_create, order_from_trade, orders_release, position_close
from trades.models import Order

__all__ = ["broker"]
OPEN = NEXT_OPEN + timedelta(seconds=5)


@pytest.fixture(autouse=True)
def _market(broker: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Quotes are those kept: asking for them anew brings the same."""
    monkeypatch.setattr(releases, "quotes_refresh", lambda connection, symbols: {})
    monkeypatch.setattr("trades.execution.desks.quote_fetch", lambda connection, symbol: _kept(symbol))


def _kept(symbol: str) -> Quote:
    return Quote.objects.get(symbol=symbol)


def waiting(alice: User, **changes):
    account = connected(alice)
    return account, placed(account, now=EVENING, **changes)


def test_an_order_leaves_at_the_open_and_not_before(alice: User) -> None:
    _, order = waiting(alice)
    quoted("AAPL", "99.99", "100.01", at=OPEN)
    assert orders_release(NEXT_OPEN - timedelta(seconds=1)) == []
    assert orders_release(OPEN) == [order.pk]
    order.refresh_from_db()
    assert (order.status, order.send_after) == ("new", None)
    assert [event.fact for event in order.events.all()] == ["intend", "release"]
    assert orders_release(OPEN) == []


def test_it_is_checked_anew_and_denied_with_its_reasons(alice: User) -> None:
    account, order = waiting(alice)
    quoted("AAPL", "79.99", "80.01", at=OPEN)
    account.connection.snapshots.update(equity=d(20_000))
    assert orders_release(OPEN) == []
    order.refresh_from_db()
    assert order.status == "denied"
    assert [breach["code"] for breach in order.events.last().detail["breaches"]] == ["price_collar", "max_position"]
    assert order.reason_code == "price_collar"
    assert Notification.objects.filter(kind="order_rejected", title="AAPL: order not sent").exists()


def test_a_quote_that_has_not_come_yet_is_waited_for(alice: User) -> None:
    _, order = waiting(alice)
    quoted("AAPL", "99.99", "100.01", at=EVENING)
    assert orders_release(OPEN) == []
    order.refresh_from_db()
    assert order.status == "queued"
    orders_release(NEXT_OPEN + timedelta(minutes=11))
    order.refresh_from_db()
    assert (order.status, order.reason_code) == ("denied", "stale_quote")


def test_what_the_trader_gave_an_expiry_never_leaves_after_it(alice: User) -> None:
    _, order = waiting(alice, send_before=OPEN)
    quoted("AAPL", "99.99", "100.01", at=OPEN)
    assert orders_release(OPEN) == []
    order.refresh_from_db()
    assert (order.status, order.reason_code) == ("expired", "lapsed")
    assert Notification.objects.filter(title="AAPL: order was not sent").exists()


def test_a_disabled_connection_keeps_its_orders_waiting(alice: User) -> None:
    _, order = waiting(alice)
    BrokerConnection.objects.update(is_active=False, status="disabled")
    assert orders_release(OPEN) == []
    order.refresh_from_db()
    assert order.status == "queued"


def test_one_order_that_fails_keeps_no_other_waiting(
    alice: User, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    account, first = waiting(alice, quantity=d(1))
    second = placed(account, now=EVENING, quantity=d(2))
    quoted("AAPL", "99.99", "100.01", at=OPEN)
    check = releases.order_check

    def failing(desk, given, market, **options):
        if given.quantity == 1:
            raise RuntimeError
        return check(desk, given, market, **options)

    monkeypatch.setattr(releases, "order_check", failing)
    assert orders_release(OPEN) == [second.pk]
    assert f"order.release.failed order={first.pk}" in caplog.text


def test_a_halted_account_lets_no_entry_out_at_the_open(alice: User) -> None:
    account, order = waiting(alice)
    quoted("AAPL", "99.99", "100.01", at=OPEN)
    account.halted_at = EVENING
    account.save()
    assert orders_release(OPEN) == []
    order.refresh_from_db()
    assert (order.status, order.reason_code) == ("denied", "halted")


def test_a_session_that_was_called_off_is_waited_out(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    _, order = waiting(alice)
    next_day = NEXT_OPEN + timedelta(days=1)
    later = ClockReport(OPEN, is_open=False, next_open=next_day, next_close=next_day + timedelta(hours=6))
    monkeypatch.setattr("trades.execution.desks.clock_of", lambda connection, *, exchange, now: later)
    assert orders_release(OPEN) == []
    order.refresh_from_db()
    assert (order.status, order.send_after) == ("queued", NEXT_OPEN + timedelta(days=1))


def open_position(alice: User):
    """200 held, protected by a stop and a target at the broker."""
    account = connected(alice)
    trade = make_plan(account)
    given = order_from_trade(owner=alice, trade_id=trade.pk)
    order = order_create(owner=alice, given=given, creation_key=uuid4(), now=NOW)
    at_broker(order, status="filled", filled_quantity=d(200), done_at=NOW)
    for leg in order.legs.all():
        at_broker(leg)
    held(account, 200)
    return account


def ended(account, **columns) -> None:
    """The broker has cancelled what it was asked to."""
    asked = Order.objects.filter(account=account, cancel_asked_at__isnull=False)
    asked.update(status="cancelled", done_at=NOW, **columns)


def test_a_close_leaves_when_the_exits_before_it_are_gone(alice: User) -> None:
    account = open_position(alice)
    order = position_close(owner=alice, account_id=account.pk, symbol="AAPL", creation_key=uuid4(), now=NOW)
    assert orders_release(NOW) == []
    ended(account)
    assert orders_release(NOW) == [order.pk]
    order.refresh_from_db()
    assert (order.status, order.quantity, order.reason_code) == ("new", d(200), "")


def test_a_part_and_the_protection_of_the_rest_leave_together(alice: User) -> None:
    account = open_position(alice)
    part = position_close(
        owner=alice, account_id=account.pk, symbol="AAPL", quantity=d(80), creation_key=uuid4(), now=NOW
    )
    ended(account)
    released = orders_release(NOW)
    assert len(released) == 2
    assert released[0] == part.pk
    rest = Order.objects.get(pk=released[1])
    assert (rest.order_class, rest.quantity, rest.status) == ("oco", d(120), "new")


def test_a_close_whose_stop_was_faster_has_nothing_left_to_close(alice: User) -> None:
    account = open_position(alice)
    order = position_close(owner=alice, account_id=account.pk, symbol="AAPL", creation_key=uuid4(), now=NOW)
    ended(account)
    BrokerPosition.objects.all().delete()
    assert orders_release(NOW) == []
    order.refresh_from_db()
    assert (order.status, order.reason_code) == ("cancelled", "nothing_left")


def test_a_close_sells_no_more_than_is_left(alice: User) -> None:
    account = open_position(alice)
    order = position_close(owner=alice, account_id=account.pk, symbol="AAPL", creation_key=uuid4(), now=NOW)
    ended(account)
    BrokerPosition.objects.update(quantity=d(150))
    assert orders_release(NOW) == [order.pk]
    order.refresh_from_db()
    assert order.quantity == d(150)


def test_a_fill_that_no_fill_tells_yet_counts_before_more_is_sold(alice: User) -> None:
    account = open_position(alice)
    order = position_close(owner=alice, account_id=account.pk, symbol="AAPL", creation_key=uuid4(), now=NOW)
    ended(account)
    later = NOW + timedelta(seconds=1)
    stop = Order.objects.get(role="stop_loss")
    Order.objects.filter(pk=stop.pk).update(status="filled", filled_quantity=d(200), reported_at=later)
    assert orders_release(NOW) == []
    order.refresh_from_db()
    assert (order.status, order.reason_code) == ("cancelled", "nothing_left")
