"""What a stream's words lead to: orders take the state they name, executions are pulled."""

from collections.abc import Sequence
from uuid import UUID

from django.utils import timezone

from brokers import vault
from brokers.base import ConnectionSettings, OrderReport, OrderUpdate
from brokers.errors import BrokerError, CredentialsInvalid, TryLater
from brokers.models import BrokerConnection
from brokers.rate_limits import Priority
from brokers.registry import adapter_for, settings_of
from brokers.services.calls import call_note, stream_call, stream_calls_end
from brokers.services.connections import connection_failed
from brokers.services.schedule import claimed, sync_soon
from trades.execution.poll import connection_poll, connections_with_open_orders
from trades.execution.pulls import fills_pull
from trades.execution.sync import connection_sync
from trades.execution.track import STREAM, reports_apply
from trenddojo import measures
from trenddojo.statements import models_of

POLL = "poll"


def stream_settings(connection_id: UUID) -> ConnectionSettings | None:
    """What the stream is opened with; None when the connection is not to be used any more."""
    connection = BrokerConnection.objects.filter(pk=connection_id, is_active=True).first()
    if connection is None:
        return None
    return settings_of(connection, vault.unseal(connection.credentials, row_id=connection.pk))


def stream_refused(connection_id: UUID, used: ConnectionSettings, error: CredentialsInvalid) -> None:
    """Disable the connection, unless it has got other keys since: an answer to the old ones says nothing of them."""
    connection = BrokerConnection.objects.filter(pk=connection_id, is_active=True).first()
    if connection is None or vault.unseal(connection.credentials, row_id=connection.pk) != used.credentials:
        return
    call = stream_call(used.stream_url)
    connection_failed(connection_id=connection_id, error=error, sealed=connection.credentials, call=call)


def stream_lost(connection_id: UUID, used: ConnectionSettings, error: BrokerError) -> None:
    """Keep that the stream could not be opened, or ended. Polls go on, so the connection is none the worse for it."""
    call_note(connection_id=connection_id, error=error, call=stream_call(used.stream_url))


def stream_opened(connection_id: UUID) -> None:
    """Catch up with what happened before the socket listened; a sync that already runs may have begun too early."""
    stream_calls_end(connection_id=connection_id)
    with claimed(connection_id) as connection:
        if connection is not None:
            connection_sync(connection)
            return
    sync_soon(connection_id)


def stream_prove(connection_id: UUID) -> None:
    """Ask for the open orders. Raises TryLater when they changed without a word from the socket."""
    connection = connections_with_open_orders().filter(pk=connection_id, is_active=True).first()
    if connection is not None and connection_poll(connection):
        raise TryLater("The broker's order stream keeps silent about changes.", after=1, code="stream_mute")


def hints_apply(connection_id: UUID, updates: Sequence[OrderUpdate]) -> None:
    """Pull the executions when there were any, or when a frame was unreadable, and apply the reports in their order.

    Executions go first: they are what a trader waits for, and are booked whatever their orders say of themselves.
    """
    (connection,) = models_of(BrokerConnection, "id = %(id)s", {"id": connection_id})
    reports = [update.report for update in updates if update.report is not None]
    is_pulled = any(update.is_execution or update.report is None for update in updates)
    waiting = _executions_pull(connection) if is_pulled and connection.is_active else 0
    applied = reports_apply(connection, reports, source=STREAM, now=timezone.now())
    _lag_measure(connection, reports)
    if not connection.is_active:
        return
    if waiting:
        # Their order may have got its id from these reports.
        _executions_pull(connection)
    elif applied.wants_pull and not is_pulled:
        # Orders made elsewhere, or legs whose ids we have not heard: the list tells one from the other.
        connection_poll(connection)


def _lag_measure(connection: BrokerConnection, reports: Sequence[OrderReport]) -> None:
    """From the broker's own time of an event to our row."""
    now = timezone.now()
    for report in reports:
        if report.updated_at is not None:
            lag = max((now - report.updated_at).total_seconds(), 0)
            measures.observe("trenddojo_stream_lag_seconds", lag, connection.broker)


def _executions_pull(connection: BrokerConnection) -> int:
    """Returns how many executions could not be placed yet."""
    try:
        return fills_pull(connection, adapter_for(connection, reads=Priority.RECONCILE), source=POLL).waiting
    except BrokerError as error:
        connection_failed(connection_id=connection.pk, error=error, sealed=connection.credentials)
        sync_soon(connection.pk)
        return 0
