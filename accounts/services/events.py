"""The row of facts that programs follow: numbered after they are committed, kept for a while."""

from datetime import datetime, timedelta

from django.db import connection, transaction

from accounts.models import Event

# Longer than any program that means to go on where it stopped is away.
KEPT_FOR = timedelta(days=7)
AT_ONCE = 2000
# Any number that no other advisory lock of the desk uses.
_LOCK = 7_203_114_915

# The rows of a transaction become visible when it commits, in no order of ids. Whoever holds the lock numbers what can
# be seen by now and commits before the next one begins: nothing visible later has a smaller number.
_NUMBER = """
WITH seen AS MATERIALIZED (SELECT id FROM events WHERE seq IS NULL ORDER BY id LIMIT %s),
    numbered AS MATERIALIZED (SELECT id, nextval('events_numbers') AS number FROM (SELECT id FROM seen ORDER BY id) row)
UPDATE events SET seq = numbered.number FROM numbered WHERE events.id = numbered.id
"""


def events_number() -> int:
    """Give numbers to committed events that have none; how many. Does nothing while another process is at it."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_LOCK])
        if not cursor.fetchone()[0]:
            return 0
        cursor.execute(_NUMBER, [AT_ONCE])
        return int(cursor.rowcount)


def events_clean(*, now: datetime) -> int:
    """Delete what is older than what is kept; how many."""
    return Event.objects.filter(at__lt=now - KEPT_FOR).delete()[0]
