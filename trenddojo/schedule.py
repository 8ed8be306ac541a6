"""What beat starts, and how often in seconds. A turn no worker finds in time expires: the next one does the same."""

from typing import Any

EVERY: dict[str, dict[str, Any]] = {
    "heartbeat": {"task": "trenddojo.heartbeat", "schedule": 10.0, "options": {"expires": 10.0}},
    "imports-sweep": {"task": "trades.imports_sweep", "schedule": 15.0, "options": {"expires": 15.0}},
    "files-sweep": {"task": "trades.files_sweep", "schedule": 3600.0, "options": {"expires": 3600.0}},
    "orders-sweep": {"task": "trades.orders_sweep", "schedule": 5.0, "options": {"expires": 5.0}},
    "orders-release": {"task": "trades.orders_release", "schedule": 10.0, "options": {"expires": 10.0}},
    "halts-sweep": {"task": "trades.halts_sweep", "schedule": 5.0, "options": {"expires": 5.0}},
    "matters-tell": {"task": "trades.matters_tell", "schedule": 30.0, "options": {"expires": 30.0}},
    "connections-poll": {"task": "trades.connections_poll", "schedule": 2.0, "options": {"expires": 2.0}},
    "connections-sync": {"task": "trades.connections_sync", "schedule": 5.0, "options": {"expires": 5.0}},
    "quotes-refresh": {"task": "trades.quotes_refresh", "schedule": 5.0, "options": {"expires": 5.0}},
    "excursions-sweep": {"task": "trades.excursions_sweep", "schedule": 60.0, "options": {"expires": 60.0}},
    "notifications-mail": {"task": "brokers.notifications_mail", "schedule": 15.0, "options": {"expires": 15.0}},
    "webhooks-turn": {"task": "accounts.webhooks_turn", "schedule": 2.0, "options": {"expires": 2.0}},
    "live-lapse": {"task": "brokers.live_lapse", "schedule": 60.0, "options": {"expires": 60.0}},
    "records-clean": {"task": "brokers.records_clean", "schedule": 3600.0, "options": {"expires": 3600.0}},
    "trails-clean": {"task": "trades.trails_clean", "schedule": 3600.0, "options": {"expires": 3600.0}},
}
