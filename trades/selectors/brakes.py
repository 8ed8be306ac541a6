"""What holds new entries back besides the limits of the account: halts, and whoever is not heard of any more.

Exits pass all of it. The switch of the account itself is a column of the account.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Exists, OuterRef, Q

from accounts.models import Halt, User
from accounts.services.pulses import NAMES
from brokers.models import BrokerConnection
from trenddojo.statements import rows_of

# A pull may be missed; this long the next one takes to be handed out and done.
LATE = timedelta(seconds=10)

TRADER_HALTED, DESK_HALTED = "trader_halted", "desk_halted"
DESK_SILENT, BROKER_SILENT = "desk_silent", "broker_silent"
# These pass by themselves: what is written already waits for them.
SILENT = frozenset({DESK_SILENT, BROKER_SILENT})
HALT_CODES = {"user": TRADER_HALTED, "desk": DESK_HALTED}
SENTENCES = {
    "user": "All your accounts are halted{reason}: resume them before you send new orders.",
    "desk": "The whole desk is halted by its administrator{reason}: only exits are sent.",
}

# The levels of the halts over an order, and the seconds since the least lively process was heard of: columns of the
# look right before an order is claimed.
LOOK_COLUMNS = """
ARRAY(SELECT h.level FROM halts h WHERE h.resumed_at IS NULL AND (h.user_id IS NULL OR h.user_id = o.owner_id)),
(SELECT extract(epoch FROM max(clock_timestamp() - p.at)) FROM pulses p)
"""
# Part of the claim's own statement: a halt that is committed before it stops the order.
NOT_HALTED = """
(o.is_reducing OR NOT EXISTS (
    SELECT 1 FROM halts h WHERE h.resumed_at IS NULL AND (h.user_id IS NULL OR h.user_id = o.owner_id)
))
"""


@dataclass(frozen=True, slots=True)
class Brake:
    """A reason to hold entries back, with the code of the breach."""

    code: str
    sentence: str


def dead_after() -> timedelta:
    """A process that was not heard of for so long counts as dead."""
    return timedelta(seconds=settings.DEAD_MAN_SECONDS)


def unheard_after() -> timedelta:
    """A connection that was not pulled for so long is not known any more; two turns may always be missed."""
    return max(dead_after(), 2 * timedelta(seconds=settings.SYNC_SECONDS) + LATE)


def desk_is_silent(silent_for: Any) -> bool:
    """By the seconds since the least lively process was heard of; None where none ever was."""
    return silent_for is not None and silent_for > settings.DEAD_MAN_SECONDS


def broker_is_silent(found: BrokerConnection, now: datetime) -> bool:
    """Whether a connection fell out of step. One that was never pulled is new.

    A pull that lies as far in the future was written by a clock that is wrong, and proves nothing.
    """
    return found.last_sync is not None and abs(now - found.last_sync) > unheard_after()


def known_connections(now: datetime) -> Q:
    """Orders whose connection is in step, as a condition."""
    within = (now - unheard_after(), now + unheard_after())
    return Q(connection__last_sync=None) | Q(connection__last_sync__range=within)


def under_halt() -> Exists:
    """Orders over which a trader's halt or the desk's lies, as a condition."""
    open_ones = Halt.objects.filter(resumed_at=None)
    return Exists(open_ones.filter(Q(user=None) | Q(user=OuterRef("owner_id"))).order_by())


_OVER = """
SELECT h.level, h.reason FROM halts h WHERE h.resumed_at IS NULL AND (h.user_id IS NULL OR h.user_id = %(user)s)
UNION ALL SELECT 'pulse', p.name FROM pulses p WHERE clock_timestamp() - p.at > %(dead)s
"""


def brakes_of(found: BrokerConnection, *, now: datetime) -> tuple[Brake, ...]:
    """What holds entries of a connection back at this moment; one query."""
    rows = rows_of(_OVER, {"user": found.user_id, "dead": dead_after()})
    halts = [halt_brake(level, reason) for level, reason in rows if level in SENTENCES]
    missed = [name for level, name in rows if level == "pulse"]
    silent = [desk_brake(missed)] if missed else []
    if broker_is_silent(found, now):
        silent.append(broker_brake(found))
    return (*halts, *silent)


def halt_brake(level: str, reason: str = "") -> Brake:
    return Brake(HALT_CODES[level], SENTENCES[level].format(reason=f" ({reason})" if reason else ""))


def desk_brake(missed: Iterable[str]) -> Brake:
    told = " and ".join(sorted(NAMES.get(name, name) for name in missed))
    return Brake(DESK_SILENT, f"The desk does not hear of {told}: entries are held until it does.")


def broker_brake(found: BrokerConnection) -> Brake:
    since = f"{found.last_sync:%Y-%m-%d %H:%M} UTC" if found.last_sync else "it was connected"
    return Brake(BROKER_SILENT, f"{found.label} was last in step at {since}: entries are held until it is again.")


@dataclass(frozen=True, slots=True)
class Shown:
    """What holds entries back, as pages tell it: `kind` is account, user, desk, silent or broker.

    `key` is the account's or the connection's; `since` is when it began. Whether stops and targets go, too, is known of
    a trader's halt and the desk's.
    """

    kind: str
    key: str
    name: str
    reason: str
    by: str
    since: datetime
    cancels_exits: bool = False


@dataclass(frozen=True, slots=True)
class BrakesShown:
    """Everything that holds a trader's entries back, the widest first. `is_news`: silences began or ended unnoticed."""

    brakes: Sequence[Shown]
    is_news: bool

    def of_kind(self, kind: str) -> list[Shown]:
        return [brake for brake in self.brakes if brake.kind == kind]


