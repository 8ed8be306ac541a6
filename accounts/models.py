"""Who trades and with what money."""

import uuid
import zoneinfo
from decimal import Decimal

from django.contrib.auth.models import AbstractUser
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

PERCENT = {"max_digits": 5, "decimal_places": 2}
MONEY = {"max_digits": 20, "decimal_places": 2}

# Placeholders of the time zone database: not set yet, and that of whatever machine asks.
NOBODYS_ZONES = {"Factory", "localtime", "posixrules"}


def timezone_choices() -> list[tuple[str, str]]:
    """All zones of the time zone database that are somebody's, for the settings form."""
    names = zoneinfo.available_timezones() - NOBODYS_ZONES
    return [(name, name.replace("_", " ")) for name in sorted(names)]


class User(AbstractUser):
    """A trader; ``is_staff`` marks an administrator."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    email = models.EmailField(_("email address"))
    timezone = models.CharField(
        max_length=64,
        default="America/New_York",
        help_text="Times are shown in this zone.",
    )

    class Meta(AbstractUser.Meta):
        db_table = "users"
        constraints = [
            models.UniqueConstraint(
                Lower("email"),
                condition=~models.Q(email=""),
                name="users_email_unique",
                violation_error_message="There is already a user with this e-mail address.",
            )
        ]


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
