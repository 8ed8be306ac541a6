"""The one place where a status changes."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection as database
from django.db import connections
from django.test.utils import CaptureQueriesContext

from accounts.models import Notification
from brokers.mock.book import Book
from brokers.models import BrokerConnection
from tests.trades.execution.recording_kit import NOW, D, book, desk, events, fresh, later, order_of, plan_of
from trades.execution.ledger import Step, steps_write
from trades.execution.submit import order_submit
from trades.execution.transitions import transition
from trades.models import Order, OrderEvent
from trenddojo.domain.order_state import OrderFact, OrderState

__all__ = ["book", "desk"]


@pytest.mark.django_db
def test_a_step_is_written_with_its_event(desk: BrokerConnection) -> None:
    order = order_of(desk)
    happened = transition(
        order, OrderFact.CLAIM, source="worker", at=NOW, detail={"attempt": 1}, happened_at=later(-1), raw_status="sent"
    )
    event = OrderEvent.objects.get()
    assert happened
    assert (order.status, order.version, order.claimed_at, order.raw_status) == ("submitting", 2, NOW, "sent")
    assert (fresh(order).status, fresh(order).version, fresh(order).updated_at) == ("submitting", 2, NOW)
    assert (event.fact, event.from_status, event.to_status, event.source) == ("claim", "new", "submitting", "worker")
    assert (event.at, event.happened_at, event.detail) == (NOW, later(-1), {"attempt": 1})


@pytest.mark.django_db
def test_what_the_table_does_not_know_does_not_happen(desk: BrokerConnection) -> None:
    order = order_of(desk, status="filled")
    assert not transition(order, OrderFact.CANCEL, source="poll", at=NOW)
    assert events(order) == []


@pytest.mark.django_db
def test_an_order_read_before_somebody_else_was_faster_is_read_again(desk: BrokerConnection) -> None:
    order = order_of(desk)
    old = fresh(order)
    assert transition(order, OrderFact.CLAIM, source="worker", at=NOW)
    assert not transition(old, OrderFact.CLAIM, source="worker", at=NOW)
    assert old.status == "submitting"
    assert transition(old, OrderFact.ACCEPT, source="stream", at=NOW)
    assert transition(order, OrderFact.FILL, source="poll", at=NOW, filled_quantity=D(100))
    assert [fact for fact, *_ in events(order)] == ["claim", "accept", "fill"]


@pytest.mark.django_db
def test_what_is_filled_never_becomes_less(desk: BrokerConnection) -> None:
    order = order_of(desk, status="partially_filled", filled_quantity=D(60), filled_average_price=D(100))
    less = {"filled_quantity": D(40), "filled_average_price": D(99)}
    assert transition(order, OrderFact.CANCEL, source="poll", at=NOW, **less)
    assert (fresh(order).status, fresh(order).filled_quantity, fresh(order).filled_average_price) == (
        "cancelled",
        60,
        100,
    )


@pytest.mark.django_db
def test_the_moments_of_an_order_are_kept(desk: BrokerConnection) -> None:
    order = order_of(desk)
    transition(order, OrderFact.CLAIM, source="worker", at=NOW)
    transition(order, OrderFact.ACCEPT, source="worker", at=later(1))
    transition(order, OrderFact.ASK_CANCEL, source="trader", at=later(2))
    transition(order, OrderFact.CANCEL, source="poll", at=later(3))
    transition(order, OrderFact.FILL, source="poll", at=later(4))
    kept = fresh(order)
    assert (kept.claimed_at, kept.submitted_at, kept.done_at, kept.filled_at) == (NOW, later(1), later(3), later(4))


@pytest.mark.django_db
def test_a_change_without_a_fact_leaves_no_trail(desk: BrokerConnection) -> None:
    order = order_of(desk)
    step = Step(order, OrderState.NEW, None, {"raw_status": "seen"})
    assert steps_write([step], source="poll", at=NOW) == {order.pk}
    assert (fresh(order).raw_status, events(order)) == ("seen", [])


@pytest.mark.django_db
def test_many_orders_are_written_at_once(desk: BrokerConnection) -> None:
    orders = [order_of(desk, symbol=f"S{number}") for number in range(30)]
    stale = fresh(orders[0])
    transition(orders[0], OrderFact.ABANDON, source="trader", at=NOW)
    rows = [stale, *orders[1:]]
    steps = [
        Step(row, OrderState.EXPIRED, "lapse", {"limit_price": D(n), "done_at": NOW}) for n, row in enumerate(rows)
    ]
    with CaptureQueriesContext(database) as queries:
        written = steps_write(steps, source="worker", at=NOW)
    assert (len(queries), written) == (1, {row.pk for row in orders[1:]})
    assert Order.objects.filter(status="expired", limit_price=29).count() == 1
    assert fresh(orders[0]).status == "cancelled"
    assert OrderEvent.objects.filter(fact="lapse").count() == 29


@pytest.mark.django_db
def test_legs_the_broker_never_showed_end_with_their_parent(desk: BrokerConnection) -> None:
    order = order_of(desk, stop_loss="95", take_profit="110")
    transition(order, OrderFact.ABANDON, source="trader", at=NOW)
    assert set(order.legs.values_list("status", "reason_code")) == {("cancelled", "parent_ended")}


@pytest.mark.django_db
def test_the_plan_follows_its_entry(desk: BrokerConnection) -> None:
    plan = plan_of(desk)
    order = order_of(desk, trade=plan)
    transition(order, OrderFact.CLAIM, source="worker", at=NOW)
    transition(order, OrderFact.ACCEPT, source="worker", at=NOW, broker_order_id="b-1")
    assert (fresh(plan).status, fresh(plan).broker_sync_status, fresh(plan).version) == ("pending", "pending", 2)
    transition(order, OrderFact.EXPIRE, source="poll", at=later(9))
    plan = fresh(plan)
    assert (plan.status, plan.broker_sync_status, plan.last_sync) == ("planned", "cancelled", later(9))
    assert (plan.broker, plan.broker_order_id) == ("mock", "b-1")


@pytest.mark.django_db
def test_what_the_trader_did_needs_no_telling(desk: BrokerConnection) -> None:
    one, other = order_of(desk), order_of(desk)
    transition(one, OrderFact.DENY, source="trader", at=NOW)
    transition(other, OrderFact.DENY, source="worker", at=NOW, reason_detail="The account is halted.")
    told = Notification.objects.get()
    assert (told.kind, told.title) == ("order_rejected", "AAPL: order not sent")
    assert told.text == "Buy 100 AAPL, limit 100.00 was not sent. The account is halted."
    assert told.path == f"/orders/{other.pk}/"


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_send_once(desk: BrokerConnection, book: Book) -> None:
    """The claim decides, however often and wherever the order is nudged."""
    orders = [order_of(desk, symbol=f"S{number}") for number in range(6)]
    start = Barrier(4)

    def work() -> None:
        try:
            start.wait()
            for order in orders:
                order_submit(order.pk, now=NOW)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(work) for _ in range(4)]:
            done.result()
    assert book.calls.count("submit") == 6
    assert {one.client_order_id for one in book.orders.values()} == {order.client_order_id for order in orders}
    assert set(Order.objects.values_list("status", flat=True)) == {"filled"}
    assert OrderEvent.objects.filter(fact="claim").count() == 6
