"""What holds orders back: halts that somebody set, and processes and brokers that nobody hears of any more."""

import uuid

from django.db import models
from django.db.models import Q

from accounts.models.people import User


class HaltLevel(models.TextChoices):
    """The halt of one account is a column of the account."""

    USER = "user", "All accounts of a trader"
    DESK = "desk", "The whole desk"


class Halt(models.Model):
    """A kill switch that was set, and who let go of it. An open row refuses every new entry it concerns at once.

    The row is also the job: until `swept_at` is set, workers go on asking for the cancellation of what works.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    level = models.CharField(max_length=4, choices=HaltLevel)
    # Null for the whole desk.
    user = models.ForeignKey(User, on_delete=models.CASCADE, null=True, blank=True, related_name="halts")
    reason = models.CharField(max_length=200)
    cancels_exits = models.BooleanField(default=False, help_text="Stops and targets are cancelled, too.")
    # Kept in words, because a user may be gone and a command has none.
    by_name = models.CharField("by", max_length=150)
    halted_at = models.DateTimeField()
    told_at = models.DateTimeField(null=True, blank=True, help_text="Since when those it concerns know.")
    swept_at = models.DateTimeField(null=True, blank=True, help_text="Since when nothing is left to cancel.")
    orders_cancelled = models.PositiveIntegerField(default=0)
    resumed_at = models.DateTimeField(null=True, blank=True)
    resumed_by_name = models.CharField("resumed by", max_length=150, blank=True)

    class Meta:
        db_table = "halts"
        ordering = ["-halted_at"]
        indexes = [models.Index(fields=["level"], condition=Q(resumed_at__isnull=True), name="halts_open")]
        constraints = [
            models.UniqueConstraint(
                fields=["user"], condition=Q(resumed_at__isnull=True, level="user"), name="halts_once_a_user"
            ),
            models.UniqueConstraint(
                fields=["level"], condition=Q(resumed_at__isnull=True, level="desk"), name="halts_once_a_desk"
            ),
            models.CheckConstraint(
                condition=Q(level="user", user__isnull=False) | Q(level="desk", user__isnull=True),
                name="halts_level",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_level_display()}, {self.halted_at:%Y-%m-%d %H:%M:%S}"


class Pulse(models.Model):
    """The last sign of life of a kind of process, by the database's own clock: no other clock can fake it."""

    name = models.CharField(max_length=20, primary_key=True)
    at = models.DateTimeField()

    class Meta:
        db_table = "pulses"

    def __str__(self) -> str:
        return f"{self.name} at {self.at:%Y-%m-%d %H:%M:%S}"


class Silence(models.Model):
    """A time in which a process of the desk, or the broker of a connection, was not heard of; told once."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    # Null where it concerns everybody.
    user = models.ForeignKey(User, on_delete=models.CASCADE, null=True, blank=True, related_name="silences")
    subject = models.CharField(max_length=60, help_text="desk, or connection:<id>.")
    since = models.DateTimeField(help_text="The last sign of life.")
    noticed_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "silences"
        ordering = ["-noticed_at"]
        constraints = [
            models.UniqueConstraint(fields=["subject"], condition=Q(ended_at__isnull=True), name="silences_once")
        ]

    def __str__(self) -> str:
        return f"{self.subject} since {self.since:%Y-%m-%d %H:%M:%S}"
