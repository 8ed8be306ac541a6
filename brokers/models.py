"""Connections to brokers, and what brokers last said about account, positions and prices."""

import uuid
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from accounts.models import Broker, TradingAccount

PRICE: dict[str, Any] = {"max_digits": 20, "decimal_places": 9}
QUANTITY: dict[str, Any] = {"max_digits": 20, "decimal_places": 9}
MONEY: dict[str, Any] = {"max_digits": 20, "decimal_places": 2}


class ConnectionStatus(models.TextChoices):
    CONNECTED = "connected", "Connected"
    NEEDS_ATTENTION = "needs_attention", "Needs attention"
    DISABLED = "disabled", "Disabled"


class BrokerConnection(models.Model):
    """One set of keys to one account at one broker. `credentials` is sealed by brokers.vault and bound to this row."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="broker_connections")
    # The journal's account that this broker account is kept in.
    account = models.OneToOneField(
        TradingAccount, on_delete=models.SET_NULL, null=True, blank=True, related_name="connection"
    )
    broker = models.CharField(max_length=50, choices=Broker)
    label = models.CharField(max_length=80)
    credentials = models.TextField(blank=True, editable=False)
    key_hint = models.CharField(max_length=4, blank=True, editable=False, help_text="The key id's last characters.")
    is_paper = models.BooleanField(default=True)
    is_active = models.BooleanField(default=True)
    status = models.CharField(max_length=20, choices=ConnectionStatus, default=ConnectionStatus.CONNECTED)
    # The broker's own number of the account; empty until the first verification.
    broker_account_id = models.CharField(max_length=64, blank=True)
    allows_shorts = models.BooleanField(default=False)
    last_sync = models.DateTimeField(null=True, blank=True)
    last_error = models.CharField(max_length=300, blank=True)
    last_error_at = models.DateTimeField(null=True, blank=True)

    # Live orders need the trader's switch, which lapses when it is not used.
    live_armed_at = models.DateTimeField(null=True, blank=True)
    live_used_at = models.DateTimeField(null=True, blank=True)

    # Who works on it: a worker claims the connection by a conditional update and lets go of it, or the time runs out.
    next_sync_at = models.DateTimeField(null=True, blank=True)
    next_poll_at = models.DateTimeField(null=True, blank=True)
    claimed_by = models.UUIDField(null=True, blank=True, editable=False)
    claimed_until = models.DateTimeField(null=True, blank=True, editable=False)

    # How far the broker's activities are read; moved in the transaction that records them.
    fills_cursor = models.CharField(max_length=128, blank=True, editable=False)
    cash_cursor = models.CharField(max_length=128, blank=True, editable=False)
    journal_since = models.DateTimeField(
        null=True, blank=True, help_text="Executions before this moment are not taken into the journal."
    )

    # The process that holds the order stream, until its lease runs out; when the socket last said anything.
    stream_owner = models.CharField(max_length=64, blank=True, editable=False)
    stream_leased_until = models.DateTimeField(null=True, blank=True, editable=False)
    stream_heard_at = models.DateTimeField(null=True, blank=True, editable=False)

    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        db_table = "broker_connections"
        ordering = ["created_at"]
        indexes = [
            models.Index(fields=["next_sync_at"], condition=Q(is_active=True), name="connections_to_sync"),
            models.Index(fields=["next_poll_at"], condition=Q(is_active=True), name="connections_to_poll"),
            models.Index(fields=["stream_leased_until"], condition=Q(is_active=True), name="connections_to_stream"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["user", "broker", "is_paper", "broker_account_id"],
                condition=~Q(broker_account_id=""),
                name="connections_once",
                violation_error_message="You are already connected to this broker account: reconnect that connection.",
            ),
            models.CheckConstraint(condition=Q(status__in=ConnectionStatus), name="connections_status"),
            models.CheckConstraint(
                condition=Q(is_active=True) | Q(status=ConnectionStatus.DISABLED),
                name="connections_inactive_is_disabled",
            ),
        ]

    def __str__(self) -> str:
        return self.label

    @property
    def feed(self) -> str:
        """Whose prices these are: connections to the same broker share quotes and bars."""
        return self.broker


class BrokerCall(models.Model):
    """Calls to a broker that failed in one way at one address, counted, with the last of them whole.

    What was asked and what came back, without headers and bodies. Rows live and die with their connection, by the
    database's own foreign key.
    """

    id = models.BigAutoField(primary_key=True)
    connection = models.ForeignKey(
        BrokerConnection, on_delete=models.CASCADE, related_name="calls", db_index=False, db_constraint=False
    )
    method = models.CharField(max_length=8, help_text="STREAM for the stream of order updates.")
    endpoint = models.CharField(max_length=120, help_text="The address without what names one thing.")
    code = models.CharField(max_length=60, help_text="The kind of failure.")
    path = models.CharField(max_length=300, help_text="What was asked last, as it was asked.")
    status = models.PositiveSmallIntegerField(null=True, blank=True, help_text="Empty: no whole answer came.")
    sentence = models.CharField(max_length=300, blank=True, help_text="What came back, or why it is of no use.")
    request_id = models.CharField(max_length=64, blank=True, help_text="The broker's number of the call.")
    our_id = models.CharField(max_length=64, blank=True, help_text="Of the request or task that asked, as in the log.")
    milliseconds = models.PositiveIntegerField(null=True, blank=True)
    times = models.PositiveIntegerField(default=1, help_text="How often it failed so since first_at.")
    first_at = models.DateTimeField()
    last_at = models.DateTimeField(help_text="When it was asked last.")
    ended_at = models.DateTimeField(null=True, blank=True, help_text="When the broker could be used again.")

    class Meta:
        db_table = "broker_calls"
        ordering = ["-last_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["connection", "method", "endpoint", "code"], name="broker_calls_once"),
        ]

    def __str__(self) -> str:
        return f"{self.method} {self.endpoint}: {self.code}"


class AccountSnapshot(models.Model):
    """What the broker said the account is worth; the newest is the present."""

    id = models.BigAutoField(primary_key=True)
    connection = models.ForeignKey(BrokerConnection, on_delete=models.CASCADE, related_name="snapshots")
    at = models.DateTimeField()
    currency = models.CharField(max_length=3, default="USD")
    equity = models.DecimalField(**MONEY)
    cash = models.DecimalField(**MONEY)
    buying_power = models.DecimalField(**MONEY)
    block = models.CharField(max_length=200, blank=True, help_text="Why nothing may be traded; empty when it may.")

    class Meta:
        db_table = "account_snapshots"
        ordering = ["-at"]
        indexes = [models.Index(fields=["connection", "-at"], name="account_snapshots_newest")]

    def __str__(self) -> str:
        return f"{self.equity} {self.currency} at {self.at:%Y-%m-%d %H:%M:%S}"


class BrokerPosition(models.Model):
    """What the broker says is held, as of the last sync; signed, negative when short."""

    id = models.BigAutoField(primary_key=True)
    connection = models.ForeignKey(BrokerConnection, on_delete=models.CASCADE, related_name="positions")
    symbol = models.CharField(max_length=32)
    asset_class = models.CharField(max_length=8)
    quantity = models.DecimalField(**QUANTITY)
    average_price = models.DecimalField(**PRICE)
    market_price = models.DecimalField(**PRICE, null=True)
    unrealized_pnl = models.DecimalField(**MONEY, null=True)
    as_of = models.DateTimeField()

    class Meta:
        db_table = "broker_positions"
        ordering = ["symbol"]
        constraints = [
            models.UniqueConstraint(fields=["connection", "symbol", "asset_class"], name="broker_positions_once"),
            models.CheckConstraint(condition=~Q(quantity=0), name="broker_positions_held"),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} {self.symbol}"


class Quote(models.Model):
    """The newest usable quote of a feed. `at` is the quote's own time; an older one never replaces a newer one."""

    id = models.BigAutoField(primary_key=True)
    feed = models.CharField(max_length=50)
    symbol = models.CharField(max_length=32)
    bid = models.DecimalField(**PRICE)
    ask = models.DecimalField(**PRICE)
    bid_size = models.DecimalField(**QUANTITY, null=True)
    ask_size = models.DecimalField(**QUANTITY, null=True)
    last = models.DecimalField(**PRICE, null=True)
    at = models.DateTimeField()
    received_at = models.DateTimeField()

    class Meta:
        db_table = "quotes"
        ordering = ["symbol"]
        constraints = [
            models.UniqueConstraint(fields=["feed", "symbol"], name="quotes_once"),
            models.CheckConstraint(condition=Q(bid__gt=0, ask__gte=F("bid")), name="quotes_usable"),
        ]

    def __str__(self) -> str:
        return f"{self.symbol} {self.bid} / {self.ask}"


