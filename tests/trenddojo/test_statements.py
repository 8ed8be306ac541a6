"""Statements that are written out are planned once for each connection, and say the same as before."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from tests.factories import make_account
from trenddojo.statements import rows_of

NAMES = "SELECT name FROM accounts WHERE owner_id = %(owner)s AND name LIKE '%%s' ORDER BY name"
PREPARED = "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE 'SELECT name FROM accounts%%'"


@pytest.fixture
def prepare_after() -> Iterator[Any]:
    """Sets after how many times this connection prepares; what tests before it prepared is forgotten."""
    connection.ensure_connection()
    usual = connection.connection.prepare_threshold

    def set_to(count: int | None) -> None:
        connection.connection.prepare_threshold = count

    connection.connection.execute("DEALLOCATE ALL")
    yield set_to
    set_to(usual)


def prepared() -> int:
    with connection.cursor() as cursor:
        cursor.execute(PREPARED)
        return int(cursor.fetchone()[0])


def names(owner: User) -> list[tuple[Any, ...]]:
    return rows_of(NAMES, {"owner": owner.pk})


def test_it_is_prepared_when_it_was_asked_as_often_as_the_setting_says(
    alice: User, charlie: User, prepare_after: Any
) -> None:
    prepare_after(3)
    make_account(alice, "Stocks")
    make_account(charlie, "Futures")
    assert names(alice) == names(alice) == names(alice) == [("Stocks",)]
    assert prepared() == 0
    assert names(charlie) == [("Futures",)]
    assert prepared() == 1
    assert (names(alice), names(charlie), prepared()) == ([("Stocks",)], [("Futures",)], 1)


def test_it_never_is_behind_a_pooler(alice: User, prepare_after: Any) -> None:
    prepare_after(None)
    for _ in range(5):
        names(alice)
    assert prepared() == 0


def test_a_log_of_queries_shows_it_with_its_values(alice: User) -> None:
    with CaptureQueriesContext(connection) as asked:
        names(alice)
    (only,) = asked.captured_queries
    assert f"owner_id = '{alice.pk.hex}'" in only["sql"]
