"""The stand-in exchange as a process: see docs/simulator.md."""

import os
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from brokers.simulator.errors import SimulatorError
from brokers.simulator.options import add_arguments, from_arguments
from brokers.simulator.server import run


class Command(BaseCommand):
    help = "Runs a stand-in exchange that speaks Alpaca's protocol, until Ctrl-C. It needs no database."
    # It stands beside the site, not in it.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            run(from_arguments(options, os.environ), self._say)
        except SimulatorError as problem:
            raise CommandError(str(problem)) from problem

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()
