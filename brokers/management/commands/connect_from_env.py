"""`manage.py connect_from_env`: for a desk with one user."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.models import User
from brokers.services.errors import ConnectionRefusal
from brokers.services.from_env import KEYS, connection_from_env


class Command(BaseCommand):
    help = (
        "Connects a user to a broker with the keys of the environment (ALPACA_API_KEY and ALPACA_SECRET_KEY) and opens "
        "an account for it. Without a name: the only user there is. Run again, it takes in new keys."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("username", nargs="?", default="")
        parser.add_argument("--broker", choices=sorted(KEYS), default="alpaca")

    def handle(self, *args: Any, **options: Any) -> None:
        user = self._user(options["username"])
        try:
            connection = connection_from_env(user=user, broker=options["broker"])
        except ConnectionRefusal as refusal:
            raise CommandError(refusal.sentence) from refusal
        mode = "paper" if connection.is_paper else "live"
        name = connection.get_broker_display()
        self.stdout.write(f"{user.get_username()} is connected to {name} ({mode}) as “{connection.label}”.")

    def _user(self, username: str) -> User:
        users = User.objects.filter(is_active=True)
        found = list((users.filter(username=username) if username else users)[:2])
        if len(found) == 1:
            return found[0]
        if username:
            raise CommandError(f"There is no active user {username}.")
        raise CommandError("Name the user: there is not exactly one active user here.")
