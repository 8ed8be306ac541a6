"""What nobody reads any more goes; what figures stand on stays."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal as D

from accounts.models import Notification
from brokers.models import AccountSnapshot, Quote
from brokers.services.cleaning import records_clean
from tests.factories import make_account, make_connection

NOW = datetime(2026, 3, 20, 15, 0, tzinfo=UTC)


def test_old_snapshots_are_thinned_to_the_last_of_each_day_and_connection(alice) -> None:
    connections = [make_connection(make_account(alice, name)) for name in ("One", "Two")]
    old = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)
    for connection in connections:
        for at in (old, old + timedelta(hours=3), old + timedelta(days=1), NOW - timedelta(days=2), NOW):
            AccountSnapshot.objects.create(
                connection=connection, at=at, equity=D(100), cash=D(100), buying_power=D(100)
            )
    assert records_clean(now=NOW)["snapshots"] == 2
    for connection in connections:
        assert list(connection.snapshots.order_by("at").values_list("at", flat=True)) == [
            old + timedelta(hours=3),
            old + timedelta(days=1),
            NOW - timedelta(days=2),
            NOW,
        ]
    assert records_clean(now=NOW)["snapshots"] == 0


def test_a_day_that_is_half_within_the_kept_time_is_kept_whole(alice) -> None:
    connection = make_connection(make_account(alice))
    for hour in (1, 14, 16):
        AccountSnapshot.objects.create(
            connection=connection, at=datetime(2026, 3, 13, hour, tzinfo=UTC), equity=D(1), cash=D(1), buying_power=D(1)
        )
    assert records_clean(now=NOW)["snapshots"] == 0


def test_quotes_nobody_asked_for_in_a_month_and_old_read_notifications_go(alice) -> None:
    for symbol, received_at in (("OLD", NOW - timedelta(days=31)), ("NEW", NOW)):
        Quote.objects.create(feed="alpaca", symbol=symbol, bid=D(1), ask=D(2), at=received_at, received_at=received_at)
    for key, read_at in (("read", NOW), ("unread", None)):
        notification = Notification.objects.create(
            user=alice, kind="risk", key=key, title="Title", text="Text", read_at=read_at
        )
        Notification.objects.filter(pk=notification.pk).update(created_at=NOW - timedelta(days=200))
    found = records_clean(now=NOW)
    assert (found["quotes"], found["notifications"]) == (1, 1)
    assert list(Quote.objects.values_list("symbol", flat=True)) == ["NEW"]
    assert list(Notification.objects.values_list("key", flat=True)) == ["unread"]
