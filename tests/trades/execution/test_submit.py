"""Sending an order: one order at the broker for each intent, and an outcome written down for each attempt."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext

from accounts.models import Notification, User
from brokers.base import OrderRequest
from brokers.mock.adapter import MockAdapter
from brokers.mock.book import Book, Outcome
from brokers.models import BrokerConnection
from brokers.registry import adapter_for
from tests.trades.execution.recording_kit import NOW, D, book, desk, events, fresh, later, order_of, plan_of
from trades.execution.shapes import request_of
from trades.execution.submit import SEND_TIMEOUT, order_submit, orders_to_submit, submitting_sweep
from trades.execution.transitions import transition
from trades.models import Order
from trenddojo.domain.order_state import OrderFact
from trenddojo.domain.orders import OrderType

pytestmark = pytest.mark.django_db

__all__ = ["book", "desk"]


class Killed(BaseException):
    """The process is gone at this point."""


def sent(book: Book) -> int:
    return book.calls.count("submit")


def told(order: Order) -> list[tuple[str, str]]:
    return list(Notification.objects.filter(key__startswith=f"order:{order.pk}").values_list("kind", "title"))


def test_an_order_is_sent_and_becomes_what_the_broker_says(desk: BrokerConnection, book: Book) -> None:
    book.script("submit", Outcome.ACCEPT)
    order = order_of(desk)
    order_submit(order.pk, now=NOW)
    kept = fresh(order)
    assert (kept.status, kept.broker_order_id, kept.submitted_at) == ("accepted", "mock-1", NOW)
    assert events(order) == [("claim", "new", "submitting"), ("accept", "submitting", "accepted")]
    assert book.orders["mock-1"].client_order_id == order.client_order_id


@pytest.mark.django_db(transaction=True)
def test_the_claim_is_awaited_on_the_disk_and_the_answer_is_not(desk: BrokerConnection, book: Book) -> None:
    book.script("submit", Outcome.ACCEPT)
    order = order_of(desk)
    with steps_noting_what_they_wait_for() as noted:
        order_submit(order.pk, now=NOW)
    assert noted == [("submitting", "on"), ("accepted", "off")]


@contextmanager
def steps_noting_what_they_wait_for() -> Iterator[list[tuple[str, str]]]:
    noted: list[tuple[str, str]] = []
    with database.cursor() as cursor:
        cursor.execute("SET synchronous_commit = on")
        cursor.execute(_NOTING)
        try:
            yield noted
            cursor.execute("SELECT status, awaited FROM noted ORDER BY number")
            noted += cursor.fetchall()
        finally:
            cursor.execute("DROP TRIGGER noting ON orders; DROP FUNCTION noting(); DROP TABLE noted")
            cursor.execute("RESET synchronous_commit")


_NOTING = """
CREATE TABLE noted (number serial, status text, awaited text);
CREATE FUNCTION noting() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO noted (status, awaited) VALUES (new.status, current_setting('synchronous_commit'));
    RETURN NULL;
