"""What a trader should know, each thing once: in the app and by e-mail, as they chose for its kind."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import redis
from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.db import transaction
from django.db.models import Subquery
from django.http import Http404
from django.utils import timezone

from accounts.models import Notification, NotificationChoice, NotificationKind, User
from trenddojo.cache import spare

logger = logging.getLogger(__name__)

# A mail that comes a day late misleads: the app still shows what it would have said.
MAIL_WITHIN = timedelta(hours=24)
TITLE_LENGTH = 120
TEXT_LENGTH = 500
UNREAD_LASTS = 60


@dataclass(frozen=True, slots=True)
class Choice:
    """How a trader wants to hear of one kind."""

    kind: str
    in_app: bool = True
    by_email: bool = True


@dataclass(frozen=True, slots=True)
class Told:
    """One thing to know, once for each key; `path` is the page to look at. No secret in it."""

    kind: str
    key: str
    title: str
    text: str
    path: str = ""


def notify(*, user: User, kind: str, key: str, title: str, text: str, path: str = "") -> None:
    """Tell the user something, once for each key; the caller's transaction keeps or drops it with everything else.

    Neither title nor text may hold a secret. `path` is the page to look at, such as /connections/.
    """
    notify_all(user=user, told=[Told(kind, key, title, text, path)])


def notify_all(*, user: User, told: Iterable[Told]) -> None:
    """As `notify` for many things, in two queries."""
    choices = choices_of(user)
    rows = [
        Notification(
            user=user,
            kind=one.kind,
            key=one.key,
            title=" ".join(one.title.split())[:TITLE_LENGTH],
            text=one.text[:TEXT_LENGTH],
            path=one.path,
            in_app=choices[one.kind].in_app,
            by_email=choices[one.kind].by_email and bool(user.email),
        )
        for one in told
        if choices[one.kind].in_app or choices[one.kind].by_email
    ]
    if rows:
        Notification.objects.bulk_create(rows, ignore_conflicts=True)
        transaction.on_commit(lambda: _forget_unread(user.pk))


def choices_of(user: User) -> dict[str, Choice]:
    """How the user wants to hear of every kind, in the order of the settings page."""
    kept = {row.kind: row for row in NotificationChoice.objects.filter(user=user)}
    return {
        kind: Choice(kind, kept[kind].in_app, kept[kind].by_email) if kind in kept else Choice(kind)
        for kind in NotificationKind.values
    }


def choices_save(*, user: User, choices: list[Choice]) -> None:
    """Set how the user hears of these kinds from now on."""
    NotificationChoice.objects.bulk_create(
        [NotificationChoice(user=user, kind=one.kind, in_app=one.in_app, by_email=one.by_email) for one in choices],
        update_conflicts=True,
        unique_fields=["user", "kind"],
        update_fields=["in_app", "by_email"],
    )


def notification_read(*, user: User, pk: UUID) -> Notification:
    """Mark one as read. Raises Http404."""
    found = Notification.objects.filter(user=user, pk=pk, in_app=True).first()
    if found is None:
        raise Http404
    Notification.objects.filter(pk=pk, read_at__isnull=True).update(read_at=timezone.now())
    transaction.on_commit(lambda: _forget_unread(user.pk))
    found.refresh_from_db(fields=["read_at"])
    return found


def notifications_read_all(*, user: User, until: UUID | None = None) -> int:
    """Mark all as read, or those not newer than `until`, so that what came in meanwhile stays unread; how many."""
    unread = Notification.objects.filter(user=user, in_app=True, read_at__isnull=True)
    if until is not None:
        newest = Notification.objects.filter(user=user, pk=until).values("created_at")
        unread = unread.filter(created_at__lte=Subquery(newest))
    count = unread.update(read_at=timezone.now())
    transaction.on_commit(lambda: _forget_unread(user.pk))
    return count


def unread_count(user: User) -> int:
    """How many the user has not read; every page shows it, so that it is remembered for a minute."""
    known = spare.get(_unread_key(user.pk))
    if known is not None:
        return int(known)
    count = Notification.objects.filter(user=user, in_app=True, read_at__isnull=True).count()
    spare.set(_unread_key(user.pk), count, UNREAD_LASTS)
    return count


def notifications_mail(limit: int = 100) -> int:
    """Send the mails that wait, each at most once, whoever else is sending; how many were sent.

    A mail server that cannot be reached leaves them waiting; one that fails in the middle of a mail does not get it
    twice.
    """
    waiting = list(
        Notification.objects.filter(
            by_email=True, emailed_at__isnull=True, created_at__gte=timezone.now() - MAIL_WITHIN
        )
        .select_related("user")
        .order_by("created_at")[:limit]
    )
    if not waiting:
        return 0
    server = get_connection()
    try:
        server.open()
    except OSError as problem:
        logger.warning("notifications.mail.unreachable problem=%s", type(problem).__name__)
        return 0
    try:
        return sum(_mail(one, server) for one in waiting)
    finally:
        server.close()


def _mail(one: Notification, server: BaseEmailBackend) -> int:
    claimed = Notification.objects.filter(pk=one.pk, emailed_at__isnull=True).update(emailed_at=timezone.now())
    if not claimed:
        return 0
    subject = f"{settings.ACCOUNT_EMAIL_SUBJECT_PREFIX}{one.title}"
    text = (
        f"{one.text}\n\nOpen {settings.SITE_NAME} to see it. Which of these come by e-mail is chosen there, under "
        "Notifications.\n"
    )
    try:
        EmailMessage(subject, text, to=[one.user.email], connection=server).send()
    except OSError:
        logger.exception("notifications.mail.failed notification=%s", one.pk)
        return 0
    return 1


def _unread_key(user_id: UUID) -> str:
    return f"unread:{user_id}"


def _forget_unread(user_id: UUID) -> None:
    try:
        spare.delete(_unread_key(user_id))
    except redis.RedisError:
        logger.warning("notifications.unread.kept user=%s", user_id)
