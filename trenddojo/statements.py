# ruff: noqa: S608 - statements are put together from columns of models; every value is a parameter
"""Asking with a statement written out: for what is asked before every order and for every execution, where the ORM
takes longer to write the question than the database to answer it.

A connection prepares what it is asked again and again (DATABASE_PREPARE_AFTER). Django writes values into statements,
which takes Python as long as the answer takes, and the database plans each of them anew.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, NamedTuple, TypeVar

import psycopg
from django.db import DEFAULT_DB_ALIAS, connection
from django.db.backends.utils import CursorWrapper
from django.db.models import GeneratedField, Model

Made = TypeVar("Made", bound=Model)

# A condition that always holds: the transaction of a statement with it does not wait for the disk. What another commits
# after it is later in the same log, so that a power cut takes that too or leaves both.
NOT_AWAITED = "set_config('synchronous_commit', 'off', true) = 'off'"


class _Shape(NamedTuple):
    """Of a model: its fields and columns in one order, and what turns the database's words into Python's, by place."""

    names: list[str]
    columns: list[str]
    converters: list[tuple[int, Callable[..., Any]]]


@contextmanager
def preparing_cursor() -> Iterator[CursorWrapper]:
    """Django's cursor, with its checks, over one that sends values apart from the statement."""
    with connection.cursor() as cursor:
        # Where queries are logged they are to be read with their values.
        if not connection.queries_logged:
            cursor.cursor = psycopg.Cursor(connection.connection)
        yield cursor


def rows_of(statement: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
    with preparing_cursor() as cursor:
        cursor.execute(statement, parameters)
        found: list[tuple[Any, ...]] = cursor.fetchall()
        return found


def columns_of(model: type[Model], table: str) -> str:
    """The columns `made_from` takes, for a SELECT from `table`; computed ones, which can be long, are left out."""
    return ", ".join(f'"{table}"."{name}"' for name in _shape(model).columns)


def made_from(row: Iterator[Any], model: type[Made]) -> Made | None:
    """The model whose columns come next in a row; None where an outer join found none."""
    shape = _shape(model)
    values = [next(row) for _ in shape.names]
    for place, converter in shape.converters:
        values[place] = converter(values[place], None, connection)
    made = model.from_db(DEFAULT_DB_ALIAS, shape.names, values)
    return None if made.pk is None else made


def models_of(model: type[Made], condition: str, parameters: dict[str, Any]) -> list[Made]:
    """The models WHERE the condition holds; it may go on with ORDER BY, LIMIT or FOR UPDATE."""
    rows = rows_of(_selection(model).format(condition=condition), parameters)
    return [made for row in rows if (made := made_from(iter(row), model)) is not None]


@cache
def _selection(model: type[Model]) -> str:
    table = model._meta.db_table
    return f"SELECT {columns_of(model, table)} FROM {table} WHERE {{condition}}"


@cache
def _shape(model: type[Model]) -> _Shape:
    fields: Sequence[Any] = [one for one in model._meta.concrete_fields if not isinstance(one, GeneratedField)]
    converters = [
        (place, converter) for place, one in enumerate(fields) for converter in one.get_db_converters(connection)
    ]
    return _Shape([one.attname for one in fields], [one.column for one in fields], converters)
