"""Connections and what brokers said, for administrators. Nothing sealed is shown."""

from brokers.admin import connections, market

__all__ = ["connections", "market"]
