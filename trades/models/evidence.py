"""What was asked of a broker about an order, and what a trader has looked at."""

from django.conf import settings
from django.db import models

from trades.models.order import Order


class CallVerb(models.TextChoices):
    SUBMIT = "submit", "Asked to take the order"
    LOOK = "look", "Asked for the order"
    CANCEL = "cancel", "Asked to cancel the order"
    REPLACE = "replace", "Asked to change the order"
    LOOK_CHANGE = "look_change", "Asked for the changed order"


class CallAnswer(models.TextChoices):
    """Empty while there is none: the process that asked may have ended before it could write one down."""

    SHOWN = "shown", "The broker shows it"
    UNKNOWN = "unknown", "The broker does not know it"
    TAKEN = "taken", "The broker took the request"
    REFUSED = "refused", "The broker refused"
    NOT_PROCESSED = "not_processed", "Not processed"
    NO_ANSWER = "no_answer", "No certain answer"
    UNREADABLE = "unreadable", "The answer could not be read"
    NOT_SENT = "not_sent", "Nothing was sent"


class OrderCall(models.Model):
    """One call to a broker about an order that left nothing certain behind, or something less than a step of it.

    Steps of an order are its events; a call changes no state. Written before the broker is asked and completed by its
    answer. The same answer again and again is counted in the last row of its kind. Rows live and die with their order.
    """

    id = models.BigAutoField(primary_key=True)
    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="calls", db_index=False)
    at = models.DateTimeField(help_text="When the broker was asked.")
    answered_at = models.DateTimeField(null=True, blank=True)
    verb = models.CharField(max_length=12, choices=CallVerb)
    asked_by = models.CharField(max_length=10, default="worker", db_default="worker", help_text="As of an event.")
    ref = models.CharField(max_length=255, blank=True, help_text="The id it was asked by.")
    answer = models.CharField(max_length=14, choices=CallAnswer, blank=True)
    status = models.CharField(max_length=40, blank=True, help_text="The broker's own word.")
    code = models.CharField(max_length=60, blank=True)
    sentence = models.CharField(max_length=300, blank=True)
    request_id = models.CharField(max_length=64, blank=True, help_text="The broker's number of the call.")
    times = models.PositiveIntegerField(default=1, db_default=1, help_text="How often it was asked and answered so.")
    last_at = models.DateTimeField(null=True, blank=True, help_text="When it was last asked and answered so.")

    class Meta:
        db_table = "order_calls"
        ordering = ["id"]
        indexes = [models.Index(fields=["order", "id"], name="order_calls_by_order")]

    def __str__(self) -> str:
        return f"{self.verb}: {self.answer or 'no answer yet'}"


class MatterLook(models.Model):
    """A matter the trader has looked at, as it was then: it counts again when its state changes."""

    id = models.BigAutoField(primary_key=True)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="matter_looks")
    key = models.CharField(max_length=200, help_text="What it is about, as in_doubt:<order>.")
    state = models.CharField(max_length=64, help_text="A digest of how it stood.")
    at = models.DateTimeField()

    class Meta:
        db_table = "matter_looks"
        ordering = ["-at"]
        constraints = [models.UniqueConstraint(fields=["owner", "key"], name="matter_looks_once")]

    def __str__(self) -> str:
        return self.key
