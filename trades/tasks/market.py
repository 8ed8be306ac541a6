"""What the market did while trades were open."""

from celery import shared_task
from django.utils import timezone

from trades.services.excursions import excursions_sweep


@shared_task(name="trades.excursions_sweep")
def excursions_sweep_task() -> None:
    """Measure closed trades from bars; what is not done is found again the next time."""
    excursions_sweep(now=timezone.now())
