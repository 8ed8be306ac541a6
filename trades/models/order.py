"""An order: what was asked of a broker, and every step it took."""

import uuid

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import F, Q

from accounts.models import TradingAccount
from brokers.models import BrokerConnection
from trades.models.fields import COST, MONEY, PERCENT, PRICE, QUANTITY
from trades.models.fill import Side
from trades.models.trade import AssetClass, Trade
from trenddojo.domain import order_state, orders


def _choices(words: type) -> list[tuple[str, str]]:
    return [(word.value, word.value.replace("_", " ").capitalize()) for word in words]


ORDER_STATES = _choices(order_state.OrderState)
ORDER_TYPES = [*_choices(orders.OrderType)]
TIMES_IN_FORCE = [(word.value, word.value.upper()) for word in orders.TimeInForce]
ORDER_CLASSES = _choices(orders.OrderClass)
ORDER_ROLES = _choices(orders.OrderRole)
AT_BROKER = sorted(order_state.AT_BROKER)
WORKING = sorted(order_state.WORKING)
# Ends that nobody asked for: the trader is told, and looks.
ENDED_ODDLY = ("gone", "id_taken", "lapsed", "never_arrived")


class OrderOrigin(models.TextChoices):
    DESK = "desk", "Placed here"
    EXTERNAL = "external", "Placed elsewhere"


