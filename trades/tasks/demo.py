"""The demo trader's first orders at the stand-in exchange."""

from celery import shared_task
from django.utils import timezone

from trades.demo.exchange import demo_orders


@shared_task(name="trades.demo_orders")
def demo_orders_task() -> None:
    """Go on where it was ended, until every order is written; the exchange may come up later than the desk."""
    demo_orders(now=timezone.now())
