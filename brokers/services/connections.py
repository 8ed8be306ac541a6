"""Connecting to brokers and what becomes of a connection. The broker is asked outside of every transaction."""

import logging
import uuid
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.http import Http404
from django.utils import timezone

from accounts.models import NotificationKind, TradingAccount, User
from accounts.services.notifications import notify
from brokers import registry, vault
from brokers.base import AccountReport
from brokers.errors import BrokerError, CredentialsInvalid, MarketClosed, NoMarketData, Refused
from brokers.http import Call
from brokers.models import BrokerConnection, ConnectionStatus
from brokers.rate_limits import Priority
from brokers.selectors import connection_has_working_orders
from brokers.services.calls import call_note, calls_end
from brokers.services.credentials import credentials_clean, credentials_prove, key_hint, refusal_of
from brokers.services.errors import ConnectionRefusal
from brokers.services.linking import NewAccount, account_linked, check_new_account
from brokers.services.live import live_arm, live_disarm, live_is_armed, live_touch
from brokers.services.nudges import sync_nudge
from brokers.services.snapshots import snapshot_keep

__all__ = [
    "NewAccount",
    "connection_create",
    "connection_disable",
    "connection_enable",
    "connection_failed",
    "connection_reconnect",
    "connection_remove",
    "connection_rename",
    "connection_succeeded",
    "connection_sync_ask",
    "connection_verify",
    "live_arm",
    "live_disarm",
    "live_is_armed",
    "live_touch",
]

logger = logging.getLogger(__name__)

LABEL_LENGTH = 80
ERROR_LENGTH = 300
# Answers to one question, which the connection itself was fit to ask.
NOTHING_WRONG = (Refused, MarketClosed, NoMarketData)
# A disabled connection has nobody on it and nothing armed.
AT_REST: dict[str, Any] = {
    "is_active": False,
    "status": ConnectionStatus.DISABLED,
    "live_armed_at": None,
    "live_used_at": None,
}


def connection_create(
    *,
    user: User,
    broker: str,
    label: str,
    is_paper: bool,
    credentials: dict[str, str],
    account: TradingAccount | NewAccount | None = None,
    creation_key: uuid.UUID | None = None,
) -> BrokerConnection:
    """Try the keys at the broker, then keep them sealed; nothing is kept of keys that do not work.

    The creation key becomes the connection's id: sent twice, the form connects once. Raises ConnectionRefusal,
    AccountError and Http404 (another's account).
    """
    key = creation_key or uuid.uuid4()
    if found := _sent_before(user, key):
        return found
    connection = BrokerConnection(id=key, user=user, broker=broker, label=label.strip(), is_paper=is_paper)
    try:
        _check_new(connection, account)
    except ConnectionRefusal:
        # What stands in the way may be what the same form has made in this moment.
        if found := _sent_before(user, key):
            return found
        raise
    cleaned = credentials_clean(broker, credentials)
    connection.credentials, connection.key_hint = _sealed(connection, cleaned)
    report = _proven(connection, cleaned)
    connection.broker_account_id = report.broker_account_id
    connection.allows_shorts = report.allows_shorts
    connection.journal_since = timezone.now()
    try:
        with transaction.atomic():
            connection.account = account_linked(connection, account, report) if account else None
            connection.save(force_insert=True)
            snapshot_keep(connection, report)
            sync_nudge(connection.pk)
    except IntegrityError as problem:
        return _made_meanwhile(connection, problem)
    return connection


def connection_rename(*, connection: BrokerConnection, label: str, seen: str | None = None) -> None:
    """Call it something else; where the caller says which name was `seen`, only while it is still that.

    Raises ConnectionRefusal.
    """
    connection.label = label.strip()
    _check_label(connection)
    same = Q(pk=connection.pk) & (Q() if seen is None else Q(label=seen))
    if not BrokerConnection.objects.filter(same).update(label=connection.label, updated_at=timezone.now()):
        raise ConnectionRefusal("stale", "This was renamed meanwhile: look at it, then rename it again.", "label")


