"""The Celery application. Workers and beat start with `celery -A trenddojo.celery`."""

import os
import time
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from logging.config import dictConfig
from typing import Any, Final

from celery import Celery
from celery.signals import (
    beat_init,
    before_task_publish,
    heartbeat_sent,
    setup_logging,
    task_postrun,
    task_prerun,
    worker_init,
    worker_process_shutdown,
)

from trenddojo import log_context, measures
from trenddojo.forking import memory_share

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "trenddojo.settings")

app = Celery("trenddojo")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
# A task that runs in a thread would otherwise find celery's fallback application and its amqp queue.
app.set_default()


@worker_init.connect
def _ready_to_fork(**_arguments: Any) -> None:
    """What takes long to import is there once, before the worker forks: the calendar, and what carries orders."""
    from accounts.calendars import sessions_warm  # once the settings are read

    sessions_warm()
    import_module("alpaca.common.rest")
    memory_share()


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

    is_for_orders = sender.eventer.hostname.startswith("orders@")
    heartbeat_write(ORDERS_HEARTBEAT if is_for_orders else WORKER_HEARTBEAT)
    _pulse("orders" if is_for_orders else "worker").beat()


@cache
def _pulse(name: str) -> Any:
    from trenddojo.pulse import Pulse  # once the settings are read

    return Pulse(name)


@beat_init.connect
def _scheduler_watches(**_arguments: Any) -> None:
    """The scheduler sees that workers are gone, too."""
    from trenddojo.pulse import watch_always  # once the settings are read

    watch_always()


# Whose doing a message is, and when it was sent; beside what celery itself writes in a message's head.
REQUEST_HEADER, SENT_HEADER = "trenddojo_request", "trenddojo_sent_at"
# What the first argument of a task is an id of, by the beginning of its name.
SUBJECTS: Final[Mapping[str, str]] = {
    "trades.order_": "order",
    "brokers.connection_": "connection",
    "accounts.webhook_": "webhook",
    "trades.import_": "import",
}


@setup_logging.connect
def _logs_as_set(**_arguments: Any) -> None:
    """Workers and beat log as LOG_LEVEL and LOG_FORMAT say, not as celery's own command line does."""
    from django.conf import settings  # once there are any

    dictConfig(settings.LOGGING)


@before_task_publish.connect
def _request_goes_along(headers: dict[str, Any], **_arguments: Any) -> None:
    """The request id of the click goes with the message, and from a task to those it leads to."""
    headers[REQUEST_HEADER] = log_context.request_id()
    headers[SENT_HEADER] = time.time()


@task_prerun.connect
def _task_begins(task_id: str, task: Any, args: Any, **_arguments: Any) -> None:
    """Log lines of a task carry its id, the request that led to it, and the order or connection it is about."""
    request = task.request
    known = {"request": request.get(REQUEST_HEADER) or log_context.request_id(), "task": task_id}
    subject = next((word for start, word in SUBJECTS.items() if task.name.startswith(start)), None)
    if subject and args:
        known[subject] = args[0]
    if known["request"] == log_context.NOBODY:
        del known["request"]
    began = time.perf_counter()
    request.update(trenddojo_began=began, trenddojo_context=log_context.begin(**known))
    sent_at = request.get(SENT_HEADER)
    if sent_at and not request.is_eager:
        measures.observe("trenddojo_task_wait_seconds", max(time.time() - sent_at, 0), _queue_of(request))


@task_postrun.connect
def _task_ends(task: Any, state: str | None = None, **_arguments: Any) -> None:
    request = task.request
    began, token = request.get("trenddojo_began"), request.get("trenddojo_context")
    if began is None or token is None:
        return
    measures.observe("trenddojo_task_seconds", time.perf_counter() - began, task.name)
    measures.count("trenddojo_tasks_total", task.name, OUTCOMES.get(state or "", "other"))
    log_context.end(token)


OUTCOMES: Final = {"SUCCESS": "done", "FAILURE": "failed", "RETRY": "again"}


def _queue_of(request: Any) -> str:
    return str((request.delivery_info or {}).get("routing_key") or "none")


@worker_process_shutdown.connect
def _counts_given(**_arguments: Any) -> None:
    """Worker processes end without Python's own farewell."""
    measures.hand_over()
