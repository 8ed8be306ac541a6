"""The row of facts: every change makes one, and their numbers are a place to go on from."""

import threading
from datetime import timedelta
from decimal import Decimal as D
from importlib import import_module

import pytest
from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone

from accounts.models import Event, Notification, NotificationKind, User
from accounts.selectors import events_after
from accounts.services.events import AT_ONCE, events_clean, events_number, events_settle
from accounts.services.notifications import notify
from brokers.models import BrokerPosition
from tests.factories import make_account, make_connection, make_plan
from trades.models import Order, Trade

WRITE = "INSERT INTO events (user_id, subject, action, object_id, detail) VALUES (%s, 'order', 'changed', %s, '{}')"
MANY = """INSERT INTO events (user_id, subject, action, object_id, detail)
    SELECT %s, 'order', 'changed', number::text, '{}' FROM generate_series(1, %s) AS number"""
LOCK = "SELECT pg_advisory_xact_lock(7203114915)"


@pytest.fixture
def other(transactional_db):
    """A connection of another process, inside a transaction."""
    link = connection.copy()
    link.set_autocommit(False)
    yield link
    link.close()


def write(link, user, name):
    with link.cursor() as cursor:
        cursor.execute(WRITE, [user.pk, name])


def numbered(after=0):
    return [event.object_id for event in events_after(after, most=10_000)]


def told(subject):
    """What was told of a subject, in order: action, id and detail."""
    found = Event.objects.filter(subject=subject).order_by("id")
    return list(found.values_list("action", "object_id", "detail"))


def make_order(account, **fields):
    given = {"symbol": "SPY", "side": "buy", "type": "market", "quantity": D(10), "client_order_id": "td-1"}
    return Order.objects.create(owner=account.owner, account=account, **(given | fields))


# --- numbers ----------------------------------------------------------------------------------------------------------


def test_what_commits_late_is_numbered_later_and_never_missed(other, alice):
    write(other, alice, "began first")
    write(connection, alice, "committed first")
    place = events_settle()
    assert numbered(place - 1) == ["committed first"]
    other.commit()
    events_settle()
    assert numbered(place) == ["began first"]
    assert list(Event.objects.order_by("id").values_list("object_id", flat=True)) == ["began first", "committed first"]


def test_while_one_process_numbers_another_does_not(other, alice):
    write(connection, alice, "a")
    with other.cursor() as cursor:
        cursor.execute(LOCK)
    assert events_number() == 0
    other.rollback()
    assert events_number() == 1
    assert events_number() == 0


def test_a_process_killed_while_it_numbers_holds_nobody_up(other, alice):
    write(connection, alice, "a")
    with other.cursor() as cursor:
        cursor.execute(LOCK)
        cursor.execute("UPDATE events SET seq = nextval('events_numbers')")
        cursor.execute("SELECT pg_backend_pid()")
        (process,) = cursor.fetchone()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [process])
    events_settle()
    assert numbered() == ["a"]


def test_rows_that_somebody_is_deleting_are_passed_over(other, alice):
    write(connection, alice, "a")
    with other.cursor() as cursor:
        cursor.execute("DELETE FROM events")
    write(connection, alice, "b")
    events_settle()
    assert numbered() == ["b"]
    other.rollback()
    events_settle()
    assert numbered() == ["b", "a"]


def test_a_backlog_is_numbered_whole_and_in_order(transactional_db, alice):
    most = AT_ONCE + 500
    with connection.cursor() as cursor:
        cursor.execute(MANY, [alice.pk, most])
    last = events_settle()
    assert numbered(last - most) == [str(number) for number in range(1, most + 1)]
    assert events_settle() == last


def writing(user, name):
    """Twenty-five transactions of one event."""
    for number in range(25):
        with transaction.atomic():
            write(connection, user, f"{name}-{number}")
    connection.close()


def numbering(until):
    while not until.is_set():
        events_number()
    connection.close()


def test_a_reader_beside_writers_and_another_numberer_misses_nothing_and_reads_nothing_twice(transactional_db, alice):
    place, found, written = events_settle(), [], threading.Event()
    writers = [threading.Thread(target=writing, args=(alice, name)) for name in "abcd"]
    beside = threading.Thread(target=numbering, args=(written,))
    for thread in [beside, *writers]:
        thread.start()
    last = None
    while last is None or place < last:
        events_number()
        read = events_after(place, most=7)
        found += [event.object_id for event in read]
        place = read[-1].seq if read else place
        if last is None and not any(writer.is_alive() for writer in writers):
            last = events_settle()
    written.set()
    beside.join()
    assert len(found) == 100
    for name in "abcd":
        assert [one for one in found if one.startswith(name)] == [f"{name}-{number}" for number in range(25)]


@pytest.mark.django_db
def test_old_events_go_from_the_first_on_and_leave_no_hole(alice):
    now = timezone.now()
    for number, days in enumerate((9, 8, 1, 8, 0)):
        write(connection, alice, str(number))
        Event.objects.filter(object_id=str(number)).update(at=now - timedelta(days=days))
    assert events_clean(now=now) == 2
    assert numbered() == ["2", "3", "4"]


