"""Telling the workers that an order's row has work for them. A lost nudge costs time only: a sweep finds the row."""

import logging
from functools import partial
from uuid import UUID

from celery import current_app
from django.db import transaction
from kombu.exceptions import OperationalError

log = logging.getLogger(__name__)


def order_nudge(order_id: UUID) -> None:
    """Have the order sent, once the caller's transaction is committed; so do the others."""
    _after_commit("trades.order_submit", order_id)


def cancel_nudge(order_id: UUID) -> None:
    _after_commit("trades.order_cancel", order_id)


def replace_nudge(order_id: UUID) -> None:
    _after_commit("trades.order_replace", order_id)


def resolve_nudge(order_id: UUID) -> None:
    _after_commit("trades.order_resolve", order_id)


def release_nudge() -> None:
    """Have waiting orders looked at: what one of them waited for has come to its end."""
    transaction.on_commit(partial(_send, "trades.orders_release"), robust=True)


def halts_nudge() -> None:
    """Have what works under a halt cancelled; not by the workers for orders, which ask the brokers for it."""
    transaction.on_commit(partial(_send, "trades.halts_sweep", queue="desk"), robust=True)


def _after_commit(task: str, order_id: UUID) -> None:
    transaction.on_commit(partial(_send, task, order_id), robust=True)


def _send(task: str, *ids: UUID, queue: str = "orders") -> None:
    try:
        current_app.send_task(task, [str(key) for key in ids], queue=queue)
    except OperationalError:
        log.warning("order.nudge.lost name=%s ids=%s", task, ",".join(map(str, ids)))
