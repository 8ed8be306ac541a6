"""Work of the queue around connections. The row is the job: a lost message costs time only."""

import logging

from celery import shared_task
from django.utils import timezone

from accounts.services.notifications import notifications_mail
from brokers.services.cleaning import records_clean
from brokers.services.live import live_sweep

logger = logging.getLogger(__name__)


@shared_task(name="brokers.notifications_mail")
def notifications_mail_task() -> None:
    """Send the e-mails that wait."""
    notifications_mail()


@shared_task(name="brokers.live_lapse")
def live_lapse_task() -> None:
    """Turn off live switches that nobody used."""
    live_sweep(now=timezone.now())


@shared_task(name="brokers.records_clean")
def records_clean_task() -> None:
    """Take away what nobody reads any more."""
    gone = records_clean(now=timezone.now())
    if any(gone.values()):
        logger.info("records.cleaned", extra={"fields": gone})
