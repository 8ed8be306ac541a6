"""Makes the demo trader once."""

from typing import Any

from allauth.account.models import EmailAddress
from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.models import User
from trades.demo.writing import demo_write


class Command(BaseCommand):
    help = "Makes the demo trader and a year of trades; does nothing when there is a demo trader or no DEMO_PASSWORD."

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEMO_PASSWORD or User.objects.filter(username=settings.DEMO_USERNAME).exists():
            return
        try:
            with transaction.atomic():
                count = self._write()
        except IntegrityError:
            # Two starts at once: the other one wrote the demo trader.
            if not User.objects.filter(username=settings.DEMO_USERNAME).exists():
                raise
            return
        self.stdout.write(f"The demo trader has {count} trades.")

    def _write(self) -> int:
        user = User.objects.create_user(
            username=settings.DEMO_USERNAME,
            email="demo@example.com",
            password=settings.DEMO_PASSWORD,
            first_name="Demo",
        )
        EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
        return len(demo_write(user, until=timezone.now().date()))
