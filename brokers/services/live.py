"""The live switch of an account: off until the trader turns it on, and off again when nobody uses it."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet
from django.http import Http404
from django.utils import timezone

from accounts.models import NotificationKind, TradingAccount, User
from accounts.services.notifications import notify
from brokers.checks import live_problems
from brokers.models import BrokerConnection
from brokers.services.errors import ConnectionRefusal


def live_arm(*, user: User, account: TradingAccount, password: str, account_name: str) -> BrokerConnection:
    """Let live orders of this account leave, until it is unused for LIVE_IDLE_MINUTES.

    Raises Http404 and ConnectionRefusal. The caller limits how often a password may be tried.
    """
    connection = BrokerConnection.objects.filter(user=user, account=account).first()
    if connection is None or account.owner_id != user.pk:
        raise Http404
    _check_can_arm(connection)
    if account_name.strip() != account.name:
        raise ConnectionRefusal("name_differs", f"Type the account's name exactly: {account.name}", "account_name")
    if not user.check_password(password):
        raise ConnectionRefusal("wrong_password", "This is not your password.", "password")
    now = timezone.now()
    armed = BrokerConnection.objects.filter(pk=connection.pk, is_active=True, is_paper=False).update(
        live_armed_at=now, live_used_at=now
    )
    if not armed:
        raise _disabled()
    connection.refresh_from_db()
    return connection


def live_disarm(*, connection: BrokerConnection) -> None:
    """No live order leaves any more; those that work go on working."""
    BrokerConnection.objects.filter(pk=connection.pk).update(live_armed_at=None, live_used_at=None)
    connection.live_armed_at = connection.live_used_at = None


def live_is_armed(connection: BrokerConnection, now: datetime) -> bool:
    """Whether live orders may leave at this moment; never for a paper connection, which needs no switch."""
    if not settings.ENABLE_BROKER_INTEGRATIONS or connection.is_paper or not connection.is_active:
        return False
    if live_problems():
        return False
    lapses = live_lapses_at(connection)
    return lapses is not None and now < lapses


def live_lapses_at(connection: BrokerConnection) -> datetime | None:
    """When the switch turns itself off; None while it is off."""
    if connection.live_armed_at is None:
        return None
    return (connection.live_used_at or connection.live_armed_at) + timedelta(minutes=settings.LIVE_IDLE_MINUTES)


def live_touch(connection: BrokerConnection) -> None:
    """An order used the switch: it stays on for another while. One that has lapsed stays off."""
    now = timezone.now()
    _armed().filter(pk=connection.pk).exclude(_unused_since(now - _idle())).update(live_used_at=now)


def live_sweep(*, now: datetime) -> int:
    """Turn off what has lapsed and tell its owners; how many."""
    lapsed = list(_armed().filter(_unused_since(now - _idle())).select_related("user", "account"))
    return sum(_lapse(connection, now) for connection in lapsed)


def _lapse(connection: BrokerConnection, now: datetime) -> int:
    with transaction.atomic():
        same = Q(pk=connection.pk, live_armed_at=connection.live_armed_at)
        if not _armed().filter(same, _unused_since(now - _idle())).update(live_armed_at=None, live_used_at=None):
            return 0
        notify(
            user=connection.user,
            kind=NotificationKind.RISK,
            key=f"connection:{connection.pk}:lapsed:{connection.live_armed_at}",
            title=f"Live trading is off for {connection.account or connection.label}",
            text=f"Nothing was sent for {settings.LIVE_IDLE_MINUTES} minutes. Turn it on again before the next live "
            "order.",
            path=f"/accounts/{connection.account_id}/live/" if connection.account_id else "/connections/",
        )
    return 1


def _armed() -> QuerySet[BrokerConnection]:
    return BrokerConnection.objects.filter(live_armed_at__isnull=False)


def _unused_since(moment: datetime) -> Q:
    return Q(live_used_at__lte=moment) | Q(live_used_at=None, live_armed_at__lte=moment)


def _idle() -> timedelta:
    return timedelta(minutes=settings.LIVE_IDLE_MINUTES)


def _check_can_arm(connection: BrokerConnection) -> None:
    if connection.is_paper:
        raise ConnectionRefusal("paper", "This account trades on paper: it needs no switch.")
    if not settings.ENABLE_BROKER_INTEGRATIONS:
        raise ConnectionRefusal(
            "integrations_disabled",
            "Live orders are switched off for this whole desk: whoever runs it sets ENABLE_BROKER_INTEGRATIONS=true.",
        )
    if problems := live_problems():
        told = " ".join(str(problem.msg) for problem in problems)
        raise ConnectionRefusal("unsafe", f"This desk is not set up for live orders. {told}")
    if not connection.is_active:
        raise _disabled()


def _disabled() -> ConnectionRefusal:
    return ConnectionRefusal("disabled", "The connection is disabled: reconnect it first.")
