"""Beat's interval, for a clock that may be set back."""

from datetime import datetime, timedelta
from typing import Any

from celery.schedules import schedstate, schedule


class Steady(schedule):  # type: ignore[misc]
    """Every so many seconds, also after the clock was set back by a day.

    Celery reckons from the last run: where that lies ahead, it would wait for that day to pass.
    """

    def __init__(self, run_every: float | timedelta, *args: Any, **words: Any) -> None:
        super().__init__(run_every, *args, **words)

    def is_due(self, last_run_at: datetime) -> Any:
        """Due as Celery says, and whenever the next run is further off than one interval."""
        state = super().is_due(last_run_at)
        return state if state.next <= self.seconds else schedstate(is_due=True, next=self.seconds)
