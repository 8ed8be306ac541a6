"""Addresses that are told of events, and everything that was or is to be sent there."""

import uuid

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from accounts.models.events import EventSubject
from accounts.models.people import User


def every_subject() -> list[str]:
    return list(EventSubject.values)


class Webhook(models.Model):
    """A program's address. Its secret is encrypted, shown once, and signs what is sent."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="webhooks")
    url = models.URLField(max_length=500)
    description = models.CharField(max_length=80, blank=True)
    subjects = ArrayField(models.CharField(max_length=12, choices=EventSubject), default=every_subject)
    secret = models.TextField(editable=False)
    # The one before: signs as well until the receiver had time to change over.
    old_secret = models.TextField(blank=True, editable=False)
    old_secret_until = models.DateTimeField(null=True, blank=True, editable=False)
    is_active = models.BooleanField(default=True)
    stopped_reason = models.CharField(max_length=200, blank=True, help_text="Why the desk itself turned it off.")
    # Up to which event deliveries were made.
    cursor = models.BigIntegerField(default=0, editable=False)
    # One process at a time sends to one address; whoever dies is replaced after this.
    claimed_until = models.DateTimeField(null=True, blank=True, editable=False)
    paused_until = models.DateTimeField(null=True, blank=True, editable=False)
    failures = models.PositiveIntegerField(default=0, editable=False, help_text="In a row.")
    failing_since = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        db_table = "webhooks"
        ordering = ["created_at", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["user", "url"],
                name="webhooks_url_once",
                violation_error_message="You already have a webhook to this address.",
            ),
        ]

    def __str__(self) -> str:
        return self.description or self.url

    @property
    def told_of(self) -> str:
        """Its kinds of events, in words."""
        return ", ".join(EventSubject(subject).label for subject in self.subjects)


class DeliveryState(models.TextChoices):
    WAITING = "waiting", "Waiting"
    DELIVERED = "delivered", "Delivered"
    FAILED = "failed", "Failed"


class WebhookDelivery(models.Model):
    """One message to one address. The row is the job; its id is the message's, the same in every attempt."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE, related_name="deliveries")
    # The event's number; null for a test.
    seq = models.BigIntegerField(null=True, blank=True)
    type = models.CharField(max_length=24, help_text="As order.changed.")
    body = models.JSONField()
    state = models.CharField(max_length=9, choices=DeliveryState, default=DeliveryState.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField()
    last_attempt_at = models.DateTimeField(null=True, blank=True)
    last_status = models.PositiveSmallIntegerField(null=True, blank=True)
    last_error = models.CharField(max_length=200, blank=True)
    delivered_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "webhook_deliveries"
        ordering = ["-created_at", "-id"]
        verbose_name_plural = "webhook deliveries"
        constraints = [
            models.UniqueConstraint(fields=["webhook", "seq"], name="webhook_deliveries_once"),
            models.CheckConstraint(condition=Q(state__in=DeliveryState), name="webhook_deliveries_state"),
        ]
        indexes = [
            models.Index(fields=["webhook", "-created_at", "-id"], name="webhook_deliveries_by_time"),
            models.Index(
                fields=["webhook", "next_attempt_at"], condition=Q(state="waiting"), name="webhook_deliveries_due"
            ),
            models.Index(fields=["created_at"], name="webhook_deliveries_by_age"),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.state}"