# One question for every page: a few rows by their small indexes.
_SHOWN = """
SELECT h.level, h.id::text, '', h.reason, h.by_name, h.halted_at, h.cancels_exits FROM halts h
    WHERE h.resumed_at IS NULL AND (h.user_id IS NULL OR h.user_id = %(user)s)
UNION ALL SELECT 'account', a.id::text, a.name, a.halt_reason, '', a.halted_at, FALSE FROM accounts a
    WHERE a.owner_id = %(user)s AND a.halted_at IS NOT NULL
UNION ALL SELECT 'pulse', p.name, p.name, '', '', p.at, FALSE FROM pulses p WHERE clock_timestamp() - p.at > %(dead)s
    AND (%(staff)s OR EXISTS (SELECT 1 FROM broker_connections c WHERE c.user_id = %(user)s AND c.is_active))
UNION ALL SELECT 'broker', c.id::text, c.label, '', '', c.last_sync, FALSE FROM broker_connections c
    WHERE c.user_id = %(user)s AND c.is_active AND c.account_id IS NOT NULL
    AND c.last_sync NOT BETWEEN clock_timestamp() - %(unheard)s AND clock_timestamp() + %(unheard)s
UNION ALL SELECT 'noticed', s.subject, '', '', '', s.since, FALSE FROM silences s
    WHERE s.ended_at IS NULL AND (s.user_id IS NULL OR s.user_id = %(user)s)
"""
_ORDER = ("desk", "silent", "user", "account", "broker")


def brakes_shown(user: User) -> BrakesShown:
    """What a user's pages say holds entries back at this moment; one query.

    Whose life is missed concerns who has a broker connected, and staff, who run the desk.
    """
    asked = {"user": user.pk, "staff": user.is_staff, "dead": dead_after(), "unheard": unheard_after()}
    rows = [Shown(*row) for row in rows_of(_SHOWN, asked)]
    missed = [row for row in rows if row.kind == "pulse"]
    found = [row for row in rows if row.kind in _ORDER]
    if missed:
        told = " and ".join(sorted(NAMES.get(row.name, row.name) for row in missed))
        found.append(Shown("silent", "", told, "", "", min(row.since for row in missed)))
    found.sort(key=lambda row: (_ORDER.index(row.kind), row.since))
    silent = ({"desk"} if missed else set()) | {f"connection:{row.key}" for row in found if row.kind == "broker"}
    return BrakesShown(found, is_news=silent != {row.key for row in rows if row.kind == "noticed"})
