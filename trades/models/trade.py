"""A trade: one instrument in one account, from flat to flat."""

import uuid

from django.conf import settings
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVector, SearchVectorField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q

from accounts.models import TradingAccount
from trades.models.fields import COST, MONEY, PERCENT, PRICE, QUANTITY, RATIO
from trades.models.setup import Setup
from trades.models.tag import Tag


class AssetClass(models.TextChoices):
    STOCK = "stock", "Stock"
    ETF = "etf", "ETF"
    OPTION = "option", "Option"
    FUTURE = "future", "Future"
    CRYPTO = "crypto", "Crypto"


class Direction(models.TextChoices):
    LONG = "long", "Long"
    SHORT = "short", "Short"


class TradeStatus(models.TextChoices):
    """``pending``: an order works, nothing is filled yet."""

    PLANNED = "planned", "Planned"
    PENDING = "pending", "Pending"
    ACTIVE = "active", "Active"
    CLOSED = "closed", "Closed"
    CANCELLED = "cancelled", "Cancelled"


class BrokerSyncStatus(models.TextChoices):
    PENDING = "pending", "Pending"
    SYNCED = "synced", "Synced"
    ERROR = "error", "Error"
    IMPORTED = "imported", "Imported"
    CANCELLED = "cancelled", "Cancelled"


class Outcome(models.TextChoices):
    """Of a closed trade, by its net result and the account's break-even band."""

    WIN = "win", "Win"
    LOSS = "loss", "Loss"
    BREAK_EVEN = "break_even", "Break-even"


