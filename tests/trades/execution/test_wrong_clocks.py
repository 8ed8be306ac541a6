"""What a clock that was ahead has written into the rows is not waited for: other hosts go on with their own time."""

from datetime import timedelta

import pytest

from brokers.base import PositionReport
from brokers.mock.book import Book, Outcome
from brokers.models import BrokerConnection, BrokerPosition
from brokers.services.leases import LEASE, leases_take
from brokers.services.schedule import CLAIM, claimed, polls_take, syncs_take
from tests.trades.execution.recording_kit import NOW, D, book, desk, fresh, later, order_of
from trades.execution.cancel import cancels_to_send
from trades.execution.doubts import doubts_due, doubts_resolve
from trades.execution.standing import positions_write
from trades.execution.submit import submitting_sweep
from trenddojo.domain.instruments import AssetClass

pytestmark = pytest.mark.django_db

__all__ = ["book", "desk"]

AHEAD = NOW + timedelta(hours=1)


def test_turns_that_lie_far_ahead_are_due(desk: BrokerConnection) -> None:
    every = BrokerConnection.objects.all()
    assert syncs_take(now=AHEAD, limit=10) == polls_take(every, now=AHEAD, limit=10) == [desk.pk]
    assert syncs_take(now=NOW, limit=10) == polls_take(every, now=NOW, limit=10) == [desk.pk]
    assert syncs_take(now=NOW, limit=10) == polls_take(every, now=NOW, limit=10) == []


def test_claims_and_leases_that_lie_far_ahead_hold_nothing(desk: BrokerConnection) -> None:
    BrokerConnection.objects.update(claimed_until=AHEAD, stream_owner="gone", stream_leased_until=AHEAD)
    assert leases_take(owner="me", brokers=["mock"], now=NOW, limit=1) == [desk.pk]
    assert leases_take(owner="you", brokers=["mock"], now=NOW + LEASE / 2, limit=1) == []
    with claimed(desk.pk) as mine, claimed(desk.pk) as other:
        assert (mine, other) == (desk, None)
    BrokerConnection.objects.update(claimed_until=NOW + CLAIM)


def test_a_sender_whose_clock_was_ahead_is_missed(desk: BrokerConnection) -> None:
    order = order_of(desk, status="submitting", claimed_at=AHEAD)
    assert submitting_sweep(NOW) == [order.pk]
    assert fresh(order).status == "in_doubt"


def test_a_doubt_from_ahead_is_asked_about_at_once_and_proven_in_true_time(desk: BrokerConnection, book: Book) -> None:
    order = order_of(desk, status="in_doubt", claimed_at=AHEAD, doubted_at=AHEAD, asked_at=AHEAD, asked_count=2)
    book.script("order", *[Outcome.NOT_FOUND_YET] * 5)
    assert doubts_due(NOW, 10) == [order.pk]
    doubts_resolve(order.pk, now=NOW)
    kept = fresh(order)
    assert (kept.status, kept.doubted_at, kept.asked_count) == ("in_doubt", NOW, 0)
    for seconds in (2, 12, 32):
        assert fresh(order).status == "in_doubt"
        doubts_resolve(order.pk, now=later(seconds))
    # The mock broker refuses a second order under the same id: it may be sent again.
    assert fresh(order).status == "new"


def test_a_cancellation_asked_from_ahead_is_asked_again(desk: BrokerConnection) -> None:
    order = order_of(desk, status="cancelling", broker_order_id="b-1", cancel_asked_at=NOW, asked_at=AHEAD)
    assert cancels_to_send(later(1), 10) == [order.pk]


def test_positions_told_from_ahead_do_not_outlive_the_true_ones(desk: BrokerConnection) -> None:
    ours = BrokerConnection.objects.filter(pk=desk.pk)
    positions_write(desk, [held("AAPL", 5), held("IBM", 5)], as_of=AHEAD + timedelta(days=3650))
    ours.update(last_sync=AHEAD + timedelta(days=3650))
    positions_write(fresh(desk), [held("AAPL", 7)], as_of=NOW)
    assert list(BrokerPosition.objects.values_list("symbol", "quantity")) == [("AAPL", 7)]
    # A sync that was overtaken is still no news.
    ours.update(last_sync=later(1))
    positions_write(fresh(desk), [held("AAPL", 9)], as_of=NOW)
    assert list(BrokerPosition.objects.values_list("symbol", "quantity")) == [("AAPL", 7)]


def held(symbol: str, quantity: int) -> PositionReport:
    return PositionReport(symbol, AssetClass.STOCK, D(quantity), D(100))
