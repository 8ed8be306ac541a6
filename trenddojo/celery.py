"""The Celery application. Workers and beat start with `celery -A trenddojo.celery`."""

import os
from importlib import import_module
from typing import Any

from celery import Celery
from celery.signals import heartbeat_sent, task_postrun, task_prerun, worker_init

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "trenddojo.settings")

app = Celery("trenddojo")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
# A task that runs in a thread would otherwise find celery's fallback application and its amqp queue.
app.set_default()


@worker_init.connect
def _sessions_warm(**_arguments: Any) -> None:
    """The calendar library takes a second to import: once, before the worker forks, not in the first import."""
    from accounts.calendars import sessions_warm  # once the settings are read

    sessions_warm()


@worker_init.connect
def _broker_library_warm(sender: Any, **_arguments: Any) -> None:
    """Nor does the first order wait half a second for the library that carries it."""
    if sender.hostname.startswith("orders@"):
        import_module("alpaca.common.rest")


@task_prerun.connect
@task_postrun.connect
def _connections_renew(sender: Any, **_arguments: Any) -> None:
    """As between two requests: a database connection is kept for the next task while it is young and answers."""
    from django.db import close_old_connections  # once the settings are read

    if not sender.request.is_eager:
        close_old_connections()


@heartbeat_sent.connect
def _worker_lives(sender: Any, **_arguments: Any) -> None:
    """Celery's worker says every two seconds that its main process lives; the health page reads it by its kind."""
    from trenddojo.health import ORDERS_HEARTBEAT, WORKER_HEARTBEAT, heartbeat_write  # once the settings are read

    heartbeat_write(ORDERS_HEARTBEAT if sender.eventer.hostname.startswith("orders@") else WORKER_HEARTBEAT)
