"""Work of the queue around events. The row is the job: a lost message costs time only."""

from uuid import UUID

from celery import shared_task
from django.utils import timezone

from accounts.services.webhook_sending import deliveries_make, webhook_send, webhooks_due

# Seconds: an address that never ends its answer holds a worker no longer, and its claim outlasts this.
SOFT_LIMIT, HARD_LIMIT = 30, 45


@shared_task(name="accounts.webhooks_turn")
def webhooks_turn_task() -> None:
    """Make messages of new events, and have every address with something due told."""
    now = timezone.now()
    deliveries_make(now=now)
    for pk in webhooks_due(now=now).values_list("pk", flat=True):
        webhook_send_task.delay(str(pk))


@shared_task(name="accounts.webhook_send", soft_time_limit=SOFT_LIMIT, time_limit=HARD_LIMIT)
def webhook_send_task(webhook_id: str) -> None:
    """Send what is due at one address."""
    webhook_send(UUID(webhook_id))
