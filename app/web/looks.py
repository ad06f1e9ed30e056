"""Looks at something that may not answer: bounded in time, and never more than one at once."""

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

Answer = TypeVar("Answer")


class BoundedLook(Generic[Answer]):
    """Looks in a thread of its own, and keeps the answer for a second.

    A frozen database or disk holds that one thread, and nobody else for longer than
    ``seconds``. The thread is a daemon, so it never holds up the end of its process.
    """

    def __init__(self, look: Callable[[], Answer], *, seconds: float, fresh_seconds: float) -> None:
        self._look = look
        self._seconds = seconds
        self._fresh_seconds = fresh_seconds
        self._turn = threading.Lock()
        self._running: _Look[Answer] | None = None

    def begin(self) -> None:
        """Start looking, unless a look is under way or has just ended."""
        with self._turn:
            running = self._running
            if running is None or running.ended_before(time.monotonic() - self._fresh_seconds):
                self._running = _Look(self._look)
                self._running.start()

    def answer(self) -> Answer | None:
        """What was seen; None if there is no answer in time."""
        self.begin()
        running = self._running
        assert running is not None, "begin() has started a look"
        running.join(self._seconds)
        return running.answer


class _Look(threading.Thread, Generic[Answer]):
    def __init__(self, look: Callable[[], Answer]) -> None:
        super().__init__(name="look", daemon=True)
        self._look = look
        self._ended_at: float | None = None
        self.answer: Answer | None = None

    def run(self) -> None:
        try:
            self.answer = self._look()
        finally:
            self._ended_at = time.monotonic()

    def ended_before(self, moment: float) -> bool:
        return self._ended_at is not None and self._ended_at < moment
