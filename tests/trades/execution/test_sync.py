"""A connection's whole cycle: orders, executions, positions, the account, money that moved."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext

from accounts.models import CashMovement, Notification
from accounts.services.notifications import Choice, choices_save
from brokers.base import CashReport
from brokers.mock.adapter import MockAdapter
from brokers.mock.book import Book, Outcome
from brokers.models import AccountSnapshot, BrokerConnection, BrokerPosition
from tests.trades.execution.recording_kit import NOW, D, book, desk, fresh, later, order_of, plan_of
from trades.execution.reconcile import PAUSE
from trades.execution.submit import order_submit
from trades.execution.sync import connection_sync
from trades.models import Fill, Order, Trade
from trenddojo.domain.fills import Side
from trenddojo.domain.order_state import OrderState
from trenddojo.domain.orders import OrderTerms, OrderType

pytestmark = pytest.mark.django_db

__all__ = ["book", "desk"]


def sync(desk: BrokerConnection, seconds: float = 60) -> Any:
    return connection_sync(fresh(desk), now=later(seconds))


def accepted(desk: BrokerConnection, book: Book, **given: Any) -> Order:
    book.script("submit", Outcome.ACCEPT)
    order = order_of(desk, **given)
    order_submit(order.pk, now=NOW)
    Order.objects.filter(pk=order.pk).update(updated_at=NOW)
    return fresh(order)


def elsewhere(book: Book, symbol: str = "AAPL", quantity: str = "10", side: Side = Side.BUY) -> str:
    """An order made at the broker's own pages, filled."""
    report = book.place_external(OrderTerms(symbol, side, OrderType.MARKET, D(quantity)))
    book.fill(report.broker_order_id)
    return report.broker_order_id


def resting_elsewhere(book: Book, side: Side, symbol: str = "AAPL") -> str:
    """One that waits there for its price."""
    terms = OrderTerms(symbol, side, OrderType.LIMIT, D(3), limit_price=D(140))
    return book.place_external(terms).broker_order_id


def test_a_sync_keeps_what_the_broker_says(desk: BrokerConnection, book: Book) -> None:
    elsewhere(book)
    assert sync(desk) is not None
    snapshot = AccountSnapshot.objects.get()
    assert (snapshot.equity, snapshot.cash, snapshot.buying_power) == (100_000, 20_000, 80_000)
    position = BrokerPosition.objects.get()
    assert (position.symbol, position.quantity, position.average_price, position.as_of) == ("AAPL", 10, 100, later(60))
    assert (fresh(desk).last_sync, fresh(desk).status) == (later(60), "connected")


def test_orders_and_executions_made_elsewhere_are_taken_into_the_journal(desk: BrokerConnection, book: Book) -> None:
    elsewhere(book)
    result = sync(desk)
    order, trade = Order.objects.get(), Trade.objects.get()
    assert (order.origin, order.status, order.role, order.trade_id) == ("external", "filled", "entry", trade.pk)
    assert (trade.status, trade.quantity, trade.broker_sync_status) == ("active", 10, "imported")
    assert trade.broker_order_id == order.broker_order_id
    assert (result.booked, result.differences) == (1, [])
    elsewhere(book, side=Side.SELL)
    sync(desk, 120)
    assert fresh(trade).status == "closed"
    assert BrokerPosition.objects.count() == 0


@pytest.mark.parametrize(("side", "role", "reserved"), [(Side.SELL, "exit", D(0)), (Side.BUY, "entry", D(420))])
def test_an_order_made_elsewhere_joins_a_position_of_the_same_list(
    desk: BrokerConnection, book: Book, side: Side, role: str, reserved: D
) -> None:
    elsewhere(book)
    rests = resting_elsewhere(book, side)
    sync(desk)
    order, trade = Order.objects.get(broker_order_id=rests), Trade.objects.get()
    assert (order.origin, order.status, order.role, order.trade_id) == ("external", "accepted", role, trade.pk)
    assert (order.is_reducing, order.reserved_value) == (role == "exit", reserved)
    # Those of other symbols and of nobody's position stay as they are.
    other = resting_elsewhere(book, side, "MSFT")
    sync(desk, 120)
    assert Order.objects.get(broker_order_id=other).trade_id is None


