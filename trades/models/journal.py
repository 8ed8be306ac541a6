"""The journal beside the trades: a page a day, and screenshots."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q

from trades.models.tag import Tag
from trades.models.trade import Trade


class JournalDay(models.Model):
    """One page a day and user: the plan before, the review after."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="journal_days")
    day = models.DateField()
    plan = models.TextField(max_length=20_000, blank=True)
    review = models.TextField(max_length=20_000, blank=True)
    rating = models.PositiveSmallIntegerField(null=True, blank=True)
    tags = models.ManyToManyField(Tag, blank=True, related_name="journal_days", db_table="journal_day_tags")
    version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        db_table = "journal_days"
        ordering = ["-day"]
        constraints = [
            models.UniqueConstraint(fields=["owner", "day"], name="journal_days_unique"),
            models.CheckConstraint(
                condition=Q(rating__isnull=True) | Q(rating__range=(1, 5)),
                name="journal_days_rating",
            ),
        ]

    def __str__(self) -> str:
        return self.day.isoformat()


class Screenshot(models.Model):
    """A picture of a trade or a day, re-encoded by us; the file is served to its owner only."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="screenshots")
    trade = models.ForeignKey(
        Trade,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="screenshots",
    )
    journal_day = models.ForeignKey(
        JournalDay,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="screenshots",
    )
    image = models.FileField(upload_to="screenshots/")
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    byte_size = models.PositiveIntegerField()
    caption = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "screenshots"
        ordering = ["created_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(trade__isnull=False) ^ Q(journal_day__isnull=False),
                name="screenshots_one_parent",
            )
        ]

    def __str__(self) -> str:
        return self.caption or f"Screenshot {self.created_at:%Y-%m-%d %H:%M}"
