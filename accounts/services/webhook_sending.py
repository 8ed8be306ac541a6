"""Telling addresses of events: from the row of events to rows of messages, and from these out, signed.

A message is sent at least once: one whose answer was lost is sent again under the same id. Each address has one sender
at a time and is left alone for a while after a failure, so that a dead one costs the others nothing.
"""

import base64
import hmac
import ipaddress
import json
import logging
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

import requests
from celery.exceptions import SoftTimeLimitExceeded
from django.conf import settings
from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils import timezone
from requests_hardened import Config, HTTPSession
from requests_hardened.ip_filter import InvalidIPAddress
from requests_hardened.ip_filter_adapter import IPFilterAdapter

from accounts.models import DeliveryState, Event, NotificationKind, Webhook, WebhookDelivery
from accounts.sealing import CannotOpen, opened
from accounts.services.events import events_number
from accounts.services.notifications import notify
from accounts.services.webhooks import PURPOSE, SECRET_PREFIX, is_site_local

logger = logging.getLogger(__name__)

# Seconds to connect, and between two bytes of the answer, of which nothing but the status is read.
TIMEOUT = (3.0, 5.0)
# Seconds after which whoever sends lets go of an address, longer than a task may run.
CLAIM = timedelta(seconds=60)
AT_ONCE = 200
# After so long no further message is begun: the next turn goes on, and what a slow address is doing is not cut off.
SENDS_FOR = timedelta(seconds=15)
# After the first, second … failure of one message; then it is given up.
RETRIES = tuple(timedelta(seconds=s) for s in (5, 30, 120, 600, 3600, 3 * 3600, 6 * 3600, 12 * 3600))
LONGEST_PAUSE = timedelta(minutes=5)
# An address that fails for so long is turned off, and its owner told.
GIVE_UP_AFTER = timedelta(days=3)
GONE = 410
USER_AGENT = "TrendDojo-Webhook/1"
SEALED = "The desk's secret key was changed, and this webhook's secret no longer opens: make a new secret."


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one attempt; `error` is empty when it arrived."""

    status: int | None
    error: str

    @property
    def has_arrived(self) -> bool:
        return not self.error


def deliveries_make(*, now: datetime) -> int:
    """A message for each event that an address wants and was not told of; how many."""
    events_number()
    fresh = Event.objects.filter(user_id=OuterRef("user_id"), seq__gt=OuterRef("cursor"))
    behind = Webhook.objects.filter(Exists(fresh), is_active=True).values_list("pk", flat=True)
    return sum(_made_for(pk, now) for pk in list(behind))


def webhooks_due(*, now: datetime) -> QuerySet[Webhook]:
    """Addresses with something to send now, at which nobody is at work."""
    waiting = WebhookDelivery.objects.filter(
        webhook_id=OuterRef("pk"), state=DeliveryState.WAITING, next_attempt_at__lte=now
    )
    return Webhook.objects.filter(
        _past("paused_until", now), _past("claimed_until", now), Exists(waiting), is_active=True
    )


def webhook_send(webhook_id: UUID) -> int:
    """Send what is due at one address, in order, until something fails; how many arrived."""
    now = timezone.now()
    claim = {"claimed_until": now + CLAIM}
    if not webhooks_due(now=now).filter(pk=webhook_id).update(**claim):
        return 0
    try:
        return _send_all(Webhook.objects.get(pk=webhook_id))
    finally:
        Webhook.objects.filter(pk=webhook_id, **claim).update(claimed_until=None)


def signature(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """The signature of a message by the Standard Webhooks specification: HMAC-SHA256 of id, time and body."""
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(key, signed, sha256)).decode()


def body_of(event: Event) -> dict[str, Any]:
    """What is told of an event, in a message as in the stream."""
    return {
        "id": event.seq,
        "type": f"{event.subject}.{event.action}",
        "at": event.at.isoformat().replace("+00:00", "Z"),
        "object": {"id": event.object_id, **event.detail},
    }


def _past(name: str, now: datetime) -> Q:
    return Q(**{f"{name}__isnull": True}) | Q(**{f"{name}__lte": now})


@transaction.atomic
def _made_for(pk: UUID, now: datetime) -> int:
    webhook = Webhook.objects.select_for_update(skip_locked=True).filter(pk=pk, is_active=True).first()
    if webhook is None:
        return 0
    found = list(Event.objects.filter(user_id=webhook.user_id, seq__gt=webhook.cursor).order_by("seq")[:AT_ONCE])
    made = WebhookDelivery.objects.bulk_create(
        [
            WebhookDelivery(
                webhook=webhook,
                seq=event.seq,
                type=f"{event.subject}.{event.action}",
                body=body_of(event),
                next_attempt_at=now,
            )
            for event in found
            if event.subject in webhook.subjects
        ],
        ignore_conflicts=True,
    )
    if found:
        Webhook.objects.filter(pk=pk).update(cursor=found[-1].seq)
    return len(made)


def _send_all(webhook: Webhook) -> int:
    began, arrived = timezone.now(), 0
    due = webhook.deliveries.filter(state=DeliveryState.WAITING, next_attempt_at__lte=began)
    # Whoever turns it off, deletes it or gives another address means from now on.
    same = Webhook.objects.filter(pk=webhook.pk, is_active=True, url=webhook.url)
    for delivery in due.order_by(F("seq").asc(nulls_first=True), "created_at")[:AT_ONCE]:
        outcome = _attempt(webhook, delivery)
        _note(webhook, delivery, outcome, now=timezone.now())
        if not outcome.has_arrived:
            break
        arrived += 1
        if timezone.now() - began >= SENDS_FOR or not same.exists():
            break
    return arrived


def _attempt(webhook: Webhook, delivery: WebhookDelivery) -> Outcome:
    body = json.dumps(delivery.body, separators=(",", ":")).encode()
    try:
        headers = _headers(webhook, delivery, body)
        with _session() as session:
            answer = session.post(webhook.url, data=body, headers=headers, stream=True)
            answer.close()
    except CannotOpen:
        return Outcome(None, SEALED)
    except InvalidIPAddress:
        return Outcome(None, "The address leads into a private network: nothing was sent.")
    except requests.Timeout:
        return Outcome(None, "No answer in time.")
    except requests.exceptions.SSLError:
        return Outcome(None, "The certificate of the address cannot be trusted.")
    except requests.RequestException as problem:
        return Outcome(None, f"Not reached ({type(problem).__name__}).")
    except SoftTimeLimitExceeded:
        return Outcome(None, "The answer did not end in time.")
    is_fine = 200 <= answer.status_code < 300  # noqa: PLR2004 - what HTTP calls success
    return Outcome(answer.status_code, "" if is_fine else f"Answered with status {answer.status_code}.")


class _PublicOnly(IPFilterAdapter):
    """The library's filter, and the private networks it does not know."""

    def build_connection_pool_key_attributes(self, *args: Any, **options: Any) -> Any:
        host, pool = super().build_connection_pool_key_attributes(*args, **options)
        if is_site_local(ipaddress.ip_address(host["host"].strip("[]"))):
            raise InvalidIPAddress(host["host"])
        return host, pool


