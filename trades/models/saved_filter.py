"""A named filter of the trades list: the query part of its address."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models.functions import Lower


class SavedFilter(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="saved_filters")
    name = models.CharField(max_length=60)
    query = models.CharField(max_length=2000)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "saved_filters"
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                "owner",
                Lower("name"),
                name="saved_filters_name_unique",
                violation_error_message="You already have a filter with this name.",
            )
        ]

    def __str__(self) -> str:
        return self.name
