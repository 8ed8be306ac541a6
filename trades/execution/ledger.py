"""Writes steps of orders: one statement changes any number of orders, each only where it still is what it was read as,
and appends their events in the same breath."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.db import connection

from trades.models import Order, OrderEvent
from trenddojo.domain.order_state import OrderState
from trenddojo.statements import preparing_cursor

_WRITE = """
WITH given (id, was, of_version, has_event, fact, happened_at, detail, {names}) AS (VALUES {rows}),
moved AS (
    UPDATE orders o SET {assignments}, version = o.version + 1, updated_at = %s
    FROM given g WHERE o.id = g.id AND o.status = g.was AND o.version = g.of_version{only_if} RETURNING o.id
),
logged AS (
    INSERT INTO order_events (order_id, at, happened_at, fact, from_status, to_status, source, detail)
    SELECT g.id, %s, g.happened_at, g.fact, g.was, g.status, %s, g.detail
    FROM given g JOIN moved ON moved.id = g.id WHERE g.has_event
)
SELECT id FROM moved
"""
_HEAD = ("uuid", "text", "integer", "boolean", "text", "timestamptz", "jsonb")


@dataclass(slots=True)
class Step:
    """One change of one order. Without a fact only columns change, and the trail is silent."""

    order: Order
    state: OrderState
    fact: str | None = None
    columns: dict[str, Any] = field(default_factory=dict)
    detail: dict[str, Any] = field(default_factory=dict)
    happened_at: datetime | None = None
    was: str = field(init=False)

    def __post_init__(self) -> None:
        self.was = self.order.status


def steps_write(steps: Sequence[Step], *, source: str, at: datetime, only_if: str = "") -> set[UUID]:
    """Write the steps whose orders nobody changed since they were read, and bring those rows up to date in memory.

    Returns the ids of the orders written. Not more than one step an order. `only_if` is a further condition in SQL on
    the order's row `o`.
    """
    if not steps:
        return set()
    names = sorted({name for step in steps for name in step.columns} - {"status"})
    values = [value for step in steps for value in _values(step, names)]
    with preparing_cursor() as cursor:
        cursor.execute(_statement(tuple(names), len(steps), only_if), [*values, at, at, source])
        written = {row[0] for row in cursor.fetchall()}
    for step in steps:
        if step.order.pk in written:
            _take_over(step)
    return written


@lru_cache(maxsize=128)
def _statement(names: tuple[str, ...], count: int, only_if: str) -> str:
    columns = ("status", *names)
    types = (*_HEAD, *(_type_of(name) for name in columns))
    row = f"({', '.join(f'%s::{kind}' for kind in types)})"
    return _WRITE.format(
        names=", ".join(columns),
        rows=", ".join([row] * count),
        assignments=", ".join(f"{name} = g.{name}" for name in columns),
        only_if=f" AND {only_if}" if only_if else "",
    )


def _type_of(name: str) -> str:
    kind = Order._meta.get_field(name).db_type(connection)
    return "text" if kind.startswith("varchar") else kind


def _values(step: Step, names: Sequence[str]) -> list[Any]:
    order = step.order
    detail = OrderEvent._meta.get_field("detail").get_db_prep_save(step.detail, connection)
    head = [order.pk, order.status, order.version, step.fact is not None, step.fact or "", step.happened_at, detail]
    columns = {name: step.columns.get(name, getattr(order, name)) for name in names}
    return [
        *head,
        step.state.value,
        *(Order._meta.get_field(name).get_db_prep_save(value, connection) for name, value in columns.items()),
    ]


def _take_over(step: Step) -> None:
    for name, value in step.columns.items():
        setattr(step.order, name, value)
    step.order.status = step.state.value
    step.order.version += 1