def _session() -> HTTPSession:
    session = HTTPSession(
        Config(
            ip_filter_enable=True,
            ip_filter_allow_loopback_ips=settings.WEBHOOKS_TO_LOOPBACK,
            never_redirect=True,
            default_timeout=TIMEOUT,
            user_agent_override=USER_AGENT,
        )
    )
    for scheme in ("https", "http"):
        allowed = settings.WEBHOOKS_TO_LOOPBACK
        session.mount(f"{scheme}://", _PublicOnly(is_https_proto=scheme == "https", allow_loopback=allowed))
    # Neither a proxy of the machine, which would look names up elsewhere, nor its .netrc.
    session.trust_env = False
    return session


def _headers(webhook: Webhook, delivery: WebhookDelivery, body: bytes) -> dict[str, str]:
    now = timezone.now()
    secrets = [opened(PURPOSE, webhook.secret).decode()]
    if webhook.old_secret and webhook.old_secret_until and webhook.old_secret_until > now:
        # One that does not open was of a key that is gone, and signs nothing any more.
        with suppress(CannotOpen):
            secrets.append(opened(PURPOSE, webhook.old_secret).decode())
    message_id, timestamp = str(delivery.pk), int(now.timestamp())
    return {
        "Content-Type": "application/json",
        "User-Agent": USER_AGENT,
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signature(secret, message_id, timestamp, body) for secret in secrets),
    }


def _note(webhook: Webhook, delivery: WebhookDelivery, outcome: Outcome, *, now: datetime) -> None:
    """Keep what became of an attempt. Written at once: whoever dies later repeats no attempt."""
    told: dict[str, Any] = {
        "attempts": F("attempts") + 1,
        "last_attempt_at": now,
        "last_status": outcome.status,
        "last_error": outcome.error,
    }
    if outcome.has_arrived:
        told |= {"state": DeliveryState.DELIVERED, "delivered_at": now}
    elif delivery.attempts >= len(RETRIES):
        told["state"] = DeliveryState.FAILED
    else:
        told["next_attempt_at"] = now + RETRIES[delivery.attempts]
    with transaction.atomic():
        WebhookDelivery.objects.filter(pk=delivery.pk).update(**told)
        if outcome.has_arrived:
            Webhook.objects.filter(pk=webhook.pk).update(failures=0, failing_since=None)
        else:
            _failed(webhook, outcome, now)


def _failed(webhook: Webhook, outcome: Outcome, now: datetime) -> None:
    webhook.failures += 1
    webhook.failing_since = webhook.failing_since or now
    pause = min(timedelta(seconds=2 ** min(webhook.failures, 10)), LONGEST_PAUSE)
    told: dict[str, Any] = {
        "failures": webhook.failures,
        "failing_since": webhook.failing_since,
        "paused_until": now + pause,
    }
    reason = _reason_to_stop(webhook, outcome, now)
    Webhook.objects.filter(pk=webhook.pk).update(**told)
    if reason and Webhook.objects.filter(pk=webhook.pk, is_active=True).update(is_active=False, stopped_reason=reason):
        logger.warning("webhook.stopped webhook=%s", webhook.pk)
        notify(
            user=webhook.user,
            kind=NotificationKind.CONNECTION,
            key=f"webhook:{webhook.pk}:stopped:{now.isoformat()}",
            title="A webhook was turned off",
            text=f"{webhook}: {reason} Turn it on again when that is mended.",
            path=f"/settings/webhooks/{webhook.pk}/",
        )


def _reason_to_stop(webhook: Webhook, outcome: Outcome, now: datetime) -> str:
    if outcome.error == SEALED:
        return SEALED
    if outcome.status == GONE:
        return "The address said that it is gone for good (410)."
    if webhook.failing_since is not None and now - webhook.failing_since > GIVE_UP_AFTER:
        return f"Nothing arrived for {GIVE_UP_AFTER.days} days."
    return ""