# --- what makes one ---------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_an_order_tells_when_it_is_made_changed_and_deleted(alice):
    account = make_account(alice)
    order = make_order(account)
    key = str(order.pk)
    Order.objects.filter(pk=order.pk).update(status="accepted", filled_quantity=D("2.50"), version=F("version") + 1)
    Order.objects.filter(pk=order.pk).update(asked_count=3)
    order.delete()
    detail = {"account": str(account.pk), "trade": None, "symbol": "SPY", "status": "new"}
    changed = detail | {"status": "accepted", "filled_quantity": "2.5", "version": 2}
    assert told("order") == [
        ("created", key, detail | {"filled_quantity": "0", "version": 1}),
        ("changed", key, changed),
        ("deleted", key, changed),
    ]
    assert set(Event.objects.values_list("user", flat=True)) == {alice.pk}


@pytest.mark.django_db
def test_a_trade_tells_when_it_is_made_changed_and_deleted(alice):
    account = make_account(alice)
    trade = make_plan(account)
    key = str(trade.pk)
    Trade.objects.filter(pk=trade.pk).update(planned_r=D(3), version=F("version") + 1)
    Trade.objects.filter(pk=trade.pk).update(planned_r=D(4))
    Trade.objects.filter(pk=trade.pk).delete()
    detail = {"account": str(account.pk), "symbol": "AAPL", "status": "planned", "version": 1}
    later = detail | {"version": 2}
    assert told("trade") == [("created", key, detail), ("changed", key, later), ("deleted", key, later)]


@pytest.mark.django_db
def test_a_position_tells_of_its_quantity_and_not_of_every_price(alice):
    account = make_account(alice)
    position = BrokerPosition.objects.create(
        connection=make_connection(account),
        symbol="SPY",
        asset_class="stock",
        quantity=D(10),
        average_price=D(500),
        as_of=timezone.now(),
    )
    same = BrokerPosition.objects.filter(pk=position.pk)
    same.update(market_price=D(510))
    same.update(quantity=D(-4))
    position.delete()
    detail = {"account": str(account.pk), "symbol": "SPY"}
    assert told("position") == [
        ("created", "SPY", detail | {"quantity": "10"}),
        ("changed", "SPY", detail | {"quantity": "-4"}),
        ("deleted", "SPY", detail | {"quantity": "0"}),
    ]


@pytest.mark.django_db
def test_a_notification_tells_when_it_comes_and_is_read_and_one_sent_by_mail_only_does_not(alice):
    kind = NotificationKind.values[0]
    note = Notification.objects.create(user=alice, kind=kind, key="1", title="Filled", in_app=True)
    Notification.objects.create(user=alice, kind=kind, key="2", title="By mail", in_app=False)
    Notification.objects.update(read_at=timezone.now())
    Notification.objects.update(title="Filled")
    detail = {"kind": kind, "title": "Filled", "is_read": False}
    assert told("notification") == [
        ("created", str(note.pk), detail),
        ("changed", str(note.pk), detail | {"is_read": True}),
    ]


@pytest.mark.django_db
def test_a_statement_of_very_many_tells_once_for_each_account(alice):
    main, second = make_account(alice), make_account(alice, "Second")
    given = {"owner": alice, "symbol": "SPY", "direction": "long", "occurred_at": timezone.now()}
    rows = [Trade(account=main if number < 150 else second, **given) for number in range(201)]
    Trade.objects.bulk_create(rows)
    counts = {str(main.pk): 150, str(second.pk): 51}
    found = told("trade")
    assert [(action, key) for action, key, _detail in found] == [("created", None)] * 2
    assert {detail["account"]: detail["count"] for *_, detail in found} == counts
    Trade.objects.update(last_sync=timezone.now())
    assert len(told("trade")) == 2
    Trade.objects.update(version=2)
    Trade.objects.all().delete()
    assert [action for action, *_ in told("trade")][2:4] == ["changed", "changed"]


@pytest.mark.django_db
def test_as_many_as_an_ordinary_statement_writes_are_told_one_by_one(alice):
    given = {"owner": alice, "symbol": "SPY", "direction": "long", "occurred_at": timezone.now()}
    rows = Trade.objects.bulk_create([Trade(account=make_account(alice), **given)])
    more = Trade.objects.bulk_create([Trade(account=rows[0].account, **given) for _ in range(200)])
    assert {key for _action, key, _detail in told("trade")} == {str(row.pk) for row in [*rows, *more]}


def test_with_a_user_all_their_events_go(transactional_db, alice, charlie):
    for user in (alice, charlie):
        account = make_account(user)
        make_plan(account)
        make_order(account)
        notify(user=user, kind=NotificationKind.values[0], key="1", title="t", text="t")
    events_settle()
    make_plan(alice.trading_accounts.get(), "QQQ")
    gone = alice.pk
    User.objects.get(pk=gone).delete()
    assert not Event.objects.filter(user_id=gone).exists()
    assert Event.objects.filter(user=charlie).exists()


TRIGGERS = "SELECT count(*) FROM pg_trigger WHERE tgname LIKE '%\\_events'"


@pytest.mark.django_db
def test_the_triggers_can_be_taken_away_and_put_back(alice):
    names = ("trades.migrations.0005_events", "brokers.migrations.0003_position_events")
    operations = [
        operation
        for name in (*names, "accounts.migrations.0004_events")
        for operation in reversed(_migration(name).operations)
    ]
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(TRIGGERS)
        assert cursor.fetchone() == (11,)
        for operation in operations:
            cursor.execute(operation.reverse_sql)
        cursor.execute(TRIGGERS)
        assert cursor.fetchone() == (0,)
        for operation in reversed(operations):
            cursor.execute(operation.sql)
        cursor.execute(TRIGGERS)
        assert cursor.fetchone() == (11,)
    make_plan(make_account(alice))
    assert [action for action, *_ in told("trade")] == ["created"]


def _migration(name):
    return import_module(name).Migration
