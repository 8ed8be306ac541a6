"""Work of the queue around connections. The row is the job: a lost message costs time only."""

from celery import shared_task
from django.utils import timezone

from accounts.services.notifications import notifications_mail
from brokers.services.live import live_sweep


@shared_task(name="brokers.notifications_mail")
def notifications_mail_task() -> None:
    """Send the e-mails that wait."""
    notifications_mail()


@shared_task(name="brokers.live_lapse")
def live_lapse_task() -> None:
    """Turn off live switches that nobody used."""
    live_sweep(now=timezone.now())
