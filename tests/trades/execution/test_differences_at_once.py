"""Two processes that find the same difference at the same moment tell of it once."""

import threading
from datetime import timedelta
from typing import Any

import pytest

from accounts.models import Notification
from brokers.mock.book import Book
from brokers.models import BrokerConnection
from tests.trades.execution.recording_kit import NOW, book, desk, fresh, later
from tests.trades.execution.test_at_once_orders import at_once
from tests.trades.execution.test_sync import elsewhere, sync
from trades.execution import differences
from trades.models import Fill, Trade

__all__ = ["book", "desk"]
pytestmark = pytest.mark.django_db(transaction=True)


def test_a_difference_two_processes_find_is_told_once(
    desk: BrokerConnection, book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    for symbol in ("AAPL", "IBM"):
        elsewhere(book, symbol)
    sync(desk)
    Fill.objects.update(executed_at=NOW - timedelta(minutes=5))
    Trade.objects.update(quantity=8, open_quantity=8)
    both, read = threading.Barrier(2), differences.occasions_open
    waited: set[int] = set()

    def open_to_both(*given: Any) -> set[str]:
        found = read(*given)
        # Both have looked before either tells.
        if threading.get_ident() not in waited:
            waited.add(threading.get_ident())
            both.wait(10)
        return found

    monkeypatch.setattr(differences, "occasions_open", open_to_both)
    at_once(*[lambda: differences.differences_tell(fresh(desk), now=later(61))] * 2)

    told = Notification.objects.get(kind="position", in_app=True)
    assert told.text == "AAPL: broker 10, journal 8; IBM: broker 10, journal 8"
