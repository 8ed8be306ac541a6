"""With what money: accounts and the limits of their plans."""

import uuid
from decimal import Decimal

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models.functions import Lower

from accounts.models.fields import MONEY, PERCENT
from accounts.models.people import User


class Broker(models.TextChoices):
    """Where an account's orders are placed. Only manual accounts place nothing themselves."""

    MANUAL = "manual", "Manual"
    SIMULATOR = "simulator", "Stand-in exchange"
    MOCK = "mock", "Mock broker"
    ALPACA = "alpaca", "Alpaca"
    INTERACTIVE_BROKERS = "interactive_brokers", "Interactive Brokers"
    SCHWAB = "schwab", "Charles Schwab"
    TD_AMERITRADE = "td_ameritrade", "TD Ameritrade (until 2024)"


class AccountType(models.TextChoices):
    LIVE = "live", "Live"
    PAPER = "paper", "Paper"
    TRACKING = "tracking", "Tracking"


class CostMethod(models.TextChoices):
    FIFO = "fifo", "First in, first out"
    AVERAGE = "average", "Average cost"


class TradingAccount(models.Model):
    """One pot of money in one currency, with its own exchange calendar and cost method."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(User, on_delete=models.CASCADE, related_name="trading_accounts")
    name = models.CharField(max_length=80)
    broker = models.CharField(max_length=50, choices=Broker, default=Broker.MANUAL)
    account_type = models.CharField(max_length=20, choices=AccountType, default=AccountType.LIVE)
    currency = models.CharField(max_length=3, default="USD")
    exchange = models.CharField(max_length=16, default="XNYS", help_text="Decides the trading sessions.")
    cost_method = models.CharField(max_length=10, choices=CostMethod, default=CostMethod.FIFO)
    break_even_band = models.DecimalField(
        **MONEY,
        default=Decimal(0),
        validators=[MinValueValidator(Decimal(0))],
        help_text="A net result no further from zero than this counts as break-even.",
    )
    allows_fractions = models.BooleanField(
        "fractional shares", default=False, help_text="Shares may be bought in parts."
    )
    starting_balance = models.DecimalField(**MONEY, default=Decimal(0), validators=[MinValueValidator(Decimal(0))])
    opened_on = models.DateField(help_text="The starting balance counts from this day.")
    is_archived = models.BooleanField(default=False)
    # The kill switch: no new order leaves while it is set; exits that reduce a position always may.
    halted_at = models.DateTimeField(null=True, blank=True)
    halt_reason = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        db_table = "accounts"
        ordering = ["created_at"]
        constraints = [
            models.UniqueConstraint(
                "owner",
                Lower("name"),
                name="accounts_name_unique",
                violation_error_message="You already have an account with this name.",
            ),
            models.CheckConstraint(
                condition=models.Q(starting_balance__gte=0),
                name="accounts_starting_balance",
            ),
            models.CheckConstraint(
                condition=models.Q(break_even_band__gte=0),
                name="accounts_break_even_band",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_halted(self) -> bool:
        return self.halted_at is not None


def _percent(default: str) -> dict[str, object]:
    """The options of a limit in percent of equity."""
    return {
        **PERCENT,
        "default": Decimal(default),
        "validators": [
            MinValueValidator(Decimal("0.01")),
            MaxValueValidator(Decimal(100)),
        ],
    }


OPTIONAL = {"null": True, "blank": True, "help_text": "Leave empty for no limit."}


class RiskPolicy(models.Model):
    """The limits a plan is checked against. Percentages are of the account's equity."""

    account = models.OneToOneField(
        TradingAccount,
        on_delete=models.CASCADE,
        primary_key=True,
        related_name="risk_policy",
    )
    risk_per_trade_percent = models.DecimalField(**_percent("1.00"))
    max_position_percent = models.DecimalField(**_percent("30.00"))
    max_open_risk_percent = models.DecimalField(**_percent("6.00"), **OPTIONAL)
    max_daily_loss_percent = models.DecimalField(**_percent("3.00"), **OPTIONAL)
    max_weekly_loss_percent = models.DecimalField(**_percent("6.00"), **OPTIONAL)
    max_open_positions = models.PositiveSmallIntegerField(default=10, validators=[MinValueValidator(1)], **OPTIONAL)
    max_orders_per_minute = models.PositiveSmallIntegerField(default=20, validators=[MinValueValidator(1)], **OPTIONAL)
    price_collar_percent = models.DecimalField(**_percent("5.00"), **OPTIONAL)
    max_quote_age_seconds = models.PositiveIntegerField(
        default=60, validators=[MinValueValidator(1)], help_text="An entry is checked against a quote no older."
    )
    allows_overrides = models.BooleanField(
        default=True,
        help_text="A plan that breaks a limit may be kept with a written reason.",
    )

    class Meta:
        db_table = "risk_policies"
        verbose_name_plural = "risk policies"

    def __str__(self) -> str:
        return f"Risk policy of {self.account}"
