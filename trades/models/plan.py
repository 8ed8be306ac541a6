"""What belongs to a plan: targets, checklist answers, stop moves, limits overridden."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q

from trades.models.fields import PERCENT, PRICE, RATIO
from trades.models.setup import SetupCriterion
from trades.models.trade import Trade


class TradeTarget(models.Model):
    """Where a part of the position is meant to be sold. The first one is the trade's target_price."""

    trade = models.ForeignKey(Trade, on_delete=models.CASCADE, related_name="targets")
    position = models.PositiveSmallIntegerField(default=0)
    price = models.DecimalField(**PRICE)
    portion_percent = models.DecimalField(**PERCENT, default=100)

    class Meta:
        db_table = "trade_targets"
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["trade", "position"], name="trade_targets_position"),
            models.CheckConstraint(
                condition=Q(price__gt=0, portion_percent__gt=0, portion_percent__lte=100),
                name="trade_targets_range",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.portion_percent}% at {self.price}"


class ChecklistAnswer(models.Model):
    """One criterion as it was worded when the trade was planned, and whether it was met."""

    trade = models.ForeignKey(Trade, on_delete=models.CASCADE, related_name="checklist")
    criterion = models.ForeignKey(SetupCriterion, on_delete=models.SET_NULL, null=True, related_name="answers")
    text = models.CharField(max_length=200)
    position = models.PositiveSmallIntegerField(default=0)
    is_met = models.BooleanField(default=False)

    class Meta:
        db_table = "checklist_answers"
        ordering = ["position"]
        constraints = [models.UniqueConstraint(fields=["trade", "criterion"], name="checklist_answers_once")]

    def __str__(self) -> str:
        return self.text


class StopMove(models.Model):
    """The history of the stop. The first row is the stop of the plan (from_price is null)."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    trade = models.ForeignKey(Trade, on_delete=models.CASCADE, related_name="stop_moves")
    moved_at = models.DateTimeField()
    from_price = models.DecimalField(**PRICE, null=True, blank=True)
    to_price = models.DecimalField(**PRICE, null=True, blank=True)
    note = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "stop_moves"
        ordering = ["moved_at", "created_at"]

    def __str__(self) -> str:
        return f"{self.from_price} → {self.to_price}"


class LimitOverride(models.Model):
    """A limit a plan broke, with the trader's reason for keeping the plan."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    trade = models.ForeignKey(Trade, on_delete=models.CASCADE, related_name="overrides")
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    code = models.CharField(max_length=40, help_text="The limit's code, as max_position.")
    sentence = models.CharField(max_length=300)
    limit = models.DecimalField(**RATIO)
    actual = models.DecimalField(**RATIO)
    reason = models.TextField(max_length=1000)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "limit_overrides"
        ordering = ["created_at"]
        constraints = [models.CheckConstraint(condition=~Q(reason=""), name="limit_overrides_reason")]

    def __str__(self) -> str:
        return self.code
