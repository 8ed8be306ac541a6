"""`manage.py rotate_credentials`: after BROKER_ENCRYPTION_KEY was changed."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from brokers.services.rotation import credentials_rotate
from brokers.vault import VaultError


class Command(BaseCommand):
    help = (
        "Seals the keys of all connections with BROKER_ENCRYPTION_KEY. Put the key before it into "
        "BROKER_ENCRYPTION_KEYS_OLD first, and take it out again afterwards. May be run again at any time."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            done = credentials_rotate()
        except VaultError as problem:
            raise CommandError(str(problem)) from problem
        self.stdout.write(f"{done.sealed_anew} sealed anew, {done.unchanged} were sealed with this key already.")
        if done.failed:
            raise CommandError("These did not open and stay as they are:\n" + "\n".join(done.failed))
