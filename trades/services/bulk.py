"""Many rows changed at once: copied into a temporary table and joined, which stays quick at 100,000 rows."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.db import connection
from django.db.models import Model
from psycopg import sql


def rows_update(model: type[Model], columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Set columns of rows by their id; each row is (id, value, …) in the order of `columns`."""
    table = sql.Identifier(model._meta.db_table)
    names = sql.SQL(", ").join(map(sql.Identifier, ("id", *columns)))
    changes = sql.SQL(", ").join(sql.SQL("{0} = made.{0}").format(sql.Identifier(name)) for name in columns)
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("CREATE TEMPORARY TABLE made AS SELECT {} FROM {} WITH NO DATA").format(names, table))
        with cursor.copy(sql.SQL("COPY made ({}) FROM STDIN").format(names)) as copy:
            for row in rows:
                copy.write_row(row)
        cursor.execute(sql.SQL("UPDATE {0} SET {1} FROM made WHERE {0}.id = made.id").format(table, changes))
        cursor.execute("DROP TABLE made")
