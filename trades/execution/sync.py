"""The whole of a connection, pulled: orders, executions, positions, the account and money that moved."""

import logging
from datetime import datetime

from django.utils import timezone

from brokers.errors import BrokerError
from brokers.models import BrokerConnection
from brokers.registry import adapter_for
from brokers.services.connections import connection_failed, connection_succeeded
from brokers.vault import VaultError
from trades.execution.reconcile import ReconcileResult, connection_reconcile
from trades.execution.restored import restored_release
from trades.execution.standing import cash_since, cash_write
from trades.models import Trade, TradeStatus

log = logging.getLogger(__name__)


def connection_sync(connection: BrokerConnection, *, now: datetime | None = None) -> ReconcileResult | None:
    """Bring everything about a connection in line with its broker; the caller holds it by a claim.

    What goes wrong at the broker is recorded with the connection and returns None: what was applied before stays, and
    the next turn goes on from there.
    """
    now = now or timezone.now()
    try:
        adapter = adapter_for(connection)
        result = connection_reconcile(connection, adapter, now=now)
        moved = adapter.cash_movements(cash_since(connection, now.date()), connection.cash_cursor)
        cash_write(connection, moved)
    except BrokerError as error:
        log.info("sync.failed connection=%s code=%s broker_request=%s", connection.pk, error.code, error.request_id)
        connection_failed(connection_id=connection.pk, error=error, sealed=connection.credentials)
        return None
    except VaultError as problem:
        log.warning("sync.sealed connection=%s problem=%s", connection.pk, problem)
        connection_failed(connection_id=connection.pk, error=BrokerError(str(problem), code="sealed"))
        return None
    _trades_synced(connection, now)
    restored_release(connection, now=now)
    connection_succeeded(connection_id=connection.pk, synced_at=now)
    return result


def _trades_synced(connection: BrokerConnection, now: datetime) -> None:
    """Trades that the broker knows of are as true as this moment."""
    known = Trade.objects.filter(account=connection.account_id, status__in=(TradeStatus.PENDING, TradeStatus.ACTIVE))
    known.exclude(broker="").update(last_sync=now)
