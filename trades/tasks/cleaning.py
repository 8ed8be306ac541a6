"""Trails that nobody has to keep any longer."""

import logging

from celery import shared_task
from django.utils import timezone

from trades.services.cleaning import trails_clean

log = logging.getLogger(__name__)


@shared_task(name="trades.trails_clean")
def trails_clean_task() -> None:
    """Take away what the settings say is kept no longer."""
    gone = trails_clean(now=timezone.now())
    if any(gone.values()):
        log.info("trails.cleaned", extra={"fields": gone})
