"""The whole story of an order, as things happened: steps, calls to the broker, fills and what was told, of the order
itself, its legs and everything that took its place or that it took the place of."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, InvalidOperation
from re import fullmatch
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import F, Window
from django.db.models.functions import RowNumber
from django.http import Http404
from django.utils import timezone

from accounts.models import Notification, User
from trades.models import Fill, Order, OrderCall, OrderEvent
from trenddojo.templatetags.numbers import trimmed

# Kinds of entries.
STEP, CALL, FILL, TOLD = "step", "call", "fill", "notification"
# Of one moment: what was asked, what that came to, what was told of it.
_PLACE = {CALL: 0, STEP: 1, FILL: 2, TOLD: 3}
_NUMBER = r"-?\d+\.\d+"
_FAMILY = """
WITH RECURSIVE family AS (
    SELECT id, owner_id, parent_id, replaces_id FROM orders WHERE id = %(order)s AND owner_id = %(owner)s
    UNION
    SELECT o.id, o.owner_id, o.parent_id, o.replaces_id FROM family f JOIN orders o ON o.owner_id = f.owner_id
        AND (o.parent_id = f.id OR o.replaces_id = f.id OR o.id = f.parent_id OR o.id = f.replaces_id)
)
SELECT id FROM family
"""


@dataclass(frozen=True, slots=True)
class StoryEntry:
    """One thing that happened. `at` is our time, `broker_at` the broker's own where it told one, `until` when the
    answer to a call was there, or when it last came so. `figures` are exact, as text."""

    at: datetime
    kind: str
    what: str
    order_id: UUID
    source: str
    number: int | str
    broker_at: datetime | None = None
    until: datetime | None = None
    from_status: str = ""
    to_status: str = ""
    answer: str = ""
    status: str = ""
    code: str = ""
    sentence: str = ""
    request_id: str = ""
    ref: str = ""
    times: int = 1
    figures: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Story:
    """`family` is in the order it was made; every entry belongs to one of its orders."""

    order: Order
    family: list[Order]
    entries: list[StoryEntry]
    read_at: datetime

    @property
    def parts(self) -> dict[UUID, Order]:
        return {one.pk: one for one in self.family}

    @property
    def intent(self) -> StoryEntry | None:
        """The first step of the order: what was asked for, and every limit it was held against."""
        first = (entry for entry in self.entries if entry.kind == STEP and entry.order_id == self.order.pk)
        return next(first, None)


def order_story(owner: User, pk: UUID) -> Story:
    """Six queries, however long the story is. Raises Http404."""
    with connection.cursor() as cursor:
        cursor.execute(_FAMILY, {"order": pk, "owner": owner.pk})
        keys = [row[0] for row in cursor.fetchall()]
    found = Order.objects.filter(pk__in=keys).select_related("account", "connection", "trade", "owner")
    family = list(found.defer("trade__search").order_by("created_at", "role", "id"))
    order = next((one for one in family if one.pk == pk), None)
    if order is None:
        raise Http404
    entries = [
        *map(entry_of_step, OrderEvent.objects.filter(order__in=keys)),
        *map(entry_of_call, OrderCall.objects.filter(order__in=keys)),
        *map(_entry_of_fill, Fill.objects.filter(order__in=keys)),
        *_entries_told(owner, family),
    ]
    return Story(order, family, sorted(entries, key=_when), timezone.now())


def latest_entries(orders: Iterable[UUID], *, most: int) -> dict[UUID, list[StoryEntry]]:
    """The last steps and calls of each of these orders, so many of each kind. Two queries."""
    keys = list(orders)
    found: dict[UUID, list[StoryEntry]] = {key: [] for key in keys}
    if not keys:
        return found
    entries = [
        *map(entry_of_step, _latest(OrderEvent, keys, most)),
        *map(entry_of_call, _latest(OrderCall, keys, most)),
    ]
    for entry in sorted(entries, key=_when):
        found[entry.order_id].append(entry)
    return found


def _latest(model: type[OrderEvent | OrderCall], keys: Sequence[UUID], most: int) -> Iterable[Any]:
    place = Window(RowNumber(), partition_by=[F("order_id")], order_by=F("id").desc())
    return model.objects.filter(order__in=keys).annotate(place=place).filter(place__lte=most)


def _when(entry: StoryEntry) -> tuple[datetime, int, int | str]:
    return entry.at, _PLACE[entry.kind], entry.number


def entry_of_step(event: OrderEvent) -> StoryEntry:
    figures = {name: exact(value) for name, value in event.detail.items() if value not in (None, "", [], {})}
    words = {name: str(figures.pop(name, "")) for name in ("code", "sentence", "request_id")}
    return StoryEntry(
        at=event.at,
        kind=STEP,
        what=event.fact,
        order_id=event.order_id,
        source=event.source,
        number=event.pk,
        broker_at=event.happened_at,
        from_status=event.from_status,
        to_status=event.to_status,
        status=str(figures.pop("status", "")),
        figures=figures,
        **words,
    )


def entry_of_call(call: OrderCall) -> StoryEntry:
    return StoryEntry(
        at=call.at,
        kind=CALL,
        what=call.verb,
        order_id=call.order_id,
        source=call.asked_by,
        number=call.pk,
        until=call.last_at or call.answered_at,
        answer=call.answer,
        status=call.status,
        code=call.code,
        sentence=call.sentence,
        request_id=call.request_id,
        ref=call.ref,
        times=call.times,
    )


def _entry_of_fill(fill: Fill) -> StoryEntry:
    figures = {
        "side": fill.side,
        "quantity": plain(fill.quantity),
        "price": plain(fill.price),
        "commission": plain(fill.commission),
        "fees": plain(fill.fees),
    }
    if fill.has_estimated_costs:
        figures["estimated_costs"] = "yes"
    return StoryEntry(
        # When it was booked is known only as the row's own time; what counts is when it was executed.
        at=fill.executed_at,
        kind=FILL,
        what=fill.kind,
        order_id=fill.order_id,
        source="broker",
        number=str(fill.pk),
        broker_at=fill.executed_at,
        ref=fill.execution_id or "",
        figures=figures,
    )


def _entries_told(owner: User, family: Sequence[Order]) -> list[StoryEntry]:
    """What the trader was told about these orders: a notification's key begins with its order."""
    since, parts = min(one.created_at for one in family), {str(one.pk): one.pk for one in family}
    told = Notification.objects.filter(user=owner, created_at__gte=since, key__startswith="order:").order_by()
    keyed = [(row, row.key.split(":")[1]) for row in told.filter(path__in=[f"/orders/{key}/" for key in parts])]
    return [
        StoryEntry(
            at=row.created_at,
            kind=TOLD,
            what=row.kind,
            order_id=parts[key],
            source="desk",
            number=str(row.pk),
            sentence=f"{row.title}. {row.text}",
        )
        for row, key in keyed
        if key in parts
    ]


def plain(value: Decimal) -> str:
    """All digits, no exponent, no needless zeros."""
    return f"{trimmed(value, 0):f}"


def exact(value: Any) -> Any:
    """A value of an event's figures: numbers as exact text without needless zeros, everything inside likewise."""
    if isinstance(value, dict):
        return {str(name): exact(each) for name, each in value.items()}
    if isinstance(value, list):
        return [exact(each) for each in value]
    if isinstance(value, bool) or value is None:
        return value
    text = str(value)
    if not fullmatch(_NUMBER, text):
        return text
    try:
        return plain(Decimal(text))
    except InvalidOperation:
        return text
