"""`manage.py create_api_token USERNAME --name NAME --scope trade`: a token for a program, printed once."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from accounts.models import TokenScope, User
from accounts.services.errors import AccountError
from accounts.services.tokens import LASTS_DAYS, token_create


class Command(BaseCommand):
    help = "Makes a token of the REST API and prints it: it cannot be shown again. See docs/api.md."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("username")
        parser.add_argument("--name", required=True, help="What it is for, such as the program's name.")
        parser.add_argument("--scope", choices=TokenScope.values, default=TokenScope.READ)
        parser.add_argument("--days", type=int, default=LASTS_DAYS, help=f"How long it lasts: {LASTS_DAYS} days.")

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(username=options["username"], is_active=True).first()
        if user is None:
            raise CommandError(f"There is no active user {options['username']}.")
        wanted = {name: options[name] for name in ("name", "scope", "days")}
        try:
            token, text = token_create(user=user, now=timezone.now(), **wanted)
        except AccountError as refusal:
            raise CommandError(refusal.sentence) from refusal
        until = f"{token.expires_at:%Y-%m-%d}"
        self.stderr.write(f"{token.name} may {token.get_scope_display().lower()} until {until}. Keep this now:")
        self.stdout.write(text)
