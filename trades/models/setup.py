"""A setup: the pattern a trader waits for, with its checklist and its own risk."""

import uuid
from decimal import Decimal

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models.functions import Lower

from accounts.models import TradingAccount
from trades.models.fields import PERCENT

PERCENT_RANGE = [MinValueValidator(Decimal("0.01")), MaxValueValidator(Decimal(100))]


class Setup(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="setups")
    name = models.CharField(max_length=80)
    description = models.TextField(max_length=4000, blank=True)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "setups"
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                "owner",
                Lower("name"),
                name="setups_name_unique",
                violation_error_message="You already have a setup with this name.",
            )
        ]

    def __str__(self) -> str:
        return self.name


class SetupCriterion(models.Model):
    """One line of a setup's checklist. A retired line stays for the trades that answered it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    setup = models.ForeignKey(Setup, on_delete=models.CASCADE, related_name="criteria")
    text = models.CharField(max_length=200)
    position = models.PositiveSmallIntegerField(default=0)
    is_active = models.BooleanField(default=True)

    class Meta:
        db_table = "setup_criteria"
        ordering = ["position", "text"]
        verbose_name_plural = "setup criteria"

    def __str__(self) -> str:
        return self.text


class SetupRisk(models.Model):
    """What a setup may risk in one account, instead of the account's policy."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey(TradingAccount, on_delete=models.CASCADE, related_name="setup_risks")
    setup = models.ForeignKey(Setup, on_delete=models.CASCADE, related_name="risks")
    risk_per_trade_percent = models.DecimalField(**PERCENT, null=True, blank=True, validators=PERCENT_RANGE)
    max_position_percent = models.DecimalField(**PERCENT, null=True, blank=True, validators=PERCENT_RANGE)

    class Meta:
        db_table = "setup_risks"
        constraints = [models.UniqueConstraint(fields=["account", "setup"], name="setup_risks_unique")]

    def __str__(self) -> str:
        return f"{self.setup} in {self.account}"
