"""What `make run` does to the site before its processes start."""

from argparse import ArgumentParser
from typing import Any

from django.core.management import call_command, get_commands
from django.core.management.base import BaseCommand


class Command(BaseCommand):
    help = "Migrates, makes the demo trader once and collects the static files where asked, in one process."
    # Loading every page for the checks would take longer than the work; `make check` runs them. What would endanger
    # keys or live orders is refused here.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--static", action="store_true", help="collect the static files as well")

    def handle(self, *args: Any, **options: Any) -> None:
        self.check(tags=["brokers"])
        call_command("migrate", interactive=False, verbosity=0)
        if "create_demo" in get_commands():
            call_command("create_demo", stdout=self.stdout)
        if options["static"]:
            call_command("collectstatic", interactive=False, clear=True, verbosity=0)
