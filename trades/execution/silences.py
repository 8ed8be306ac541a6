"""The dead man's rule: whoever lives notices that a process of the desk, or a broker, is not heard of any more.

Every process looks now and then, and pages look when they are read. A silence is a row that the database keeps once
while it is open: who writes it tells those it concerns, and so does who ends it. Entries are held by the look at the
gate and before the claim (trades.selectors.brakes), whether anybody has noticed or not.
"""

import logging
import threading
import time
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.conf import settings
from django.db import connection, connections, transaction

from accounts.models import NotificationKind, Silence
from accounts.services.notifications import notifications_mail, notify
from accounts.services.pulses import NAMES
from brokers.models import BrokerConnection
from trades.selectors.brakes import dead_after, unheard_after
from trades.services.telling import Word, traders_tell

log = logging.getLogger(__name__)

DESK = "desk"
BROKER = "connection:"
STARTED = time.monotonic()

# Stale: active, in step once, and not since so long ago; counted from the end of the desk's own silence, or from when
# the connection was changed, as by a reconnect.
_STALE = """
c.is_active AND c.account_id IS NOT NULL AND c.last_sync IS NOT NULL AND (
    greatest(c.last_sync, c.updated_at, (SELECT max(s.ended_at) FROM silences s WHERE s.subject = 'desk'))
        < clock_timestamp() - %(unheard)s
    OR c.last_sync > clock_timestamp() + %(unheard)s
)
"""
_OPEN = "SELECT 1 FROM silences s WHERE s.subject = 'connection:' || c.id AND s.ended_at IS NULL"
_LOOK = f"""
SELECT dead.since, dead.missed,
    (SELECT s.id FROM silences s WHERE s.subject = 'desk' AND s.ended_at IS NULL),
    EXISTS (SELECT 1 FROM broker_connections c WHERE {_STALE} AND NOT EXISTS ({_OPEN})),
    EXISTS (SELECT 1 FROM silences s WHERE s.ended_at IS NULL AND s.subject LIKE 'connection:%%')
FROM (
    SELECT min(p.at) AS since, array_agg(p.name ORDER BY p.name) AS missed
    FROM pulses p WHERE clock_timestamp() - p.at > %(dead)s
) AS dead
"""  # noqa: S608 - our own words
_BEGIN = """
INSERT INTO silences (id, subject, since, noticed_at) VALUES (gen_random_uuid(), 'desk', %(since)s, clock_timestamp())
ON CONFLICT (subject) WHERE ended_at IS NULL DO NOTHING RETURNING id
"""
_END = "UPDATE silences SET ended_at = clock_timestamp() WHERE id = %(id)s AND ended_at IS NULL RETURNING id"
_BROKERS_BEGIN = f"""
INSERT INTO silences (id, user_id, subject, since, noticed_at)
SELECT gen_random_uuid(), c.user_id, 'connection:' || c.id, c.last_sync, clock_timestamp()
FROM broker_connections c WHERE {_STALE} AND NOT EXISTS ({_OPEN})
ON CONFLICT (subject) WHERE ended_at IS NULL DO NOTHING RETURNING id
"""  # noqa: S608 - put together from constants
# What was disabled or removed has been told of by itself.
_BROKERS_END = f"""
UPDATE silences s SET ended_at = clock_timestamp()
WHERE s.ended_at IS NULL AND s.subject LIKE 'connection:%%'
    AND NOT EXISTS (SELECT 1 FROM broker_connections c WHERE s.subject = 'connection:' || c.id AND {_STALE})
RETURNING s.id
"""  # noqa: S608 - put together from constants


class Look(NamedTuple):
    """What is missed now, and which silences are open."""

    since: datetime | None
    missed: Sequence[str] | None
    desk_silence: UUID | None
    broker_fell: bool
    broker_silences: bool


def silences_watch() -> None:
    """Begin and end silences, and tell each once. One small query while all is well.

    A process that has only just started begins none: the others may be starting, too.
    """
    look = Look(*_one(_LOOK)[0])
    is_settled = time.monotonic() - STARTED > settings.DEAD_MAN_SECONDS
    if look.missed and not look.desk_silence and is_settled:
        _desk_begin(look.since, look.missed)
    if look.desk_silence and not look.missed:
        _desk_end(look.desk_silence)
    # While the desk itself is silent nobody pulls: that says nothing of the brokers.
    if look.broker_fell and not look.missed and not look.desk_silence and is_settled:
        _brokers(_BROKERS_BEGIN, _broker_silent)
    if look.broker_silences:
        _brokers(_BROKERS_END, _broker_back)


def _one(statement: str, **values: Any) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement, {"dead": dead_after(), "unheard": unheard_after(), **values})
        return cursor.fetchall()


@transaction.atomic
def _desk_begin(since: datetime | None, missed: Sequence[str]) -> None:
    for (key,) in _one(_BEGIN, since=since):
        told = " and ".join(NAMES.get(name, name) for name in missed)
        log.error("silence.desk.begun missed=%s", ",".join(missed))
        text = (
            f"Since {since:%Y-%m-%d %H:%M} UTC nothing is heard of {told}. New entries are held, and what your orders "
            "do may be known late. Exits are kept, and leave as soon as a worker can send them."
        )
        _tell_all(f"silence:{key}", "The desk is not working", text)
        transaction.on_commit(_mail_now, robust=True)


@transaction.atomic
def _desk_end(silence: UUID) -> None:
    for (key,) in _one(_END, id=silence):
        log.warning("silence.desk.ended")
        _tell_all(f"silence:{key}:over", "The desk works again", "Entries that were held leave now.")


def _mail_now() -> None:
    """The worker that sends e-mails may be the one that is missed: whoever notices sends them. A mail server that is
    slow keeps nobody waiting."""
    threading.Thread(target=_mail, name="mail", daemon=True).start()


def _mail() -> None:
    try:
        notifications_mail()
    finally:
        connections.close_all()


def _tell_all(key: str, title: str, text: str) -> None:
    traders_tell(Word(NotificationKind.RISK.value, key, title, text, "/halt/"))


@transaction.atomic
def _brokers(statement: str, tell: Any) -> None:
    keys = [key for (key,) in _one(statement)]
    silences = list(Silence.objects.filter(pk__in=keys).select_related("user"))
    ids = [silence.subject.removeprefix(BROKER) for silence in silences]
    found = {f"{BROKER}{one.pk}": one for one in BrokerConnection.objects.filter(pk__in=ids)}
    for silence in silences:
        tell(silence, found.get(silence.subject))


def _broker_silent(silence: Silence, found: BrokerConnection | None) -> None:
    if found is None or silence.user is None:
        return
    log.warning("silence.broker.begun connection=%s", found.pk)
    notify(
        user=silence.user,
        kind=NotificationKind.CONNECTION,
        key=f"silence:{silence.pk}",
        title=f"{found.label} is out of step",
        text=f"It was last read in full at {silence.since:%Y-%m-%d %H:%M} UTC. {found.last_error} New entries there "
        "are held until it is again; exits are sent.",
        path=f"/connections/{found.pk}/",
    )


def _broker_back(silence: Silence, found: BrokerConnection | None) -> None:
    if found is None or silence.user is None or not found.is_active:
        return
    log.warning("silence.broker.ended connection=%s", found.pk)
    notify(
        user=silence.user,
        kind=NotificationKind.CONNECTION,
        key=f"silence:{silence.pk}:over",
        title=f"{found.label} is in step again",
        text="Entries that were held leave now.",
        path=f"/connections/{found.pk}/",
    )
