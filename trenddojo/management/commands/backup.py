"""`manage.py backup FILE`: the whole desk in one file, while it works."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from trenddojo.backups.errors import BackupError
from trenddojo.backups.restoring import backup_check
from trenddojo.backups.writing import backup_write


class Command(BaseCommand):
    help = (
        "Writes database and files into one new file; the desk may work meanwhile. It holds no keys: keep .env apart. "
        "With --check an existing backup is read and its checksums are compared."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--check", action="store_true", help="read the file and write nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["file"]
        try:
            manifest = backup_check(path) if options["check"] else backup_write(path)
        except BackupError as problem:
            raise CommandError(str(problem)) from problem
        files = len(manifest.members) - 1
        rows = sum(manifest.counts.values())
        word = "is whole" if options["check"] else "is written"
        size = path.stat().st_size / 1e6
        self.stdout.write(f"{path} {word}: {rows:,} rows and {files:,} files of {manifest.made_at}, {size:.1f} MB.")
        if manifest.keys:
            self.stdout.write(f"Brokers' keys in it are sealed with {', '.join(manifest.keys)}: keep that key apart.")
        for name in manifest.missing:
            self.stdout.write(f"Without a file that its row speaks of: {name}")
