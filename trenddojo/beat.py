"""The scheduler: celery's plain one, which keeps nothing on disk that kill -9 could spoil, and which does not
wait until a clock that was put back has caught up."""

from typing import Any

from celery.beat import Scheduler as PlainScheduler


class Scheduler(PlainScheduler):
    def tick(self, *args: Any, **kwargs: Any) -> float:
        """Start what is due; answers the seconds until the next look."""
        now = self.app.now()
        ahead = [entry for entry in self.schedule.values() if entry.last_run_at and entry.last_run_at > now]
        for entry in ahead:
            # It says that it ran after the present: its next turn is one cycle from now.
            entry.last_run_at = now
        if ahead:
            # The order of the turns was by the time that was.
            self._heap = None
        seconds: float = super().tick(*args, **kwargs)
        return seconds
