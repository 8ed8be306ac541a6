"""Hold the order streams of connections: `manage.py stream_orders`. Run as many as hosts; each takes what is free."""

import asyncio
import signal
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from accounts.services.pulses import STREAM, pulse_end
from brokers.registry import streaming_brokers
from trades.execution.streaming import MOST_STREAMS, StreamDesk
from trenddojo.health import STREAM_HEARTBEAT, heartbeat_write
from trenddojo.pulse import others_watch, pulse_note


class Command(BaseCommand):
    help = "Listens to the brokers' order updates, so that fills show at once; ends on SIGTERM."
    retired = "The order stream is not missed any more: orders are polled. Where one runs, it will be missed again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--most", type=int, default=MOST_STREAMS, help="How many connections this process serves.")
        parser.add_argument("--retire", action="store_true", help="No order stream is to run any more: miss none.")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["retire"]:
            pulse_end(STREAM)
            self.stdout.write(self.retired)
            return
        asyncio.run(_run(StreamDesk(tuple(streaming_brokers()), lives=_lives, most=options["most"])))


def _lives() -> None:
    """Called by the loop that keeps the leases, every few seconds."""
    heartbeat_write(STREAM_HEARTBEAT)
    pulse_note(STREAM)
    others_watch()


async def _run(desk: StreamDesk) -> None:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)
    await desk.run(stop)
