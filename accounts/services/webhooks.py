"""Webhooks: which address is told of what, and what it is told next. Sending is webhook_sending's."""

import base64
import ipaddress
import secrets
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

from django.conf import settings
from django.db import IntegrityError, transaction
from django.http import Http404

from accounts.models import DeliveryState, EventSubject, User, Webhook, WebhookDelivery
from accounts.sealing import secret_box
from accounts.services.errors import AccountError, check_version
from accounts.services.events import events_settle

PURPOSE = b"webhook-secret"
# The prefix and the 24 bytes are those of the Standard Webhooks specification, whose libraries check our signatures.
SECRET_PREFIX, SECRET_BYTES = "whsec_", 24
OLD_SECRET_LASTS = timedelta(hours=24)
MOST = 10
URL_LENGTH, DESCRIPTION_LENGTH = 500, 80
TEST_TYPE = "desk.test"


def webhook_create(
    *, user: User, url: str, subjects: list[str], description: str = "", pk: UUID | None = None
) -> tuple[Webhook, str]:
    """A new webhook and its secret, which cannot be read again. It is told of what happens from now on.

    Raises AccountError (bad_url, taken, too_many, no_subjects).
    """
    secret = _secret()
    webhook = Webhook(user=user, url=url_checked(url), description=_described(description))
    webhook.subjects, webhook.secret = _subjects(subjects), _sealed(secret)
    if pk is not None:
        webhook.pk = pk
    webhook.cursor = events_settle()
    with transaction.atomic():
        # Two at once: the second waits and counts the first.
        User.objects.select_for_update(no_key=True).get(pk=user.pk)
        if Webhook.objects.filter(user=user).count() >= MOST:
            raise AccountError("too_many", f"You have {MOST} webhooks: delete one that is not needed.", "url")
        _save(webhook, force_insert=True)
    return webhook, secret


def webhook_make(*, user: User, pk: UUID, now: datetime, **said: Any) -> tuple[Webhook, str]:
    """As webhook_create for a request that may have died halfway before: nobody got the secret of what it made then."""
    if Webhook.objects.filter(user=user, pk=pk).exists():
        return secret_rotate(user=user, pk=pk, now=now)
    return webhook_create(user=user, pk=pk, **said)


def webhook_edit(*, user: User, pk: UUID, version: str | None = None, **changes: Any) -> Webhook:
    """Change url, description, subjects or is_active; turned on again it goes on with what happens from then on.

    Raises Http404, StaleVersion where `version` (see version_of) is no longer the row's, and AccountError.
    """
    with transaction.atomic():
        webhook = webhook_locked(user, pk)
        if version is not None:
            check_version(webhook, version, changes)
        for name, check in (("url", url_checked), ("description", _described), ("subjects", _subjects)):
            if name in changes:
                setattr(webhook, name, check(changes[name]))
        if changes.get("is_active", webhook.is_active) and not webhook.is_active:
            webhook.cursor = events_settle()
            webhook.failures, webhook.failing_since, webhook.paused_until = 0, None, None
        webhook.is_active = changes.get("is_active", webhook.is_active)
        webhook.stopped_reason = "" if webhook.is_active else webhook.stopped_reason
        _save(webhook)
    return webhook


def webhook_delete(*, user: User, pk: UUID) -> None:
    """Forget the address and everything sent there. Raises Http404."""
    with transaction.atomic():
        webhook_locked(user, pk).delete()


def secret_rotate(*, user: User, pk: UUID, now: datetime) -> tuple[Webhook, str]:
    """A new secret; for a day everything is signed with the old one too. Raises Http404."""
    secret = _secret()
    with transaction.atomic():
        webhook = webhook_locked(user, pk)
        webhook.old_secret, webhook.old_secret_until = webhook.secret, now + OLD_SECRET_LASTS
        webhook.secret = _sealed(secret)
        webhook.save(update_fields=["secret", "old_secret", "old_secret_until", "updated_at"])
    return webhook, secret


