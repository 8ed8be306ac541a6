"""Signs of life of the desk's processes, written and read by the database's clock alone.

They are kept in the database and not in the cache: what follows orders needs the database, and where only the cache is
away nobody is taken for dead.
"""

from django.db import connection

ORDERS, WORKER, STREAM, BEAT = "orders", "worker", "stream", "beat"
# What each is called where it is missed.
NAMES = {ORDERS: "the worker for orders", WORKER: "the worker", STREAM: "the order stream", BEAT: "the scheduler"}

_WRITE = """
INSERT INTO pulses (name, at) VALUES (%s, clock_timestamp())
ON CONFLICT (name) DO UPDATE SET at = excluded.at
"""


def pulse_write(name: str) -> None:
    """Note that a process of this kind is alive at this moment."""
    with connection.cursor() as cursor:
        cursor.execute(_WRITE, [name])


def pulse_end(name: str) -> None:
    """No process of this kind is to run any more: nobody misses it, until one is heard of again."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM pulses WHERE name = %s", [name])


def pulse_age(name: str) -> float | None:
    """Seconds since the last sign of life; None where there never was one."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT extract(epoch FROM clock_timestamp() - at) FROM pulses WHERE name = %s", [name])
        found = cursor.fetchone()
    return None if found is None else float(found[0])
