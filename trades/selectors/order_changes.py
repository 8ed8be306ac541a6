"""Whether anything happened to a trader's orders and open trades since a page was read: what open pages ask about
once a second, in one query over small indexes."""

from dataclasses import dataclass

from accounts.models import User
from trades.models.order import WORKING
from trenddojo.statements import rows_of

# Ids are drawn before their rows are committed: an event with a smaller id may appear after one with a larger. So
# many ids before the last one are looked at again; what works is covered by its version besides.
LOOK_BACK = 64
# From so many events of others on, the place to go on from is moved forward, so that no question reads many rows.
RENEW_AFTER = 5000
LARGEST, LONGEST = 2**62, 120


@dataclass(frozen=True, slots=True)
class Seen:
    """A place in the stream of events: the newest event of all, how many of one's own lie just before it, and what
    the rows that may still change add up to. Every write raises a row's version; a row that is over leaves the sum."""

    last: int
    count: int
    sums: str

    def __str__(self) -> str:
        return f"{self.last}-{self.count}-{self.sums}"


@dataclass(frozen=True, slots=True)
class Changes:
    """`seen` is where to go on; `is_old` asks to go on from there although nothing happened."""

    seen: Seen
    has_changed: bool
    is_old: bool = False


# Looked up row by row: so few events are looked at that a join over all of a trader's orders would cost more.
_EVENTS = """
    SELECT count(*) FILTER (WHERE event.id > head.last - %(back)s) AS around,
        count(*) FILTER (WHERE event.id > place.last - %(back)s) AS since
    FROM order_events AS event
    WHERE event.id > least(head.last, place.last) - %(back)s
        AND (SELECT owner_id FROM orders WHERE orders.id = event.order_id) = %(owner)s
"""
# The states are spelled out so that the small indexes over unfinished rows serve.
_OPEN = """(SELECT count(*) || '.' || coalesce(sum(version), 0) FROM {table}
    WHERE status IN ({states}) AND account_id IN (SELECT id FROM accounts WHERE owner_id = %(owner)s))"""
_QUESTION = f"""
SELECT head.last, mine.around, mine.since,
    {_OPEN.format(table="orders", states=", ".join(f"'{status}'" for status in WORKING))} || '.' ||
    {_OPEN.format(table="trades", states="'planned', 'pending', 'active'")}
FROM (SELECT coalesce(max(id), 0) AS last FROM order_events) AS head,
    LATERAL (SELECT coalesce(%(last)s::bigint, head.last) AS last) AS place,
    LATERAL ({_EVENTS}) AS mine
"""  # noqa: S608 - the states are our own words


def seen_now(owner: User) -> Seen:
    """The place to ask from later; read it before the rows that are shown."""
    return _ask(owner, None)[0]


def changes_since(owner: User, text: str) -> Changes:
    """What happened since `text`, which an earlier answer gave; what cannot be read counts as changed."""
    earlier = _read(text)
    now, count = _ask(owner, earlier.last if earlier else None)
    if earlier is None:
        return Changes(now, has_changed=True)
    has_changed = (count, now.sums) != (earlier.count, earlier.sums)
    return Changes(now, has_changed=has_changed, is_old=now.last - earlier.last > RENEW_AFTER)


def _ask(owner: User, last: int | None) -> tuple[Seen, int]:
    """The present place, and how many of the owner's events lie around and after the place `last`."""
    given = {"owner": owner.pk, "last": last, "back": LOOK_BACK}
    ((head, around, since, sums),) = rows_of(_QUESTION, given)
    return Seen(head, around, sums), since


def _read(text: str) -> Seen | None:
    last, _, rest = text.partition("-")
    count, _, sums = rest.partition("-")
    if len(text) > LONGEST or not all(word.isascii() and word.isdecimal() for word in (last, count)):
        return None
    return Seen(int(last), int(count), sums) if int(last) < LARGEST else None
