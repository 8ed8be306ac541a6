"""What nobody reads any more goes; what figures stand on stays."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal as D

from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session

from accounts.models import Notification, Webhook, WebhookDelivery
from brokers.models import AccountSnapshot, Bar, BarSpan, Quote
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


def test_notifications_nobody_ever_read_go_after_two_years(alice) -> None:
    for key, days in (("young", 700), ("old", 740)):
        kept = Notification.objects.create(user=alice, kind="risk", key=key, title="Title", text="Text")
        Notification.objects.filter(pk=kept.pk).update(created_at=NOW - timedelta(days=days))

    assert records_clean(now=NOW)["notifications"] == 1
    assert list(Notification.objects.values_list("key", flat=True)) == ["young"]


def test_messages_to_webhooks_go_a_month_after_they_were_sent_or_given_up(alice) -> None:
    hook = Webhook.objects.create(user=alice, url="https://example.com/", secret="sealed")
    for state, days in (("delivered", 31), ("failed", 31), ("waiting", 31), ("delivered", 29)):
        made = WebhookDelivery.objects.create(
            webhook=hook, type=f"{state}.{days}", state=state, body={}, next_attempt_at=NOW
        )
        WebhookDelivery.objects.filter(pk=made.pk).update(created_at=NOW - timedelta(days=days))

    assert records_clean(now=NOW)["deliveries"] == 2
    assert set(WebhookDelivery.objects.values_list("type", flat=True)) == {"waiting.31", "delivered.29"}


def test_sessions_that_are_over_go_with_the_sign_ins_that_made_them(alice) -> None:
    for key, days in (("over", -1), ("open", 1)):
        Session.objects.create(session_key=key, session_data="", expire_date=NOW + timedelta(days=days))
        given = {"session_key": key, "ip": "127.0.0.1", "user_agent": "", "data": {}, "last_seen_at": NOW}
        kept = UserSession.objects.create(user=alice, **given)
        UserSession.objects.filter(pk=kept.pk).update(created_at=NOW - timedelta(days=20))

    assert records_clean(now=NOW)["sessions"] == 1
    assert list(UserSession.objects.values_list("session_key", flat=True)) == ["open"]


def test_bars_of_minutes_go_after_two_years_and_are_not_taken_for_quiet_minutes(alice) -> None:
    old, new = NOW - timedelta(days=731), NOW - timedelta(days=729)
    for timeframe in ("1Min", "1Day"):
        for start in (old, new):
            prices = dict.fromkeys(("open", "high", "low", "close", "volume"), D(1))
            Bar.objects.create(feed="alpaca", symbol="SPY", timeframe=timeframe, start=start, **prices)
        BarSpan.objects.create(feed="alpaca", symbol="SPY", timeframe=timeframe, start=old, end=NOW)

    assert records_clean(now=NOW)["bars"] == 1

    assert set(Bar.objects.values_list("timeframe", "start")) == {("1Min", new), ("1Day", old), ("1Day", new)}
    assert set(BarSpan.objects.values_list("timeframe", "start", "end")) == {
        ("1Min", NOW - timedelta(days=730), NOW),
        ("1Day", old, NOW),
    }


def test_bars_are_kept_for_ever_where_the_setting_says_so(db, settings) -> None:
    settings.KEEP_BARS_DAYS = 0
    prices = dict.fromkeys(("open", "high", "low", "close", "volume"), D(1))
    Bar.objects.create(feed="alpaca", symbol="SPY", timeframe="1Min", start=NOW - timedelta(days=9_000), **prices)

    assert records_clean(now=NOW)["bars"] == 0