def test_what_is_synced_twice_is_there_once(desk: BrokerConnection, book: Book) -> None:
    elsewhere(book)
    book.cash.append(CashReport("c-1", "dividend", D("12.50"), NOW.date(), "AAPL", "Dividend"))
    sync(desk)
    BrokerConnection.objects.filter(pk=desk.pk).update(fills_cursor="", cash_cursor="", last_sync=None)
    sync(desk, 120)
    assert (Order.objects.count(), Fill.objects.count(), CashMovement.objects.count()) == (1, 1, 1)


@pytest.mark.parametrize(
    ("kind", "amount", "kept"),
    [
        ("deposit", "500", ("deposit", D(500))),
        ("withdrawal", "-500", ("withdrawal", D(500))),
        ("fee", "-0.35", ("charge", D("0.35"))),
        ("fee", "0.02", ("interest", D("0.02"))),
        ("dividend", "-3.10", ("charge", D("3.10"))),
        ("interest", "1.005", ("interest", D("1.01"))),
    ],
)
def test_money_that_moved_is_recorded_the_way_it_went(
    desk: BrokerConnection, book: Book, kind: str, amount: str, kept: tuple[str, D]
) -> None:
    book.cash.append(CashReport("c-1", kind, D(amount), NOW.date()))
    sync(desk)
    found = CashMovement.objects.get()
    assert (found.kind, found.amount, found.moved_on) == (*kept, NOW.date())


def test_money_from_before_the_journal_is_part_of_what_it_began_with(desk: BrokerConnection, book: Book) -> None:
    BrokerConnection.objects.filter(pk=desk.pk).update(journal_since=NOW)
    book.cash.append(CashReport("c-1", "deposit", D(500), NOW.date() - timedelta(days=1)))
    sync(desk)
    assert CashMovement.objects.count() == 0


@pytest.mark.parametrize(("booked", "count"), [(timedelta(minutes=-1), 0), (timedelta(minutes=1), 1)])
def test_on_the_first_day_the_moment_says_what_the_journal_began_with(
    desk: BrokerConnection, book: Book, booked: timedelta, count: int
) -> None:
    BrokerConnection.objects.filter(pk=desk.pk).update(journal_since=NOW)
    book.cash.append(CashReport("c-1", "deposit", D(500), NOW.date(), booked_at=NOW + booked))
    sync(desk)
    assert CashMovement.objects.count() == count


def test_refused_keys_disable_the_connection_and_change_nothing(desk: BrokerConnection, book: Book) -> None:
    order = accepted(desk, book)
    book.script("account", Outcome.BAD_KEY)
    assert sync(desk) is None
    assert (fresh(desk).is_active, fresh(order).status) == (False, "accepted")


def test_a_broker_out_of_reach_leaves_everything_as_it_was(desk: BrokerConnection, book: Book) -> None:
    order = accepted(desk, book)
    book.script("orders", Outcome.UNREACHABLE)
    assert sync(desk) is None
    assert (fresh(desk).is_active, fresh(desk).last_sync, fresh(order).status) == (True, None, "accepted")
    assert fresh(desk).status == "needs_attention"


def test_keys_of_another_account_are_not_followed(desk: BrokerConnection, book: Book) -> None:
    BrokerConnection.objects.filter(pk=desk.pk).update(broker_account_id="ANOTHER")
    elsewhere(book)
    assert sync(desk) is None
    assert (fresh(desk).is_active, Order.objects.count(), AccountSnapshot.objects.count()) == (False, 0, 0)


