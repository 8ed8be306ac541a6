"""Asking with a statement written out: for what is asked before every order, where the ORM takes longer to write the
question than the database to answer it."""

from typing import Any

from django.db import connection


def rows_of(statement: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchall()
