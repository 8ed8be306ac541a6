"""What scheduler and workers do, a turn at a time, in the process of a test."""

from contextlib import ExitStack
from queue import Empty
from typing import Any

from trades.tasks import (
    connections_poll_task,
    connections_sync_task,
    orders_release_task,
    orders_sweep_task,
    quotes_refresh_task,
)
from trenddojo.celery import app

QUEUES = ("orders", "desk")


def work() -> None:
    """What the scheduler starts within seconds, and what the workers then find in their queues."""
    for task in (
        orders_sweep_task,
        orders_release_task,
        connections_poll_task,
        connections_sync_task,
        quotes_refresh_task,
    ):
        task()
    with app.connection_for_write() as broker, ExitStack() as open_queues:
        queues = [open_queues.enter_context(broker.SimpleQueue(name)) for name in QUEUES]
        while any(_one_done(queue) for queue in queues):
            pass


def queues_empty() -> None:
    """Forget what other tests left there."""
    with app.connection_for_write() as broker:
        for name in QUEUES:
            broker.SimpleQueue(name).clear()


def _one_done(queue: Any) -> bool:
    try:
        message = queue.get(block=False)
    except Empty:
        return False
    message.ack()
    words, named, _ = message.payload
    app.tasks[message.headers["task"]](*words, **named)
    return True
