"""Telling the workers that a row has work for them. A lost nudge costs time only: the sweep finds the row."""

import logging
from functools import partial
from uuid import UUID

from celery import current_app
from django.db import transaction
from kombu.exceptions import OperationalError

logger = logging.getLogger(__name__)


def sync_nudge(connection_id: UUID) -> None:
    """Have this connection pulled, once the caller's transaction is committed."""
    transaction.on_commit(partial(_send, "brokers.connection_sync", str(connection_id)))


def poll_nudge(connection_id: UUID) -> None:
    """Have this connection's open orders and new fills asked for, once the caller's transaction is committed."""
    transaction.on_commit(partial(_send, "brokers.connection_poll", str(connection_id)))


def _send(task: str, key: str) -> None:
    try:
        current_app.send_task(task, [key], queue="desk")
    except OperationalError:
        logger.warning("connection.nudge.lost name=%s connection=%s", task, key)
