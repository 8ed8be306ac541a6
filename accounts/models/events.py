"""What happened to a trader's things, in one numbered row of facts that programs can follow."""

from django.db import models

from accounts.models.people import User


class EventSubject(models.TextChoices):
    ORDER = "order", "Order"
    TRADE = "trade", "Trade"
    POSITION = "position", "Position"
    NOTIFICATION = "notification", "Notification"


class EventAction(models.TextChoices):
    CREATED = "created", "Created"
    CHANGED = "changed", "Changed"
    DELETED = "deleted", "Deleted"


class Event(models.Model):
    """A fact, written by the database itself in the transaction that made it true: triggers in the migrations.

    Rows become visible in another order than that of their ids. `seq` is given afterwards to what is committed, by one
    process at a time (see accounts.services.events), and so is a place a reader can go on from without missing any.
    """

    id = models.BigAutoField(primary_key=True)
    seq = models.BigIntegerField(null=True, unique=True)
    # The database deletes the rows with the user, those a trigger writes while the user is deleted included.
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="events", db_constraint=False, db_index=False)
    subject = models.CharField(max_length=12, choices=EventSubject)
    action = models.CharField(max_length=7, choices=EventAction)
    # Null where one statement changed very many: read them anew.
    object_id = models.CharField(max_length=36, null=True)  # noqa: DJ001 - null is not an empty id
    detail = models.JSONField(default=dict, help_text="What tells whether it is worth reading anew.")
    at = models.DateTimeField()

    class Meta:
        db_table = "events"
        ordering = ["id"]
        indexes = [
            models.Index(fields=["user", "seq"], name="events_by_user"),
            models.Index(fields=["id"], condition=models.Q(seq__isnull=True), name="events_unnumbered"),
            models.Index(fields=["at"], name="events_by_age"),
        ]

    def __str__(self) -> str:
        return f"{self.subject}.{self.action} {self.object_id}"
