"""The thread that lets things happen at their simulated time."""

import heapq
import itertools
import threading
import time
from collections.abc import Callable
from datetime import datetime

from simulator.world import World

Action = Callable[[], None]


class Schedule:
    """Runs actions when the simulated clock reaches them, in order, with the world's lock held."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._due: list[tuple[datetime, int, Action]] = []
        self._order = itertools.count()
        self._thread = threading.Thread(target=self._run, name="timeline", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout_seconds: float) -> None:
        self._thread.join(timeout_seconds)

    def at(self, moment: datetime | None, action: Action) -> None:
        """Remember an action; None stands for never. Call with the lock held."""
        if moment is not None:
            heapq.heappush(self._due, (moment, next(self._order), action))
            self._world.changed.notify_all()

    def next_at(self) -> datetime | None:
        """When the next thing happens by itself; None if nothing is to come."""
        return self._due[0][0] if self._due else None

    def has_due(self) -> bool:
        return bool(self._due) and self._due[0][0] <= self._world.now()

    def _run(self) -> None:
        with self._world.changed:
            while not self._world.stopping.is_set():
                if self.has_due():
                    heapq.heappop(self._due)[2]()
                    self._world.changed.notify_all()
                else:
                    self._world.changed.wait(self._seconds_to_next())

    def _seconds_to_next(self) -> float | None:
        if not self._due or self._world.clock.frozen:
            return None
        wait = (self._due[0][0] - self._world.now()).total_seconds()
        return min(max(wait, 0.001), threading.TIMEOUT_MAX)


def wait_until(world: World, condition: Callable[[], bool], timeout_seconds: float) -> bool:
    """Wait, lock held, until the condition is true; tell whether it came true in time."""
    deadline = time.monotonic() + timeout_seconds
    while not condition():
        left = deadline - time.monotonic()
        if left <= 0 or world.stopping.is_set():
            return False
        world.changed.wait(left)
    return True
