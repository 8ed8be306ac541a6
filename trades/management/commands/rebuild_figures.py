"""``manage.py rebuild_figures``: add up the kept figures of all accounts, or of the named ones, again."""

from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.models import TradingAccount
from trades.services.figures import figures_rebuild


class Command(BaseCommand):
    help = "Add up the kept figures again from the trades, one account at a time."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("accounts", nargs="*", type=UUID, help="Ids of accounts; all when none is named.")

    def handle(self, *args: Any, **options: Any) -> None:
        named: list[UUID] = options["accounts"]
        found = TradingAccount.objects.order_by("created_at", "pk")
        if named:
            found = found.filter(pk__in=named)
            missing = set(named) - set(found.values_list("pk", flat=True))
            if missing:
                raise CommandError(f"There is no account {', '.join(map(str, sorted(missing)))}.")
        for account in found:
            figures_rebuild(account)
        self.stdout.write(f"The figures of {found.count()} accounts were added up again.")