def connection_verify(*, connection: BrokerConnection) -> AccountReport:
    """Ask the broker now whether the kept keys still work, and note the answer.

    Raises BrokerError after it was noted (bad keys disable the connection), and VaultError.
    """
    try:
        report = registry.adapter_for(connection, reads=Priority.SUBMIT).verify()
    except BrokerError as error:
        connection_failed(connection_id=connection.pk, error=error, sealed=connection.credentials)
        raise
    with transaction.atomic():
        connection_succeeded(connection_id=connection.pk)
        snapshot_keep(connection, report)
    return report


def connection_reconnect(*, connection: BrokerConnection, credentials: dict[str, str]) -> None:
    """Put new keys in the place of the old; the connection, its account, orders and history keep their ids.

    Live trading is switched off. Raises ConnectionRefusal; the old keys then stay.
    """
    cleaned = credentials_clean(connection.broker, credentials)
    sealed, hint = _sealed(connection, cleaned)
    report = _proven(connection, cleaned)
    known = connection.broker_account_id
    if known and report.broker_account_id != known:
        raise ConnectionRefusal(
            "other_account", "These keys open another account: connect that one by itself, and leave this as it is."
        )
    changes = {
        "credentials": sealed,
        "key_hint": hint,
        "broker_account_id": report.broker_account_id,
        "allows_shorts": report.allows_shorts,
    }
    try:
        with transaction.atomic():
            _wake(connection, **changes)
            snapshot_keep(connection, report)
    except IntegrityError as problem:
        raise _connected_already() from problem


def connection_disable(*, connection: BrokerConnection, reason: str) -> None:
    """Nothing is asked of the broker any more; what works there goes on working. Reconnecting or enabling undoes it."""
    BrokerConnection.objects.filter(pk=connection.pk).update(
        **AT_REST, last_error=reason[:ERROR_LENGTH], last_error_at=timezone.now(), updated_at=timezone.now()
    )
    connection.refresh_from_db()


def connection_enable(*, connection: BrokerConnection) -> None:
    """Use it again, once the broker has accepted the kept keys. Raises ConnectionRefusal and VaultError."""
    credentials = vault.unseal(connection.credentials, row_id=connection.pk)
    report = _proven(connection, credentials)
    with transaction.atomic():
        _wake(connection, allows_shorts=report.allows_shorts)
        snapshot_keep(connection, report)


def connection_remove(*, user: User, pk: uuid.UUID) -> None:
    """Forget the connection and its keys; the account, its trades and orders stay.

    Raises Http404 and ConnectionRefusal while orders work there: nobody would follow them any more.
    """
    with transaction.atomic():
        connection = BrokerConnection.objects.select_for_update().filter(user=user, pk=pk).first()
        if connection is None:
            raise Http404
        if connection_has_working_orders(connection):
            raise ConnectionRefusal(
                "orders_working", "Orders still work or wait there: cancel them, or let them end, before you remove it."
            )
        connection.delete()


def connection_sync_ask(*, connection: BrokerConnection) -> None:
    """Have a worker pull everything now. Raises ConnectionRefusal for a disabled connection."""
    with transaction.atomic():
        asked = BrokerConnection.objects.filter(pk=connection.pk, is_active=True).update(next_sync_at=None)
        if not asked:
            raise ConnectionRefusal("disabled", "This connection is disabled: reconnect it first.")
        sync_nudge(connection.pk)


def connection_failed(
    *, connection_id: uuid.UUID, error: BrokerError, sealed: str | None = None, call: Call | None = None
) -> None:
    """Note that the broker could not be used, and by which call. Keys it refuses disable the connection and tell the
    trader, once.

    `sealed` is what the call was made with, where the caller knows: an answer to keys that have been replaced since
    says nothing about the new ones. `call` where it is not the last one of this thread.
    """
    if isinstance(error, NOTHING_WRONG):
        return
    call_note(connection_id=connection_id, error=error, sealed=sealed, call=call)
    if error.code == "rate_limited":
        return
    same = Q(pk=connection_id, is_active=True) & (Q() if sealed is None else Q(credentials=sealed))
    now = timezone.now()
    noted = {"last_error": error.sentence[:ERROR_LENGTH], "last_error_at": now}
    if not isinstance(error, CredentialsInvalid):
        BrokerConnection.objects.filter(same).update(status=ConnectionStatus.NEEDS_ATTENTION, **noted)
        return
    with transaction.atomic():
        if BrokerConnection.objects.filter(same).update(**AT_REST, **noted, updated_at=now):
            _tell_disabled(connection_id, error, now)


