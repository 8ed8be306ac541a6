"""The row of facts that programs follow: numbered after they are committed, kept for a while."""

from datetime import datetime, timedelta

from django.db import connection, transaction

from accounts.models import Event

# Longer than any program that means to go on where it stopped is away.
KEPT_FOR = timedelta(days=7)
AT_ONCE = 2000
# Any number that no other advisory lock of the desk uses.
_LOCK = 7_203_114_915

# A process that is stopped between taking the lock and committing must not keep all others from numbering.
_PATIENCE = "SELECT set_config('idle_in_transaction_session_timeout', '60s', true)"

# The rows of a transaction become visible when it commits, in no order of ids. Whoever holds the lock numbers what can
# be seen by now and commits before the next one begins: nothing visible later has a smaller number. Rows that somebody
# is deleting with their user are passed over, not waited for.
_NUMBER = """
WITH seen AS MATERIALIZED (SELECT id FROM events WHERE seq IS NULL ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED),
    numbered AS MATERIALIZED (SELECT id, nextval('events_numbers') AS number FROM (SELECT id FROM seen ORDER BY id) row)
UPDATE events SET seq = numbered.number FROM numbered WHERE events.id = numbered.id
"""
# More numbers than a desk gives between two backups.
_LEAP = 1_000_000_000
# Everything older than the first number that is still young: what is kept has no holes but where a user was deleted.
_CLEAN = """
DELETE FROM events WHERE at < %s
    AND seq < coalesce((SELECT min(seq) FROM events WHERE at >= %s), 9223372036854775807)
"""


def events_number() -> int:
    """Give numbers to committed events that have none; how many. Does nothing while another process is at it."""
    if not Event.objects.filter(seq__isnull=True).exists():
        return 0
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"{_PATIENCE}, pg_try_advisory_xact_lock(%s)", [_LOCK])
        if not cursor.fetchone()[1]:
            return 0
        cursor.execute(_NUMBER, [AT_ONCE])
        return int(cursor.rowcount)


def events_settle() -> int:
    """Number everything that is committed by now, whoever else is at it; the last number given, 0 when there is none.

    What is committed after this call has a greater number.
    """
    while True:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"{_PATIENCE}, pg_advisory_xact_lock(%s)", [_LOCK])
            cursor.execute(_NUMBER, [AT_ONCE])
            is_all = cursor.rowcount < AT_ONCE
            # Under the lock nobody else draws numbers: all that were drawn can be seen.
            cursor.execute("SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM events_numbers")
            last = int(cursor.fetchone()[0])
        if is_all:
            return last


def events_clean(*, now: datetime) -> int:
    """Delete what is older than what is kept, from the first number on without leaving a hole; how many."""
    events_settle()
    bound = now - KEPT_FOR
    with connection.cursor() as cursor:
        cursor.execute(_CLEAN, [bound, bound])
        return int(cursor.rowcount)


def events_begin_anew() -> None:
    """After a backup was restored: numbers given since it was made are not given again, and nothing before is kept, so
    that whoever follows reads everything anew."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM events")
        cursor.execute("SELECT setval('events_numbers', nextval('events_numbers') + %s)", [_LEAP])
