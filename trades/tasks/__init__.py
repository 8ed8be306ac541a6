"""Work of the queue. A message is a nudge: the row says what is to be done, and a sweep nudges again."""

from trades.tasks.cleaning import trails_clean_task
from trades.tasks.connections import (
    connection_poll_task,
    connection_sync_task,
    connections_poll_task,
    connections_sync_task,
    quotes_refresh_task,
)
from trades.tasks.demo import demo_orders_task
from trades.tasks.imports import files_sweep_task, import_nudge, import_work_task, imports_sweep_task
from trades.tasks.market import excursions_sweep_task
from trades.tasks.orders import (
    halts_sweep_task,
    matters_tell_task,
    order_cancel_task,
    order_replace_task,
    order_resolve_task,
    order_submit_task,
    orders_release_task,
    orders_sweep_task,
)

__all__ = [
    "connection_poll_task",
    "connection_sync_task",
    "connections_poll_task",
    "connections_sync_task",
    "demo_orders_task",
    "excursions_sweep_task",
    "files_sweep_task",
    "halts_sweep_task",
    "import_nudge",
    "import_work_task",
    "imports_sweep_task",
    "matters_tell_task",
    "order_cancel_task",
    "order_replace_task",
    "order_resolve_task",
    "order_submit_task",
    "orders_release_task",
    "orders_sweep_task",
    "quotes_refresh_task",
    "trails_clean_task",
]
