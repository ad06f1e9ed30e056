"""Beat's scheduler, for a clock that may be set back."""

import math
import time
from typing import Any

from celery.beat import Scheduler

_LONGEST_SILENCE_SECONDS = 120
"""Twice as long as the scheduler ever waits: tokens are looked at once a minute."""


class SteadyScheduler(Scheduler):  # type: ignore[misc]
    """In memory, as Celery's own, and steady also after the clock was set back by a day.

    Celery notes at which time of the clock a task is next; it would wait for that day to pass.
    """

    _heap: Any
    ticked_at = math.inf
    """When it was last at work, by the monotonic clock; it begins by being so."""

    def tick(self, *arguments: Any, **words: Any) -> Any:
        """Run what is due; the seconds until the next call."""
        self.ticked_at = time.monotonic()
        if self._heap:
            first = self._heap[0]
            ahead = first.time - self._when(first.entry, 0)
            # Nothing is further ahead than its interval, but by a clock that is no more.
            if ahead > first.entry.schedule.seconds + 1:
                for entry in self.schedule.values():
                    entry.last_run_at = entry.default_now()
                self._heap = None
        return super().tick(*arguments, **words)


def is_steady(scheduler: SteadyScheduler) -> bool:
    """Whether a scheduler has been at work lately, and not only its process there."""
    return time.monotonic() - scheduler.ticked_at < _LONGEST_SILENCE_SECONDS
