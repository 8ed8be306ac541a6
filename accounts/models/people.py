"""Who trades."""

import uuid
import zoneinfo

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

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
    password_good_until = models.DateTimeField(
        "given password good until",
        null=True,
        editable=False,
        help_text="An administrator typed this password. Empty: its owner chose it.",
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