def test_a_fill_the_stream_lost_is_found(desk: BrokerConnection, book: Book) -> None:
    plan = plan_of(desk)
    order = accepted(desk, book, trade=plan)
    book.fill("mock-1")
    sync(desk)
    assert (fresh(order).status, fresh(plan).status) == ("filled", "active")


def test_an_order_the_list_leaves_out_is_asked_for(
    desk: BrokerConnection, book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = accepted(desk, book)
    monkeypatch.setattr(MockAdapter, "orders", lambda adapter, since=None: [])
    result = sync(desk)
    assert (result.asked, fresh(order).status) == (1, "accepted")
    book.end("mock-1", OrderState.EXPIRED)
    sync(desk, 120)
    assert fresh(order).status == "expired"


def test_an_order_just_touched_is_left_for_the_next_time(
    desk: BrokerConnection, book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    accepted(desk, book)
    monkeypatch.setattr(MockAdapter, "orders", lambda adapter, since=None: [])
    assert sync(desk, 3).asked == 0


def test_an_order_the_broker_forgot_ends_after_three_answers(desk: BrokerConnection, book: Book) -> None:
    order = accepted(desk, book)
    book.orders.clear()
    for times in (1, 2, 3):
        assert fresh(order).status == "accepted"
        sync(desk, times * (PAUSE.total_seconds() + 10))
    assert (fresh(order).status, fresh(order).reason_code) == ("cancelled", "gone")


def test_executions_the_cursor_has_passed_are_found_by_what_the_order_says(desk: BrokerConnection, book: Book) -> None:
    order = accepted(desk, book)
    book.fill("mock-1", D(30))
    late = book.fills.pop()
    BrokerConnection.objects.filter(pk=desk.pk).update(fills_cursor="000000009")
    sync(desk, 60)
    assert (fresh(order).filled_quantity, Fill.objects.count()) == (30, 0)
    book.fills.append(replace(late, executed_at=later(1)))
    sync(desk, 120)
    assert Fill.objects.get().quantity == 30


def test_a_difference_is_told_once_and_again_when_it_changes(desk: BrokerConnection, book: Book) -> None:
    elsewhere(book)
    sync(desk)
    Fill.objects.update(executed_at=NOW - timedelta(minutes=5))
    Trade.objects.update(quantity=8, open_quantity=8)
    for seconds in (120, 180):
        found = sync(desk, seconds).differences
        assert [(one.symbol, one.journal, one.broker) for one in found] == [("AAPL", 8, 10)]
    told = Notification.objects.filter(kind="position", key__contains="differ")
    assert [(one.title, one.text) for one in told] == [
        ("Desk: a position differs from the journal", "AAPL: broker 10, journal 8")
    ]
    Trade.objects.update(open_quantity=7)
    sync(desk, 240)
    assert told.all().count() == 2


def told_of_differences() -> list[tuple[str, str]]:
    told = Notification.objects.filter(kind="position", key__contains="differ", in_app=True).order_by("created_at")
    return [(one.title, one.text) for one in told]


def test_the_same_difference_is_told_again_when_it_comes_back(desk: BrokerConnection, book: Book) -> None:
    elsewhere(book)
    sync(desk)
    Fill.objects.update(executed_at=NOW - timedelta(minutes=5))
    for seconds, quantity in ((120, 8), (180, 8), (240, 10), (300, 8), (360, 8)):
        Trade.objects.update(quantity=quantity, open_quantity=quantity)
        sync(desk, seconds)

    assert told_of_differences() == [("Desk: a position differs from the journal", "AAPL: broker 10, journal 8")] * 2


def test_a_second_difference_does_not_tell_of_the_first_again(desk: BrokerConnection, book: Book) -> None:
    for symbol in ("AAPL", "IBM", "MSFT"):
        report = book.place_external(OrderTerms(symbol, Side.BUY, OrderType.MARKET, D(10)))
        book.fill(report.broker_order_id)
    sync(desk)
    Fill.objects.update(executed_at=NOW - timedelta(minutes=5))
    Trade.objects.exclude(symbol="MSFT").update(quantity=8, open_quantity=8)
    sync(desk, 120)
    Trade.objects.filter(symbol="MSFT").update(quantity=9, open_quantity=9)
    sync(desk, 180)

    assert told_of_differences() == [
        ("Desk: 2 positions differ from the journal", "AAPL: broker 10, journal 8; IBM: broker 10, journal 8"),
        ("Desk: a position differs from the journal", "MSFT: broker 10, journal 9"),
    ]
    Trade.objects.filter(symbol="IBM").update(quantity=10, open_quantity=10)
    sync(desk, 240)
    assert len(told_of_differences()) == 2


def test_who_hears_of_no_positions_is_told_when_they_choose_to(desk: BrokerConnection, book: Book) -> None:
    choices_save(user=desk.user, choices=[Choice("position", in_app=False, by_email=False)])
    elsewhere(book)
    sync(desk)
    Fill.objects.update(executed_at=NOW - timedelta(minutes=5))
    Trade.objects.update(quantity=8, open_quantity=8)
    sync(desk, 120)
    assert not Notification.objects.exists()
    choices_save(user=desk.user, choices=[Choice("position")])
    sync(desk, 180)

    assert told_of_differences() == [("Desk: a position differs from the journal", "AAPL: broker 10, journal 8")]


def test_a_position_without_a_stop_is_told_of_after_a_while(desk: BrokerConnection, book: Book) -> None:
    elsewhere(book)
    sync(desk, 60)
    assert not Notification.objects.filter(key__contains="bare").exists()
    sync(desk, 180)
    sync(desk, 240)
    assert Notification.objects.get(key__contains="bare").title == "Desk: a position has no working stop"


def test_a_position_with_its_bracket_is_in_order(desk: BrokerConnection, book: Book) -> None:
    accepted(desk, book, trade=plan_of(desk), stop_loss="95", take_profit="110")
    book.fill("mock-1")
    sync(desk, 180)
    sync(desk, 300)
    assert not Notification.objects.filter(kind="position").exists()


def test_five_hundred_of_everything_take_no_more_queries_than_fifty(desk: BrokerConnection, book: Book) -> None:
    def place(count: int) -> None:
        for number in range(count):
            report = book.place_external(OrderTerms(f"S{len(book.orders)}", Side.BUY, OrderType.MARKET, D(number + 1)))
            if number % 2:
                book.fill(report.broker_order_id)

    def queries_of(seconds: int) -> int:
        connection = BrokerConnection.objects.select_related("account", "user").get(pk=desk.pk)
        with CaptureQueriesContext(database) as queries:
            assert connection_sync(connection, now=later(seconds)) is not None
        return len(queries)

    place(2)
    queries_of(60)
    place(50)
    few = queries_of(120)
    place(450)
    many = queries_of(180)
    unchanged = queries_of(240)
    # One notification names them all, each is remembered, and nobody else tells meanwhile.
    assert many <= few + 8
    assert unchanged <= 25
    assert Order.objects.count() == 502


def test_the_broker_is_asked_a_fixed_number_of_times(desk: BrokerConnection, book: Book) -> None:
    accepted(desk, book)
    for _ in range(5):
        elsewhere(book)
    book.calls.clear()
    sync(desk)
    assert book.calls == ["account", "orders", "fills", "positions", "cash_movements"]


def test_keys_that_cannot_be_opened_are_told_and_change_nothing(desk: BrokerConnection, book: Book) -> None:
    order = accepted(desk, book)
    BrokerConnection.objects.filter(pk=desk.pk).update(credentials="torn")
    assert sync(desk) is None
    assert (fresh(desk).status, fresh(desk).is_active, fresh(order).status) == ("needs_attention", True, "accepted")