class Order(models.Model):
    """The row is stored before anything is sent, and carries the id the broker will know it by.

    `status` and what the broker reported are written only by ``trades.execution.transitions``.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="orders")
    account = models.ForeignKey(TradingAccount, on_delete=models.CASCADE, related_name="orders")
    connection = models.ForeignKey(BrokerConnection, on_delete=models.SET_NULL, null=True, related_name="orders")
    trade = models.ForeignKey(Trade, on_delete=models.SET_NULL, null=True, blank=True, related_name="orders")
    parent = models.ForeignKey("self", on_delete=models.CASCADE, null=True, blank=True, related_name="legs")
    replaces = models.OneToOneField(
        "self", on_delete=models.SET_NULL, null=True, blank=True, related_name="replaced_by"
    )
    origin = models.CharField(max_length=8, choices=OrderOrigin, default=OrderOrigin.DESK)
    role = models.CharField(max_length=11, choices=ORDER_ROLES, default="entry")
    # Empty for legs whose ids the broker makes, until it has made them.
    client_order_id = models.CharField(max_length=128, blank=True)
    broker_order_id = models.CharField(max_length=255, blank=True)

    # What was asked.
    symbol = models.CharField(max_length=32)
    asset_class = models.CharField(max_length=8, choices=AssetClass, default=AssetClass.STOCK)
    multiplier = models.DecimalField(max_digits=12, decimal_places=4, default=1)
    side = models.CharField(max_length=4, choices=Side)
    type = models.CharField(max_length=13, choices=ORDER_TYPES)
    quantity = models.DecimalField(**QUANTITY)
    limit_price = models.DecimalField(**PRICE, null=True, blank=True)
    stop_price = models.DecimalField(**PRICE, null=True, blank=True)
    trail_percent = models.DecimalField(**PERCENT, null=True, blank=True)
    trail_price = models.DecimalField(**PRICE, null=True, blank=True)
    time_in_force = models.CharField(max_length=3, choices=TIMES_IN_FORCE, default="day")
    extended_hours = models.BooleanField(default=False)
    order_class = models.CharField(max_length=7, choices=ORDER_CLASSES, default="simple")
    # Only ever makes the position smaller: passes the limits, and goes first when calls are scarce.
    is_reducing = models.BooleanField(default=False)
    # The room it takes of the account's limits while it works, in money for its whole quantity.
    reserved_value = models.DecimalField(**MONEY, default=0)
    reserved_risk = models.DecimalField(**MONEY, default=0)

    # Where it is.
    status = models.CharField(max_length=16, choices=ORDER_STATES, default="new")
    raw_status = models.CharField(max_length=40, blank=True, help_text="The broker's own word.")
    reason_code = models.CharField(max_length=60, blank=True)
    reason_detail = models.CharField(max_length=500, blank=True)
    filled_quantity = models.DecimalField(**QUANTITY, default=0)
    filled_average_price = models.DecimalField(**PRICE, null=True, blank=True)
    commission = models.DecimalField(**COST, default=0)

    # Sending: not before, not after (the trader's expiry), and since when nobody knows.
    send_after = models.DateTimeField(null=True, blank=True)
    send_before = models.DateTimeField(null=True, blank=True)
    claimed_at = models.DateTimeField(null=True, blank=True)
    doubted_at = models.DateTimeField(null=True, blank=True)
    asked_at = models.DateTimeField(null=True, blank=True)
    asked_count = models.PositiveSmallIntegerField(default=0)
    cancel_asked_at = models.DateTimeField(null=True, blank=True)
    # The replacement that was asked for and not yet answered, as sent.
    pending_change = models.JSONField(null=True, blank=True, encoder=DjangoJSONEncoder)

    submitted_at = models.DateTimeField(null=True, blank=True)
    filled_at = models.DateTimeField(null=True, blank=True)
    done_at = models.DateTimeField(null=True, blank=True)
    reported_at = models.DateTimeField(null=True, blank=True, help_text="When the broker last spoke of it.")
    version = models.PositiveIntegerField(default=1)
    creation_key = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        db_table = "orders"
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(fields=["owner", "-created_at", "-id"], name="orders_by_time"),
            models.Index(fields=["account", "symbol"], condition=Q(status__in=WORKING), name="orders_working"),
            models.Index(fields=["connection"], condition=Q(status__in=AT_BROKER), name="orders_at_broker"),
            models.Index(
                fields=["status", "send_after"], condition=Q(status__in=["new", "queued"]), name="orders_unsent"
            ),
            models.Index(
                fields=["claimed_at"], condition=Q(status__in=["submitting", "in_doubt"]), name="orders_uncertain"
            ),
            models.Index(fields=["account", "-created_at"], name="orders_by_account"),
            models.Index(fields=["connection"], condition=Q(pending_change__isnull=False), name="orders_changing"),
            # Denied after it was written: at the open, or right before it was to be sent.
            models.Index(
                fields=["owner", "done_at"],
                condition=Q(reason_code__in=ENDED_ODDLY) | Q(status="denied", done_at__gt=F("created_at")),
                name="orders_ended_oddly",
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["account", "client_order_id"], condition=~Q(client_order_id=""), name="orders_client_id_once"
            ),
            models.UniqueConstraint(
                fields=["account", "broker_order_id"], condition=~Q(broker_order_id=""), name="orders_broker_id_once"
            ),
            models.CheckConstraint(condition=Q(quantity__gte=0, filled_quantity__gte=0), name="orders_quantities"),
            models.CheckConstraint(condition=Q(side__in=Side), name="orders_side"),
            models.CheckConstraint(condition=Q(status__in=[s for s, _ in ORDER_STATES]), name="orders_status"),
            models.CheckConstraint(condition=~Q(status="in_doubt") | Q(doubted_at__isnull=False), name="orders_doubt"),
        ]

    def __str__(self) -> str:
        return f"{self.side} {self.quantity} {self.symbol} {self.type} ({self.status})"


class OrderEvent(models.Model):
    """One step of an order. Rows are only ever added; `id` grows, so that a reader can go on where it stopped."""

    id = models.BigAutoField(primary_key=True)
    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="events")
    at = models.DateTimeField(help_text="When we knew.")
    happened_at = models.DateTimeField(null=True, blank=True, help_text="When the broker says it happened.")
    fact = models.CharField(max_length=20)
    from_status = models.CharField(max_length=16, blank=True)
    to_status = models.CharField(max_length=16)
    source = models.CharField(
        max_length=10,
        choices=[(s, s.capitalize()) for s in ("trader", "worker", "poll", "stream", "reconcile")],
    )
    detail = models.JSONField(default=dict, encoder=DjangoJSONEncoder, help_text="Figures and ids; never a key.")

    class Meta:
        db_table = "order_events"
        ordering = ["id"]
        indexes = [models.Index(fields=["order", "id"], name="order_events_by_order")]

    def __str__(self) -> str:
        return f"{self.fact}: {self.from_status} to {self.to_status}"
