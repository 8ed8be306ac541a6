"""Words a trader puts on trades and journal days: tags, mistakes and emotions."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models.functions import Lower


class TagKind(models.TextChoices):
    TAG = "tag", "Tag"
    MISTAKE = "mistake", "Mistake"
    EMOTION = "emotion", "Emotion"


class Tag(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="tags")
    kind = models.CharField(max_length=8, choices=TagKind, default=TagKind.TAG)
    name = models.CharField(max_length=50)

    class Meta:
        db_table = "tags"
        ordering = ["kind", "name"]
        constraints = [
            models.UniqueConstraint(
                "owner",
                "kind",
                Lower("name"),
                name="tags_name_unique",
                violation_error_message="You already have this word.",
            )
        ]

    def __str__(self) -> str:
        return self.name
