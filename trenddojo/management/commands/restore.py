"""`manage.py restore FILE`: the desk as it was, and safe to go on with."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from trenddojo.backups.errors import BackupError
from trenddojo.backups.restoring import backup_restore, refuse_rows, take_any


class Command(BaseCommand):
    help = (
        "Brings database and files back from a backup, all or nothing. Stop the desk first. Afterwards no order leaves "
        "until its broker has been asked what became of it."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--replace", action="store_true", help="lose what the database holds now")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            done = backup_restore(options["file"], refuse_used=take_any if options["replace"] else refuse_rows)
        except BackupError as problem:
            raise CommandError(str(problem)) from problem
        rows, held = sum(done.manifest.counts.values()), done.held
        self.stdout.write(
            f"Restored {rows:,} rows and {len(done.manifest.members) - 1:,} files of {done.manifest.made_at}."
        )
        self.stdout.write(
            f"Accounts that are halted until their broker has been asked: {held.accounts}. Looked up there, and not "
            f"sent: orders {held.orders}, changes {held.changes}."
        )
        if done.keys_missing:
            self.stderr.write(
                f"Keys of brokers sealed with {', '.join(done.keys_missing)} do not open here: put that key into "
                "BROKER_ENCRYPTION_KEYS_OLD, or their traders have to reconnect."
            )
