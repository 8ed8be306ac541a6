"""A worker's database connection lives from task to task, as a web worker's does from page to page."""

from collections.abc import Iterator
from types import SimpleNamespace
from unittest.mock import Mock

import pytest
from celery.fixups.django import DjangoWorkerFixup
from celery.signals import task_postrun, task_prerun
from django.db import connection

from trenddojo.celery import app

pytestmark = pytest.mark.django_db(transaction=True)

TASK = Mock(request=SimpleNamespace(is_eager=False))


@pytest.fixture(autouse=True)
def _kept() -> Iterator[None]:
    """As in production: the tests' own connections end with every request."""
    usual = connection.settings_dict["CONN_MAX_AGE"]
    connection.settings_dict["CONN_MAX_AGE"] = 600
    connection.close()
    yield
    connection.settings_dict["CONN_MAX_AGE"] = usual
    connection.close()


def backend() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])


def next_task() -> None:
    """What a worker does between two tasks, celery's part and ours."""
    celery = DjangoWorkerFixup(app)
    for signal, theirs in ((task_postrun, celery.on_task_postrun), (task_prerun, celery.on_task_prerun)):
        theirs(TASK)
        signal.send(sender=TASK)


def test_the_next_task_finds_the_connection_open() -> None:
    before = backend()
    next_task()
    assert backend() == before


def test_a_connection_that_does_not_answer_any_more_is_opened_anew() -> None:
    before = backend()
    other = connection.copy()
    with other.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [before])
    other.close()
    next_task()
    assert backend() != before


def test_behind_a_pooler_no_task_keeps_a_connection() -> None:
    connection.settings_dict["CONN_MAX_AGE"] = 0
    connection.close()
    backend()
    next_task()
    assert connection.connection is None
