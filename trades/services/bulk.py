"""Many rows changed at once: copied into a temporary table and joined, which stays quick at 100,000 rows."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.db import connection
from django.db.models import Model
from psycopg import sql


def rows_update(
    model: type[Model], columns: Sequence[str], rows: Iterable[Sequence[Any]], *, counter: str | None = None
) -> None:
    """Set columns of rows by their id; each row is (id, value, …) in the order of `columns`.

    Rows that hold these values already are left alone; `counter` names a column that each changed row adds one to.
    """
    table = sql.Identifier(model._meta.db_table)
    names = sql.SQL(", ").join(map(sql.Identifier, ("id", *columns)))
    changes = [sql.SQL("{0} = made.{0}").format(sql.Identifier(name)) for name in columns]
    if counter is not None:
        changes.append(sql.SQL("{0} = kept.{0} + 1").format(sql.Identifier(counter)))
    kept, made = (sql.SQL(", ").join(sql.Identifier(side, name) for name in columns) for side in ("kept", "made"))
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("CREATE TEMPORARY TABLE made AS SELECT {} FROM {} WITH NO DATA").format(names, table))
        with cursor.copy(sql.SQL("COPY made ({}) FROM STDIN").format(names)) as copy:
            for row in rows:
                copy.write_row(row)
        # A temporary table nobody counted would be joined by reading the whole table it changes.
        cursor.execute("ANALYZE made")
        cursor.execute(
            sql.SQL("UPDATE {} AS kept SET {} FROM made WHERE kept.id = made.id AND ({}) IS DISTINCT FROM ({})").format(
                table, sql.SQL(", ").join(changes), kept, made
            )
        )
        cursor.execute("DROP TABLE made")
