"""Halt the whole desk: `manage.py desk_halt --reason "The broker is on fire"`. `manage.py desk_resume` lifts it."""

import getpass
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from trades.execution.halt_sweep import consequence
from trades.execution.intents import desk_halt

ASK = "Halt the whole desk? Every working entry of every trader is cancelled. Type yes: "
ASK_EXITS = "Halt the whole desk? Every working entry, stop and target of every trader is cancelled. Type yes: "


class Command(BaseCommand):
    help = "Cancels every working entry of every trader and refuses new ones, until desk_resume. Exits always pass."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--reason", required=True, help="Shown to every trader on every page.")
        parser.add_argument(
            "--cancel-exits",
            action="store_true",
            help="Cancel protective stops and targets, too; also where the desk is halted already and kept them.",
        )
        parser.add_argument("--yes", action="store_true", help="Do not ask whether it is meant.")

    def handle(self, *args: Any, **options: Any) -> None:
        if not options["reason"].strip():
            raise CommandError("Say why: --reason is shown to every trader.")
        question = ASK_EXITS if options["cancel_exits"] else ASK
        if not options["yes"] and not _is_meant(question):
            raise CommandError("Nothing was halted.")
        halt = desk_halt(by=by_name(), reason=options["reason"], cancels_exits=options["cancel_exits"])
        self.stdout.write(
            f"The desk is halted since {halt.halted_at:%Y-%m-%d %H:%M:%S} UTC by {halt.by_name}: {halt.reason}\n"
            "New entries are refused from now on; the workers cancel what works. "
            f"{consequence(cancels_exits=halt.cancels_exits)}"
        )


def _is_meant(question: str) -> bool:
    try:
        return input(question).strip().lower() == "yes"
    except EOFError:
        raise CommandError("Nothing was halted: nobody is here to be asked. Add --yes where it is meant.") from None


def by_name() -> str:
    """Who sits at the command line."""
    return f"{getpass.getuser()} at the command line"