class Bar(models.Model):
    """Prices as traded, not adjusted for splits."""

    id = models.BigAutoField(primary_key=True)
    feed = models.CharField(max_length=50)
    symbol = models.CharField(max_length=32)
    timeframe = models.CharField(max_length=8)
    start = models.DateTimeField()
    open = models.DecimalField(**PRICE)
    high = models.DecimalField(**PRICE)
    low = models.DecimalField(**PRICE)
    close = models.DecimalField(**PRICE)
    volume = models.DecimalField(**QUANTITY)

    class Meta:
        db_table = "bars"
        ordering = ["start"]
        constraints = [
            models.UniqueConstraint(fields=["feed", "symbol", "timeframe", "start"], name="bars_once"),
            models.CheckConstraint(
                condition=Q(low__gt=0, high__gte=F("low"), open__range=(F("low"), F("high")))
                & Q(close__range=(F("low"), F("high"))),
                name="bars_sane",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.symbol} {self.timeframe} {self.start:%Y-%m-%d %H:%M}"


class BarSpan(models.Model):
    """A stretch of time whose bars are all here, empty minutes included: it is not asked for again."""

    id = models.BigAutoField(primary_key=True)
    feed = models.CharField(max_length=50)
    symbol = models.CharField(max_length=32)
    timeframe = models.CharField(max_length=8)
    start = models.DateTimeField()
    end = models.DateTimeField()

    class Meta:
        db_table = "bar_spans"
        ordering = ["start"]
        constraints = [
            models.UniqueConstraint(fields=["feed", "symbol", "timeframe", "start"], name="bar_spans_once"),
            models.CheckConstraint(condition=Q(end__gt=F("start")), name="bar_spans_forward"),
        ]

    def __str__(self) -> str:
        return f"{self.symbol} {self.timeframe} {self.start:%Y-%m-%d} to {self.end:%Y-%m-%d}"


class Split(models.Model):
    """`ratio` new shares for one old, from the session on."""

    id = models.BigAutoField(primary_key=True)
    feed = models.CharField(max_length=50)
    symbol = models.CharField(max_length=32)
    effective_on = models.DateField()
    ratio = models.DecimalField(max_digits=14, decimal_places=6)

    class Meta:
        db_table = "splits"
        ordering = ["effective_on"]
        constraints = [
            models.UniqueConstraint(fields=["feed", "symbol", "effective_on"], name="splits_once"),
            models.CheckConstraint(condition=Q(ratio__gt=0), name="splits_ratio"),
        ]

    def __str__(self) -> str:
        return f"{self.symbol} {self.ratio}:1 on {self.effective_on}"


class BarSeries(models.Model):
    """Bars a trader brought from a file, for symbols and accounts without a feed: theirs alone, and gone with them."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="bar_series")
    symbol = models.CharField(max_length=32)
    timeframe = models.CharField(max_length=8, help_text="As 1Min.")
    file_name = models.CharField(max_length=255, blank=True, help_text="Of the last file.")
    count = models.PositiveIntegerField(default=0)
    first_at = models.DateTimeField(help_text="The first bar's beginning.")
    last_at = models.DateTimeField(help_text="The last bar's beginning.")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        db_table = "bar_series"
        ordering = ["symbol", "timeframe"]
        verbose_name_plural = "bar series"
        constraints = [models.UniqueConstraint(fields=["user", "symbol", "timeframe"], name="bar_series_once")]

    def __str__(self) -> str:
        return f"{self.symbol} {self.timeframe}"


class SeriesBar(models.Model):
    """Prices as the file says."""

    id = models.BigAutoField(primary_key=True)
    series = models.ForeignKey(BarSeries, on_delete=models.CASCADE, related_name="bars", db_index=False)
    start = models.DateTimeField()
    open = models.DecimalField(**PRICE)
    high = models.DecimalField(**PRICE)
    low = models.DecimalField(**PRICE)
    close = models.DecimalField(**PRICE)
    volume = models.DecimalField(**QUANTITY)

    class Meta:
        db_table = "series_bars"
        ordering = ["start"]
        constraints = [
            models.UniqueConstraint(fields=["series", "start"], name="series_bars_once"),
            models.CheckConstraint(
                condition=Q(low__gt=0, high__gte=F("low"), open__range=(F("low"), F("high")))
                & Q(close__range=(F("low"), F("high"))),
                name="series_bars_sane",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.start:%Y-%m-%d %H:%M} {self.close}"


class SeriesSplit(models.Model):
    """A split inside a trader's own bars: `ratio` new shares for one old, from the session on."""

    id = models.BigAutoField(primary_key=True)
    series = models.ForeignKey(BarSeries, on_delete=models.CASCADE, related_name="splits")
    effective_on = models.DateField()
    ratio = models.DecimalField(max_digits=14, decimal_places=6)

    class Meta:
        db_table = "series_splits"
        ordering = ["effective_on"]
        constraints = [
            models.UniqueConstraint(fields=["series", "effective_on"], name="series_splits_once"),
            models.CheckConstraint(condition=Q(ratio__gt=0), name="series_splits_ratio"),
        ]

    def __str__(self) -> str:
        return f"{self.ratio}:1 on {self.effective_on}"
