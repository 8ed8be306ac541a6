"""A fill: one execution of an order, or an event that changes the quantity like one."""

import uuid
from decimal import Decimal

from django.db import models
from django.db.models import Q

from accounts.models import TradingAccount
from trades.models.fields import COST, MONEY, PRICE, QUANTITY
from trades.models.trade import Trade


class Side(models.TextChoices):
    BUY = "buy", "Buy"
    SELL = "sell", "Sell"


class FillKind(models.TextChoices):
    TRADE = "trade", "Trade"
    TRANSFER_IN = "transfer_in", "Transfer in"
    TRANSFER_OUT = "transfer_out", "Transfer out"
    EXPIRY = "expiry", "Expiry"


class Fill(models.Model):
    """A fill that takes the position through zero is kept as two rows: it closes one trade
    (part 0) and opens the next (part 1), with its costs split by quantity."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey(TradingAccount, on_delete=models.CASCADE, related_name="fills")
    trade = models.ForeignKey(Trade, on_delete=models.CASCADE, related_name="fills")
    kind = models.CharField(max_length=12, choices=FillKind, default=FillKind.TRADE)
    order = models.ForeignKey("trades.Order", on_delete=models.SET_NULL, null=True, blank=True, related_name="fills")
    side = models.CharField(max_length=4, choices=Side)
    quantity = models.DecimalField(**QUANTITY)
    price = models.DecimalField(**PRICE)
    commission = models.DecimalField(**COST, default=0)
    fees = models.DecimalField(**COST, default=0)
    has_estimated_costs = models.BooleanField(default=False)
    # The broker's word, as in "buy to cover": what it closes beyond the position has lost its opening fills.
    only_closes = models.BooleanField(default=False, db_default=False)
    executed_at = models.DateTimeField()
    # The broker's execution id; empty for what was typed.
    execution_id = models.CharField(max_length=255, blank=True)
    part = models.PositiveSmallIntegerField(default=0)
    # Digest of what the fill said when it came in, with a running number for truly identical
    # fills: the same file read twice adds nothing.
    content_key = models.CharField(max_length=64, blank=True)
    content_number = models.PositiveIntegerField(default=0)
    source = models.ForeignKey(
        "trades.FillImport",
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="fills",
    )

    # Computed: what this fill realised, when it is an exit. Written by trades.services.recompute.
    is_exit = models.BooleanField(default=False)
    realised_gross = models.DecimalField(**MONEY, default=0)
    realised_costs = models.DecimalField(**MONEY, default=0)
    realised_net = models.DecimalField(**MONEY, default=0)
    session = models.DateField(help_text="The exchange's trading session it counts in.")

    creation_key = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        db_table = "fills"
        ordering = ["executed_at", "created_at", "id"]
        indexes = [
            models.Index(fields=["trade", "executed_at"], name="fills_by_trade"),
            models.Index(fields=["account", "executed_at"], name="fills_by_account"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["account", "execution_id", "part"],
                condition=~Q(execution_id=""),
                name="fills_execution_once",
                violation_error_message="This execution is already recorded.",
            ),
            models.UniqueConstraint(
                fields=["account", "content_key", "content_number", "part"],
                condition=~Q(content_key=""),
                name="fills_content_once",
            ),
            models.CheckConstraint(condition=Q(quantity__gt=0), name="fills_quantity"),
            models.CheckConstraint(condition=Q(price__gte=0), name="fills_price"),
            models.CheckConstraint(condition=Q(side__in=Side), name="fills_side"),
            models.CheckConstraint(condition=Q(kind__in=FillKind), name="fills_kind"),
        ]

    def __str__(self) -> str:
        return f"{self.side} {self.quantity} at {self.price}"

    @property
    def total_costs(self) -> Decimal:
        return self.commission + self.fees
