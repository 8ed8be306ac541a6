"""Fills brought in from a file: uploaded, previewed, booked whole or not at all, undone."""

import uuid

from django.conf import settings
from django.db import models

from accounts.models import TradingAccount


class ImportState(models.TextChoices):
    UPLOADED = "uploaded", "Reading"
    PREVIEW = "preview", "Preview"
    REFUSED = "refused", "Refused"
    COMMITTING = "committing", "Booking"
    COMMITTED = "committed", "Booked"
    UNDOING = "undoing", "Undoing"
    UNDONE = "undone", "Undone"


class ImportMapping(models.Model):
    """Which column of a file means what, kept per account for files with the same header."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey(TradingAccount, on_delete=models.CASCADE, related_name="import_mappings")
    header_key = models.CharField(max_length=64, help_text="Digest of the header line.")
    mapping = models.JSONField(default=dict)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        db_table = "import_mappings"
        constraints = [models.UniqueConstraint(fields=["account", "header_key"], name="import_mappings_header_once")]

    def __str__(self) -> str:
        return f"{self.account}: {self.header_key[:8]}"


class FillImport(models.Model):
    """The row is the job: a worker claims it by its state and a lease, and writes all or nothing."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="fill_imports")
    account = models.ForeignKey(TradingAccount, on_delete=models.CASCADE, related_name="fill_imports")
    file = models.FileField(upload_to="imports/")
    file_name = models.CharField(max_length=255)
    sha256 = models.CharField(max_length=64)
    state = models.CharField(max_length=10, choices=ImportState, default=ImportState.UPLOADED)
    encoding = models.CharField(max_length=20, blank=True)
    delimiter = models.CharField(max_length=1, blank=True)
    header = models.JSONField(default=list)
    mapping = models.JSONField(default=dict)
    settings = models.JSONField(default=dict, help_text="Zone, date order, decimal comma.")
    sample = models.JSONField(default=list, help_text="The first and last lines, for the preview.")
    rows = models.PositiveIntegerField(default=0)
    new = models.PositiveIntegerField(default=0)
    duplicate = models.PositiveIntegerField(default=0)
    errors = models.JSONField(default=list, help_text="[{line, code, detail}], the first hundred.")
    error_count = models.PositiveIntegerField(default=0)
    warnings = models.JSONField(default=list)
    done = models.PositiveIntegerField(default=0, help_text="Lines done, for the progress bar.")
    total = models.PositiveIntegerField(default=0)
    lease_until = models.DateTimeField(null=True, blank=True)
    trades_created = models.PositiveIntegerField(default=0)
    executions_created = models.PositiveIntegerField(default=0)
    creation_key = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "fill_imports"
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return self.file_name
