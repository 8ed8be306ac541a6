"""What a trader should know, and how they want to hear of it."""

import uuid

from django.db import models

from accounts.models.people import User


class NotificationKind(models.TextChoices):
    ORDER_FILLED = "order_filled", "An order is filled"
    ORDER_REJECTED = "order_rejected", "An order is rejected, denied or lost"
    ORDER_IN_DOUBT = "order_in_doubt", "Nobody knows whether an order arrived"
    ORDER_QUEUED = "order_queued", "An order waits for the market's open, or leaves it"
    POSITION = "position", "A position differs from the journal or has no stop"
    CONNECTION = "connection", "A broker connection needs you"
    RISK = "risk", "An account is halted or live trading lapses"


class Notification(models.Model):
    """Something the trader should know. The key makes each fact known once."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="notifications")
    kind = models.CharField(max_length=20, choices=NotificationKind)
    key = models.CharField(max_length=200, help_text="What it is about, as order:<id>:rejected.")
    title = models.CharField(max_length=120)
    text = models.CharField(max_length=500)
    path = models.CharField(max_length=200, blank=True, help_text="The page to look at.")
    in_app = models.BooleanField(default=True)
    by_email = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)
    read_at = models.DateTimeField(null=True, blank=True)
    # Set by a conditional update before the mail leaves: an e-mail is sent at most once.
    emailed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "notifications"
        ordering = ["-created_at", "-id"]
        constraints = [models.UniqueConstraint(fields=["user", "key"], name="notifications_once")]
        indexes = [
            models.Index(fields=["user", "-created_at", "-id"], name="notifications_by_time"),
            models.Index(
                fields=["user"], condition=models.Q(read_at__isnull=True, in_app=True), name="notifications_unread"
            ),
            models.Index(
                fields=["created_at"],
                condition=models.Q(by_email=True, emailed_at__isnull=True),
                name="notifications_to_mail",
            ),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def is_read(self) -> bool:
        return self.read_at is not None


class NotificationChoice(models.Model):
    """How a trader wants to hear about one kind. No row: in the app and by e-mail."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="notification_choices")
    kind = models.CharField(max_length=20, choices=NotificationKind)
    in_app = models.BooleanField(default=True)
    by_email = models.BooleanField(default=True)

    class Meta:
        db_table = "notification_choices"
        constraints = [models.UniqueConstraint(fields=["user", "kind"], name="notification_choices_once")]

    def __str__(self) -> str:
        return self.kind
