"""Tasks of the desk itself."""

from typing import Any

from celery import shared_task

from accounts.services.pulses import BEAT
from trenddojo.health import BEAT_HEARTBEAT, heartbeat_write
from trenddojo.pulse import pulse_note


@shared_task(name="trenddojo.heartbeat", expires=30)
def heartbeat(**_later_arguments: Any) -> None:
    """Sent by beat every ten seconds: that it ran proves beat, queue and worker together."""
    heartbeat_write(BEAT_HEARTBEAT)
    pulse_note(BEAT)
