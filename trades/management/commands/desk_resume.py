"""Lift the halt of the whole desk; those of traders and accounts stay."""

from typing import Any

from django.core.management.base import BaseCommand

from trades.execution.intents import desk_resume
from trades.management.commands.desk_halt import by_name


class Command(BaseCommand):
    help = "Lets new orders leave again after desk_halt. What was cancelled stays cancelled."

    def handle(self, *args: Any, **options: Any) -> None:
        halt = desk_resume(by=by_name())
        self.stdout.write("The desk was not halted." if halt is None else "The desk trades again.")