def webhook_test(*, user: User, pk: UUID, now: datetime, delivery_pk: UUID | None = None) -> WebhookDelivery:
    """Send a message that says nothing but that messages arrive; with the same `delivery_pk` once.

    Raises Http404, and AccountError where it is off.
    """
    with transaction.atomic():
        webhook = webhook_locked(user, pk)
        found = webhook.deliveries.filter(pk=delivery_pk).first()
        if found is not None:
            return found
        if not webhook.is_active:
            raise AccountError("inactive", "This webhook is off: turn it on first.")
        Webhook.objects.filter(pk=pk).update(paused_until=None)
        body = {"id": None, "type": TEST_TYPE, "at": _moment(now), "object": {"webhook": str(pk)}}
        return WebhookDelivery.objects.create(
            pk=delivery_pk or uuid4(), webhook=webhook, type=TEST_TYPE, body=body, next_attempt_at=now
        )


def delivery_replay(*, user: User, webhook_id: UUID, pk: UUID, now: datetime) -> WebhookDelivery:
    """Send a message once more, under the same id; one that waits is sent now. Raises Http404 and AccountError."""
    with transaction.atomic():
        webhook = webhook_locked(user, webhook_id)
        if not webhook.is_active:
            raise AccountError("inactive", "This webhook is off: turn it on first.")
        found = WebhookDelivery.objects.select_for_update().filter(webhook=webhook, pk=pk).first()
        if found is None:
            raise Http404
        found.state, found.attempts, found.next_attempt_at = DeliveryState.WAITING, 0, now
        found.save(update_fields=["state", "attempts", "next_attempt_at"])
        Webhook.objects.filter(pk=webhook_id).update(paused_until=None)
    return found


def webhook_locked(user: User, pk: UUID) -> Webhook:
    """The user's webhook with its row locked. Raises Http404."""
    found = Webhook.objects.select_for_update().filter(user=user, pk=pk).first()
    if found is None:
        raise Http404
    return found


def url_checked(url: str) -> str:
    """An address that may be told of events; where it leads is looked at again whenever something is sent."""
    url = url.strip()
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    is_plain = url.isascii() and url.isprintable() and " " not in url and len(url) <= URL_LENGTH
    if not is_plain or not parts.hostname or port == 0:
        raise AccountError("bad_url", "Write an address such as https://example.com/desk.", "url")
    if parts.scheme != "https" and not (settings.WEBHOOKS_TO_LOOPBACK and parts.scheme == "http"):
        raise AccountError("bad_url", "The address begins with https://, so that nobody reads along.", "url")
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise AccountError("bad_url", "Leave user, password and #fragment out of the address.", "url")
    if _is_inside(parts.hostname):
        raise AccountError("private_url", "This address lies inside a private network: use a public one.", "url")
    return url


def _is_inside(host: str) -> bool:
    """Whether the address says itself that it is not public."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        is_local_name = "." not in host or host.endswith((".local", ".localhost", ".internal", ".lan", ".home.arpa"))
        return is_local_name and not (settings.WEBHOOKS_TO_LOOPBACK and host == "localhost")
    is_public = address.is_global and not address.is_multicast and not is_site_local(address)
    return not is_public and not (settings.WEBHOOKS_TO_LOOPBACK and address.is_loopback)


def is_site_local(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """fec0::/10, which Python counts as public: private networks were numbered by it before fc00::/7."""
    return address.version == 6 and address.is_site_local  # noqa: PLR2004 - IP version 6


def _subjects(subjects: list[str]) -> list[str]:
    known = [subject for subject in EventSubject.values if subject in set(subjects)]
    if not known:
        raise AccountError("no_subjects", "Choose at least one kind of event.", "subjects")
    return known


def _described(text: str) -> str:
    return " ".join(text.split())[:DESCRIPTION_LENGTH]


def _save(webhook: Webhook, **options: Any) -> None:
    try:
        with transaction.atomic():
            webhook.save(**options)
    except IntegrityError as problem:
        raise AccountError("taken", "You already have a webhook to this address.", "url") from problem


def _secret() -> str:
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def _sealed(secret: str) -> str:
    return secret_box(PURPOSE).encrypt(secret.encode()).decode()


def _moment(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")
