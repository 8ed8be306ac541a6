"""Signs of life of this process, and its look at the others, in a thread of its own.

The thread writes only what the process's own loop has told it since: a loop that stands still is missed, and a database
that does not answer stops no loop.
"""

import logging
import threading
import time

from django.db import DatabaseError, InterfaceError, connections

from accounts.services.pulses import pulse_write
from trades.execution.silences import silences_watch

log = logging.getLogger(__name__)

# Seconds between two signs of life, and between two looks at the others.
EVERY, WATCH_EVERY = 5.0, 10.0
AWAY = (DatabaseError, InterfaceError)


class Pulse:
    """The thread begins with the first sign of life."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._lives = threading.Event()
        self._thread: threading.Thread | None = None

    def beat(self) -> None:
        """The loop of the process has come by. Never waits."""
        self._lives.set()
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._run, name="pulse", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        watched = 0.0
        while True:
            self._lives.wait()
            self._lives.clear()
            pulse_note(self.name)
            if time.monotonic() - watched > WATCH_EVERY:
                others_watch()
                watched = time.monotonic()
            # Nothing is kept open: children that are forked meanwhile would inherit it.
            connections.close_all()
            time.sleep(EVERY)


def pulse_note(name: str) -> None:
    """A sign of life, unless the database is away."""
    try:
        pulse_write(name)
    except AWAY:
        log.warning("pulse.lost process=%s", name)


def others_watch() -> None:
    """A look at the others, which may wait for the next time."""
    try:
        silences_watch()
    except AWAY:
        log.warning("pulse.unwatched")


def watch_always() -> None:
    """Look at the others for as long as this process lives."""
    threading.Thread(target=_watch, name="watch", daemon=True).start()


def _watch() -> None:
    while True:
        time.sleep(WATCH_EVERY)
        others_watch()
        connections.close_all()