def connection_succeeded(*, connection_id: uuid.UUID, synced_at: datetime | None = None) -> None:
    """Note that the broker answered, and when everything was pulled. A disabled connection stays disabled."""
    active = BrokerConnection.objects.filter(pk=connection_id, is_active=True)
    well = {"status": ConnectionStatus.CONNECTED, "last_error": ""}
    if synced_at is not None:
        active.update(**well, last_sync=synced_at)
        calls_end(connection_id=connection_id)
        return
    if active.exclude(**well).update(**well):
        calls_end(connection_id=connection_id)


def _check_new(connection: BrokerConnection, account: TradingAccount | NewAccount | None) -> None:
    if not registry.is_connectable(connection.broker):
        raise ConnectionRefusal("bad_broker", "Choose one of the brokers of the list.", "broker")
    if registry.spec_of(connection.broker).is_always_paper and not connection.is_paper:
        raise ConnectionRefusal("paper_only", "There is no money behind this broker: choose paper.", "is_paper")
    _check_label(connection)
    if isinstance(account, NewAccount):
        check_new_account(connection.user, account)


def _check_label(connection: BrokerConnection) -> None:
    if not 0 < len(connection.label) <= LABEL_LENGTH:
        raise ConnectionRefusal("bad_label", f"Give a name of at most {LABEL_LENGTH} characters.", "label")


def _sealed(connection: BrokerConnection, credentials: dict[str, str]) -> tuple[str, str]:
    """The sealed keys and their hint. Before the broker is asked: a desk that cannot keep keys does not try them."""
    try:
        sealed = vault.seal(credentials, row_id=connection.pk)
    except vault.VaultError as problem:
        raise ConnectionRefusal("no_vault", str(problem)) from problem
    return sealed, key_hint(connection.broker, credentials)


def _proven(connection: BrokerConnection, credentials: dict[str, str]) -> AccountReport:
    try:
        return credentials_prove(connection, credentials)
    except BrokerError as error:
        logger.info("connection.refused broker=%s problem=%s", connection.broker, type(error).__name__)
        raise refusal_of(connection, error) from None


def _made_meanwhile(connection: BrokerConnection, problem: IntegrityError) -> BrokerConnection:
    """The same form sent twice at once, or the same broker account connected twice."""
    found = _sent_before(connection.user, connection.pk)
    if found is None:
        raise _connected_already() from problem
    return found


def _sent_before(user: User, key: uuid.UUID) -> BrokerConnection | None:
    return BrokerConnection.objects.filter(pk=key, user=user).first()


def _connected_already() -> ConnectionRefusal:
    return ConnectionRefusal(
        "connected_already", "You are already connected to this broker account: reconnect that connection instead."
    )


def _wake(connection: BrokerConnection, **changes: Any) -> None:
    """In use again, with nothing armed; a worker pulls what happened meanwhile."""
    BrokerConnection.objects.filter(pk=connection.pk).update(
        **changes,
        is_active=True,
        status=ConnectionStatus.CONNECTED,
        last_error="",
        live_armed_at=None,
        live_used_at=None,
        next_sync_at=None,
        next_poll_at=None,
        updated_at=timezone.now(),
    )
    calls_end(connection_id=connection.pk)
    connection.refresh_from_db()
    sync_nudge(connection.pk)


def _tell_disabled(connection_id: uuid.UUID, error: BrokerError, now: datetime) -> None:
    connection = BrokerConnection.objects.select_related("user").get(pk=connection_id)
    notify(
        user=connection.user,
        kind=NotificationKind.CONNECTION,
        key=f"connection:{connection_id}:disabled:{now.isoformat()}",
        title=f"{connection.label} is disconnected",
        text=f"{connection.get_broker_display()} no longer accepts the keys: {error.sentence} Nothing is asked of it "
        "until you reconnect with new keys.",
        path=f"/connections/{connection_id}/reconnect/",
    )
