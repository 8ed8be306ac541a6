"""A worker that was stopped between its claim and the network must not act on what is long decided."""

from datetime import timedelta
from typing import Any

import pytest

from brokers.errors import Refused
from brokers.mock.adapter import MockAdapter
from brokers.mock.book import Book
from brokers.models import BrokerConnection
from tests.trades.execution.recording_kit import NOW, book, desk, fresh, later, order_of, report_of
from trades.execution import submit
from trades.execution.doubts import doubts_due, doubts_resolve
from trades.execution.submit import order_submit, submitting_sweep
from trades.execution.track import reports_apply
from trades.models import Order

pytestmark = pytest.mark.django_db

__all__ = ["book", "desk"]


def decided_without(order: Order) -> None:
    """What the others do about an order whose sender does not move: it ends as one that never arrived."""
    submitting_sweep(later(61))
    for second in range(61, 1400, 5):
        for key in doubts_due(later(second), 10):
            doubts_resolve(key, now=later(second))
        if fresh(order).status == "new":
            # Nobody is there to send it; the trader takes it back.
            Order.objects.filter(pk=order.pk).update(status="cancelled", done_at=later(second))


def test_a_sender_that_was_stopped_after_its_claim_sends_nothing_when_it_goes_on(
    desk: BrokerConnection, book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = order_of(desk)
    monotonic = submit.time.monotonic
    transition = submit.transition

    def stopped(*given: Any, **named: Any) -> bool:
        done = transition(*given, **named)
        # kill -STOP, and a quarter of an hour later kill -CONT.
        decided_without(order)
        monkeypatch.setattr(submit.time, "monotonic", lambda: monotonic() + 900)
        return done

    monkeypatch.setattr(submit, "transition", stopped)
    order_submit(order.pk, now=NOW)
    assert book.calls.count("submit") == 0
    assert fresh(order).status != "accepted"


def test_a_late_refusal_does_not_end_an_order_that_works(
    desk: BrokerConnection, book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = order_of(desk)

    def refuse(adapter: MockAdapter, request: Any) -> Any:
        # Another worker sent the same order meanwhile, and took the room.
        reports_apply(desk, [report_of(order)], source="poll", now=later(2))
        raise Refused("Insufficient buying power.", code="insufficient_buying_power")

    monkeypatch.setattr(MockAdapter, "submit", refuse)
    order_submit(order.pk, now=NOW)
    assert fresh(order).status == "accepted"


def test_the_time_to_send_ends_well_before_a_lost_sender_is_looked_for() -> None:
    assert submit.SEND_TIMEOUT - timedelta(seconds=20) > submit.SEND_WITHIN
