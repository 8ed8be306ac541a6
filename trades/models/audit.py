"""The audit trail: who changed what, when, from what to what. Rows are only ever added."""

import uuid

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models

from accounts.models import TradingAccount


class AuditEntry(models.Model):
    """``before`` is null for what was added, ``after`` for what was deleted."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey(TradingAccount, on_delete=models.CASCADE, related_name="audit_entries")
    # Not a foreign key: the entry outlives the trade.
    trade_id = models.UUIDField(null=True, blank=True)
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    at = models.DateTimeField(auto_now_add=True)
    action = models.CharField(max_length=40, help_text="Noun and verb, as fill.edited.")
    subject_id = models.UUIDField(help_text="The row that was changed.")
    before = models.JSONField(null=True, encoder=DjangoJSONEncoder)
    after = models.JSONField(null=True, encoder=DjangoJSONEncoder)

    class Meta:
        db_table = "audit_entries"
        ordering = ["-at"]
        verbose_name_plural = "audit entries"
        indexes = [
            models.Index(fields=["trade_id", "-at"], name="audit_by_trade"),
            models.Index(fields=["account", "-at"], name="audit_by_account"),
        ]

    def __str__(self) -> str:
        return f"{self.action} at {self.at:%Y-%m-%d %H:%M:%S}"
