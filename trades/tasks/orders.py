"""Orders on their way: each task is one step of one order and may be run twice without harm."""

from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

from celery import shared_task
from django.utils import timezone

from trades.execution.cancel import cancels_to_send, order_cancel_send
from trades.execution.doubts import doubts_due, doubts_resolve
from trades.execution.halt_sweep import halts_sweep
from trades.execution.nudges import cancel_nudge, order_nudge, replace_nudge, resolve_nudge
from trades.execution.releases import orders_release
from trades.execution.replace import order_replace_send, replaces_to_send
from trades.execution.stuck_notices import stuck_tell
from trades.execution.submit import order_submit, orders_to_submit, submitting_sweep
from trenddojo.crowd import is_crowd, orders_waiting

# What one sweep looks for and how its finds are nudged, in the order of their urgency.
# A nudge that did not reach a worker for so long was lost, however many wait.
NUDGE_LOST_AFTER = timedelta(seconds=15)


def unsent_orders(now: datetime, limit: int) -> list[UUID]:
    """New orders that nobody sent. Where a crowd waits most of them have their message in it, and a second one would
    only make it larger: then only those that waited for longer than a crowd takes."""
    placed_by = now - NUDGE_LOST_AFTER if is_crowd(orders_waiting()) else None
    return orders_to_submit(now, limit, placed_by=placed_by)


SWEEPS: tuple[tuple[Callable[[datetime, int], list[UUID]], Callable[[UUID], None]], ...] = (
    (cancels_to_send, cancel_nudge),
    (replaces_to_send, replace_nudge),
    (unsent_orders, order_nudge),
    (doubts_due, resolve_nudge),
)
MOST = 500


@shared_task(name="trades.order_submit")
def order_submit_task(order_id: str) -> None:
    order_submit(UUID(order_id))


@shared_task(name="trades.order_cancel")
def order_cancel_task(order_id: str) -> None:
    order_cancel_send(UUID(order_id))


@shared_task(name="trades.order_replace")
def order_replace_task(order_id: str) -> None:
    order_replace_send(UUID(order_id))


@shared_task(name="trades.order_resolve")
def order_resolve_task(order_id: str) -> None:
    doubts_resolve(UUID(order_id))


@shared_task(name="trades.orders_sweep")
def orders_sweep_task() -> None:
    """Nudge for every order whose nudge was lost, and doubt what was sent too long ago without an answer."""
    now = timezone.now()
    submitting_sweep(now)
    for find, nudge in SWEEPS:
        for order_id in find(now, MOST):
            nudge(order_id)


@shared_task(name="trades.halts_sweep")
def halts_sweep_task() -> None:
    """Go on cancelling what works under a halt."""
    halts_sweep()


@shared_task(name="trades.orders_release")
def orders_release_task() -> None:
    """Let orders go whose time has come, if the limits, the price and their expiry still allow it."""
    orders_release(timezone.now())


@shared_task(name="trades.matters_tell")
def matters_tell_task() -> None:
    """Tell traders of what stays undecided for unusually long."""
    stuck_tell(timezone.now())