END $$;
CREATE TRIGGER noting AFTER UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION noting();
"""


def test_a_bracket_binds_its_legs_and_its_plan_waits(desk: BrokerConnection, book: Book) -> None:
    book.script("submit", Outcome.ACCEPT)
    plan = plan_of(desk)
    order = order_of(desk, trade=plan, stop_loss="95", take_profit="110")
    order_submit(order.pk, now=NOW)
    legs = {leg.role: (leg.status, leg.broker_order_id) for leg in order.legs.all()}
    assert legs == {"take_profit": ("accepted", "mock-2"), "stop_loss": ("accepted", "mock-3")}
    plan = fresh(plan)
    assert (plan.status, plan.broker, plan.broker_order_id) == ("pending", "mock", "mock-1")
    assert (plan.broker_sync_status, plan.version) == ("pending", 2)


def test_an_order_sent_twice_is_at_the_broker_once(desk: BrokerConnection, book: Book) -> None:
    order = order_of(desk)
    order_submit(order.pk, now=NOW)
    order_submit(order.pk, now=NOW)
    assert sent(book) == 1
    assert fresh(order).status == "filled"


def test_a_claim_to_outcome_takes_at_most_ten_queries(desk: BrokerConnection, book: Book) -> None:
    book.script("submit", Outcome.ACCEPT, Outcome.ACCEPT)
    order_submit(order_of(desk).pk, now=NOW)
    order = order_of(desk, trade=plan_of(desk), stop_loss="95", take_profit="110")
    with CaptureQueriesContext(database) as queries:
        order_submit(order.pk, now=NOW)
    assert fresh(order).status == "accepted"
    assert len(queries) <= 10, "\n".join(query["sql"][:150] for query in queries)


def test_a_plain_order_takes_three_queries(desk: BrokerConnection, book: Book) -> None:
    book.script("submit", Outcome.ACCEPT)
    order = order_of(desk)
    with CaptureQueriesContext(database) as queries:
        order_submit(order.pk, now=NOW)
    assert (fresh(order).status, len(queries)) == ("accepted", 3)


def test_a_refusal_rejects_with_the_brokers_numbers(desk: BrokerConnection, book: Book) -> None:
    book.script("submit", Outcome.REJECT)
    plan = plan_of(desk)
    order = order_of(desk, trade=plan, stop_loss="95")
    order_submit(order.pk, now=NOW)
    kept = fresh(order)
    assert (kept.status, kept.reason_code, kept.done_at) == ("rejected", "insufficient_buying_power", kept.done_at)
    assert kept.done_at is not None
    assert order.events.last().detail["figures"] == {"buying_power": "80000"}
    assert [leg.status for leg in order.legs.all()] == ["rejected"]
    assert (fresh(plan).status, fresh(plan).broker_sync_status) == ("planned", "error")
    assert told(order) == [("order_rejected", "AAPL: order rejected")]


def test_a_closed_market_queues_the_order_until_it_opens(desk: BrokerConnection, book: Book) -> None:
    book.is_open = False
    order = order_of(desk)
    order_submit(order.pk, now=NOW)
    kept = fresh(order)
    assert (kept.status, kept.send_after) == ("queued", NOW + timedelta(days=1))
    assert told(order) == [("order_queued", "AAPL: order waits for the open")]


def test_what_the_broker_cannot_do_is_denied_and_nothing_is_sent(
    desk: BrokerConnection, book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = order_of(desk)
    monkeypatch.setattr(
        MockAdapter, "capabilities", replace(MockAdapter.capabilities, order_types=frozenset({OrderType.STOP}))
    )
    order_submit(order.pk, now=NOW)
    assert fresh(order).status == "denied"
    assert book.orders == {}


def test_refused_keys_leave_the_order_as_it_was_and_disable_the_connection(desk: BrokerConnection, book: Book) -> None:
    book.script("submit", Outcome.BAD_KEY)
    order = order_of(desk)
    order_submit(order.pk, now=NOW)
    assert fresh(order).status == "new"
    assert (fresh(desk).is_active, fresh(desk).status) == (False, "disabled")
    order_submit(order.pk, now=later(60))
    assert sent(book) == 1
    assert orders_to_submit(later(60), 10) == []


def test_a_rate_limit_sends_the_order_again_when_it_may(desk: BrokerConnection, book: Book) -> None:
    book.script("submit", Outcome.RATE_LIMITED)
    order = order_of(desk)
    order_submit(order.pk, now=NOW)
    kept = fresh(order)
    assert kept.status == "new"
    order_submit(order.pk, now=kept.send_after - timedelta(seconds=1))
    assert sent(book) == 1
    assert orders_to_submit(kept.send_after - timedelta(seconds=1), 10) == []
    assert orders_to_submit(kept.send_after, 10) == [order.pk]
    order_submit(order.pk, now=kept.send_after)
    assert fresh(order).status == "filled"


@pytest.mark.parametrize("outcome", [Outcome.TIMEOUT_BEFORE, Outcome.TIMEOUT_AFTER])
def test_without_an_answer_the_order_is_in_doubt_and_not_sent_again(
    desk: BrokerConnection, book: Book, outcome: Outcome
) -> None:
    book.script("submit", outcome)
    order = order_of(desk)
    order_submit(order.pk, now=NOW)
    kept = fresh(order)
    assert (kept.status, kept.asked_count) == ("in_doubt", 0)
    assert kept.doubted_at is not None
    assert told(order) == [("order_in_doubt", "AAPL: nobody knows whether the order arrived")]
    order_submit(order.pk, now=later(600))
    assert sent(book) == 1


def test_whatever_breaks_after_the_claim_is_a_doubt(
    desk: BrokerConnection, book: Book, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def breaks(adapter: MockAdapter, request: OrderRequest) -> None:
        raise ValueError("an answer nobody can read")

    monkeypatch.setattr(MockAdapter, "submit", breaks)
    order = order_of(desk)
    order_submit(order.pk, now=NOW)
    assert fresh(order).status == "in_doubt"
    assert "order.outcome.unexpected" in caplog.text


def test_a_sender_killed_on_the_way_leaves_an_order_in_doubt(
    desk: BrokerConnection, book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    order, young = order_of(desk), order_of(desk, symbol="MSFT")
    submit = MockAdapter.submit

    def killed(adapter: MockAdapter, request: OrderRequest) -> None:
        submit(adapter, request)
        raise Killed

    monkeypatch.setattr(MockAdapter, "submit", killed)
    for one, at in ((order, NOW), (young, later(30))):
        with pytest.raises(Killed):
            order_submit(one.pk, now=at)
    assert fresh(order).status == "submitting"
    assert submitting_sweep(NOW + SEND_TIMEOUT + timedelta(seconds=1)) == [order.pk]
    assert (fresh(order).status, fresh(young).status) == ("in_doubt", "submitting")


def test_the_same_order_under_a_known_id_is_adopted(desk: BrokerConnection, book: Book) -> None:
    order = order_of(desk, limit="99")
    adapter_for(desk).submit(request_of(order, []))
    order_submit(order.pk, now=NOW)
    assert (fresh(order).status, fresh(order).broker_order_id) == ("filled", "mock-1")
    assert len(book.orders) == 1


def test_another_order_under_a_known_id_is_not_taken_for_ours(desk: BrokerConnection, book: Book) -> None:
    order = order_of(desk)
    other = request_of(order, [])
    book.add(replace(other, terms=replace(other.terms, quantity=D(7))))
    order_submit(order.pk, now=NOW)
    assert (fresh(order).status, fresh(order).reason_code, fresh(order).broker_order_id) == ("rejected", "id_taken", "")


def test_a_known_id_that_cannot_be_found_is_a_doubt(
    desk: BrokerConnection, book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = order_of(desk)
    book.add(request_of(order, []))
    monkeypatch.setattr(MockAdapter, "order", lambda adapter, ref: None)
    order_submit(order.pk, now=NOW)
    assert fresh(order).status == "in_doubt"


def test_a_known_id_that_cannot_be_asked_for_is_a_doubt(desk: BrokerConnection, book: Book) -> None:
    order = order_of(desk)
    book.add(request_of(order, []))
    book.script("order", Outcome.UNREACHABLE)
    order_submit(order.pk, now=NOW)
    assert (fresh(order).status, order.events.last().detail["code"]) == ("in_doubt", "duplicate")


def test_a_broker_the_desk_cannot_speak_to_is_said_so(desk: BrokerConnection, book: Book) -> None:
    BrokerConnection.objects.filter(pk=desk.pk).update(broker="schwab")
    order = order_of(desk)
    order_submit(order.pk, now=NOW)
    assert (fresh(order).status, fresh(order).reason_code) == ("denied", "unknown_broker")


def test_what_was_cancelled_before_it_left_never_leaves(desk: BrokerConnection, book: Book) -> None:
    order = order_of(desk, cancel_asked_at=NOW)
    order_submit(order.pk, now=NOW)
    assert (fresh(order).status, fresh(order).reason_code) == ("cancelled", "cancelled_before_sending")
    assert sent(book) == 0


def test_an_order_past_its_time_lapses(desk: BrokerConnection, book: Book) -> None:
    order = order_of(desk, send_before=NOW)
    order_submit(order.pk, now=NOW)
    assert fresh(order).status == "expired"
    assert sent(book) == 0


def test_a_halted_account_sends_exits_only(desk: BrokerConnection, book: Book) -> None:
    desk.account.halted_at = NOW
    desk.account.save()
    entry, out = order_of(desk), order_of(desk, side="sell", is_reducing=True, role="exit")
    order_submit(entry.pk, now=NOW)
    order_submit(out.pk, now=NOW)
    assert (fresh(entry).status, fresh(entry).reason_code) == ("denied", "halted")
    assert fresh(out).status == "filled"


def test_a_live_order_leaves_only_while_live_trading_is_on(
    desk: BrokerConnection, book: Book, settings: object
) -> None:
    settings.ENABLE_BROKER_INTEGRATIONS = True
    BrokerConnection.objects.filter(pk=desk.pk).update(is_paper=False)
    disarmed = order_of(desk)
    order_submit(disarmed.pk, now=NOW)
    assert (fresh(disarmed).status, fresh(disarmed).reason_code) == ("denied", "not_armed")
    BrokerConnection.objects.filter(pk=desk.pk).update(live_armed_at=NOW, live_used_at=NOW)
    armed = order_of(desk)
    order_submit(armed.pk, now=later(1))
    assert fresh(armed).status == "filled"


def test_keys_that_cannot_be_opened_send_nothing(desk: BrokerConnection, book: Book) -> None:
    BrokerConnection.objects.filter(pk=desk.pk).update(credentials="torn")
    order = order_of(desk)
    order_submit(order.pk, now=NOW)
    assert (fresh(order).status, fresh(order).send_after) == ("new", later(300))


def test_exits_are_sent_first(desk: BrokerConnection) -> None:
    entry = order_of(desk)
    out = order_of(desk, side="sell", is_reducing=True, role="exit")
    order_of(desk, send_after=later(60))
    assert orders_to_submit(NOW, 10) == [out.pk, entry.pk]


def test_a_cancellation_wished_on_the_way_is_asked_for_afterwards(
    desk: BrokerConnection, book: Book, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    book.script("submit", Outcome.ACCEPT)
    order = order_of(desk)
    submit = MockAdapter.submit

    def wished(adapter: MockAdapter, request: OrderRequest) -> object:
        own = Order.objects.get(pk=order.pk)
        transition(own, OrderFact.ASK_CANCEL, source="trader", at=NOW, cancel_asked_at=NOW)
        return submit(adapter, request)

    monkeypatch.setattr(MockAdapter, "submit", wished)
    order_submit(order.pk, now=NOW)
    assert [fact for fact, *_ in events(order)] == ["claim", "ask_cancel", "accept", "ask_cancel"]
    assert fresh(order).status == "cancelling"
