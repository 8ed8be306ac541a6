"""Tasks of the desk itself."""

from typing import Any

from celery import shared_task

from trenddojo.health import BEAT_HEARTBEAT, heartbeat_write


@shared_task(name="trenddojo.heartbeat", expires=30)
def heartbeat(**_later_arguments: Any) -> None:
    """Sent by beat every ten seconds: that it ran proves beat, queue and worker together."""
    heartbeat_write(BEAT_HEARTBEAT)
