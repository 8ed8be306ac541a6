"""How far a job is, told while its transaction is still open, and proof that its worker lives.

Progress goes through a connection of its own: what the booking's transaction writes nobody sees before it ends.
"""

import time
from datetime import timedelta
from types import TracebackType
from typing import Self
from uuid import UUID

from django.db import OperationalError, connections
from django.utils import timezone

LEASE = timedelta(seconds=45)
EVERY_SECONDS = 0.5


class Progress:
    """Writes lines done, at most twice a second, and renews the job's lease with them."""

    def __init__(self, import_id: UUID, *, start: int = 0) -> None:
        self._id = import_id
        self._start = start
        self._told_at = time.monotonic()
        self._connection = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._connection is not None:
            self._connection.close()

    def from_here(self, start: int) -> None:
        """Count what follows on top of `start`."""
        self._start = start

    def __call__(self, done: int) -> None:
        if time.monotonic() - self._told_at < EVERY_SECONDS:
            return
        self._told_at = time.monotonic()
        if self._connection is None:
            self._connection = connections["default"].copy()
        try:
            with self._connection.cursor() as cursor:
                cursor.execute("SET lock_timeout = '500ms'")
                cursor.execute(
                    "UPDATE fill_imports SET done = %s, lease_until = %s WHERE id = %s AND lease_until IS NOT NULL",
                    [self._start + done, timezone.now() + LEASE, self._id],
                )
        except OperationalError:
            # The bar stands still for a moment; the job itself goes on.
            self._connection.close()
