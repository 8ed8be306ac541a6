"""Money that came or went other than by a trade."""

import uuid
from decimal import Decimal

from django.core.validators import MinValueValidator
from django.db import models

from accounts.models.fields import MONEY
from accounts.models.trading import TradingAccount


class CashMovementKind(models.TextChoices):
    """Deposits and withdrawals are no result; dividends, interest and charges are."""

    DEPOSIT = "deposit", "Deposit"
    WITHDRAWAL = "withdrawal", "Withdrawal"
    DIVIDEND = "dividend", "Dividend"
    INTEREST = "interest", "Interest"
    CHARGE = "charge", "Charge"


class CashMovement(models.Model):
    """Money that came or went other than by a trade. The amount is positive, the kind says the way."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey(TradingAccount, on_delete=models.CASCADE, related_name="cash_movements")
    kind = models.CharField(max_length=12, choices=CashMovementKind)
    amount = models.DecimalField(**MONEY, validators=[MinValueValidator(Decimal("0.01"))])
    moved_on = models.DateField()
    note = models.CharField(max_length=200, blank=True)
    creation_key = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "cash_movements"
        ordering = ["-moved_on", "-created_at"]
        indexes = [models.Index(fields=["account", "moved_on"], name="cash_movements_by_day")]
        constraints = [models.CheckConstraint(condition=models.Q(amount__gt=0), name="cash_movements_amount")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.amount} on {self.moved_on}"