class Trade(models.Model):
    """The plan is what the trader typed; the rest is computed from the fills, never typed.

    Computed columns are written only by ``trades.services.recompute``.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    # The account's owner, kept here so that one index serves a list over all accounts.
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="trades")
    account = models.ForeignKey(TradingAccount, on_delete=models.CASCADE, related_name="trades")
    symbol = models.CharField(max_length=32)
    asset_class = models.CharField(max_length=8, choices=AssetClass, default=AssetClass.STOCK)
    multiplier = models.DecimalField(max_digits=12, decimal_places=4, default=1)
    direction = models.CharField(max_length=5, choices=Direction)
    status = models.CharField(max_length=9, choices=TradeStatus, default=TradeStatus.PLANNED)

    # The plan. stop_loss is the stop in force; initial_stop is frozen with initial_risk.
    entry_price = models.DecimalField(**PRICE, null=True, blank=True)
    stop_loss = models.DecimalField(**PRICE, null=True, blank=True)
    target_price = models.DecimalField(**PRICE, null=True, blank=True)
    planned_quantity = models.DecimalField(**QUANTITY, null=True, blank=True)
    planned_r = models.DecimalField(**RATIO, null=True, blank=True)
    risk_percent = models.DecimalField(**PERCENT, null=True, blank=True)
    initial_stop = models.DecimalField(**PRICE, null=True, blank=True)
    initial_risk = models.DecimalField(**MONEY, null=True, blank=True)
    setup = models.ForeignKey(Setup, on_delete=models.SET_NULL, null=True, blank=True, related_name="trades")
    is_override = models.BooleanField(default=False, help_text="Broke a limit with a reason.")

    # Computed from the fills.
    quantity = models.DecimalField(**QUANTITY, default=0, help_text="Entered in all.")
    open_quantity = models.DecimalField(**QUANTITY, default=0)
    actual_entry = models.DecimalField(**PRICE, null=True, blank=True)
    actual_exit = models.DecimalField(**PRICE, null=True, blank=True)
    entry_date = models.DateTimeField(null=True, blank=True)
    exit_date = models.DateTimeField(null=True, blank=True)
    gross_pnl = models.DecimalField(**MONEY, default=0, help_text="Realised so far.")
    costs = models.DecimalField(**MONEY, default=0)
    net_pnl = models.DecimalField(**MONEY, default=0)
    r_multiple = models.DecimalField(**RATIO, null=True, blank=True)
    gross_r = models.DecimalField(**RATIO, null=True, blank=True)
    outcome = models.CharField(max_length=10, choices=Outcome, blank=True)
    open_risk = models.DecimalField(**MONEY, default=0, help_text="Lost if the stop is hit now.")
    open_value = models.DecimalField(**MONEY, default=0, help_text="Open quantity at cost.")
    holding_seconds = models.PositiveBigIntegerField(null=True, blank=True)
    holding_sessions = models.PositiveIntegerField(null=True, blank=True)
    has_estimated_costs = models.BooleanField(default=False)
    is_incomplete = models.BooleanField(default=False, help_text="Opening fills are missing; left out of the figures.")
    # The trading session (exchange's date) of the last exit, and the entry's exchange time.
    closed_session = models.DateField(null=True, blank=True)
    entry_weekday = models.PositiveSmallIntegerField(null=True, blank=True)
    entry_hour = models.PositiveSmallIntegerField(null=True, blank=True)

    # Excursions while open, from bars; null without bars.
    mae = models.DecimalField(**MONEY, null=True, blank=True)
    mfe = models.DecimalField(**MONEY, null=True, blank=True)
    excursion_bar = models.CharField(max_length=8, blank=True, help_text="Bar size, as 1Day.")
    mae_price = models.DecimalField(**PRICE, null=True, blank=True, help_text="A unit, against the average entry.")
    mfe_price = models.DecimalField(**PRICE, null=True, blank=True)
    # The version that was measured, with or without a result; measuring waits until measure_after where a feed failed.
    measured_version = models.PositiveIntegerField(null=True, blank=True, editable=False)
    measure_after = models.DateTimeField(null=True, blank=True, editable=False)

    # Kept true by trades.execution from the trade's orders; empty where it was kept by hand.
    broker = models.CharField(max_length=50, blank=True)
    broker_order_id = models.CharField(max_length=255, blank=True, help_text="Of the entry order.")
    broker_sync_status = models.CharField(max_length=50, choices=BrokerSyncStatus, blank=True)
    broker_fill_price = models.DecimalField(**PRICE, null=True, blank=True, help_text="Average of the entry order.")
    broker_commission = models.DecimalField(**COST, null=True, blank=True)
    last_sync = models.DateTimeField(null=True, blank=True)

    # The journal.
    thesis = models.TextField(max_length=20_000, blank=True, help_text="Before the trade.")
    notes_during = models.TextField(max_length=20_000, blank=True)
    notes_after = models.TextField(max_length=20_000, blank=True)
    rating = models.PositiveSmallIntegerField(
        null=True, blank=True, validators=[MinValueValidator(1), MaxValueValidator(5)]
    )
    tags = models.ManyToManyField(Tag, blank=True, related_name="trades", db_table="trade_tags")

    # Sorts the list: the entry, or the plan's creation until there is one.
    occurred_at = models.DateTimeField()
    # Raised by every write: a form that carries an old one is told that somebody else was faster.
    version = models.PositiveIntegerField(default=1)
    # Given with the empty form: the same form sent twice makes one trade.
    creation_key = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    search = models.GeneratedField(
        expression=SearchVector("symbol", "thesis", "notes_during", "notes_after", config="simple"),
        output_field=SearchVectorField(),
        db_persist=True,
    )

    class Meta:
        db_table = "trades"
        ordering = ["-occurred_at", "-id"]
        indexes = [
            models.Index(fields=["owner", "-occurred_at", "-id"], name="trades_by_time"),
            models.Index(fields=["account", "-occurred_at", "-id"], name="trades_by_account"),
            models.Index(fields=["owner", "symbol", "occurred_at", "id"], name="trades_by_symbol"),
            models.Index(fields=["owner", "holding_seconds", "id"], name="trades_by_holding"),
            models.Index(fields=["owner", "net_pnl", "id"], name="trades_by_result"),
            models.Index(fields=["owner", "r_multiple", "id"], name="trades_by_r"),
            models.Index(
                fields=["account", "closed_session"],
                condition=Q(status="closed"),
                name="trades_by_session",
            ),
            models.Index(
                fields=["account"],
                condition=Q(status__in=["planned", "pending", "active"]),
                name="trades_open",
            ),
            models.Index(
                fields=["account"],
                condition=Q(is_incomplete=True),
                name="trades_incomplete",
            ),
            models.Index(
                fields=["account"],
                condition=Q(status="closed") & ~Q(measured_version=F("version")),
                name="trades_to_measure",
            ),
            GinIndex(fields=["search"], name="trades_search"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["account", "symbol", "asset_class"],
                condition=Q(status="active"),
                name="trades_one_position",
                violation_error_message=("This account already holds a position in this symbol: add the fill to it."),
            ),
            models.CheckConstraint(condition=Q(status__in=TradeStatus), name="trades_status"),
            models.CheckConstraint(condition=Q(direction__in=Direction), name="trades_direction"),
            models.CheckConstraint(
                condition=Q(open_quantity__gte=0, quantity__gte=F("open_quantity")),
                name="trades_open_quantity",
            ),
            models.CheckConstraint(condition=Q(gross_pnl=F("net_pnl") + F("costs")), name="trades_net"),
            models.CheckConstraint(
                condition=(Q(status="active") & Q(open_quantity__gt=0)) | (~Q(status="active") & Q(open_quantity=0)),
                name="trades_active_is_open",
            ),
            models.CheckConstraint(
                condition=~Q(status="closed") | Q(exit_date__isnull=False, closed_session__isnull=False),
                name="trades_closed_has_exit",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.symbol} {self.direction} ({self.status})"
