"""SQLite's writers, taken in turn over all threads and processes."""

import fcntl
import os
import random
import threading
import time
from pathlib import Path
from typing import ClassVar, Self

from app.errors import DatabaseUnavailable

_PLACE_PAUSE_SECONDS = 0.001
_LOCK_PAUSE_SECONDS = 0.0003
"""Shorter, since one process at most looks for the lock at a time."""


class WriterLock:
    """Held around one write transaction.

    SQLite's own waiting sleeps longer and longer, so a newcomer often wins and the
    unlucky wait for seconds. Here the threads of a process queue up, and the first of each
    process looks for a place before it looks for the lock: only who has the place may take
    the lock next. So a process that writes all the time cannot take it twice while others
    wait. The kernel lets go of both when their process dies.
    """

    _threads: ClassVar[dict[tuple[int, Path], threading.Lock]] = {}

    def __init__(self, path: Path, *, seconds: float) -> None:
        self._path = path
        self._seconds = seconds
        self._turn = self._threads.setdefault((os.getpid(), path), threading.Lock())
        self._descriptor = -1

    def __enter__(self) -> Self:
        deadline = time.monotonic() + self._seconds
        if not self._turn.acquire(timeout=self._seconds):
            raise _too_long(self._seconds)
        try:
            self._wait(deadline)
        except OSError as error:
            self._let_go()
            raise DatabaseUnavailable(f"no lock beside the database: {error.strerror}") from error
        except BaseException:
            self._let_go()
            raise
        return self

    def __exit__(self, *_error: object) -> None:
        self._let_go()

    def _wait(self, deadline: float) -> None:
        place = _open(f"{self._path}.next")
        try:
            self._take(place, deadline, _PLACE_PAUSE_SECONDS)
            self._descriptor = _open(self._path)
            self._take(self._descriptor, deadline, _LOCK_PAUSE_SECONDS)
        finally:
            _close(place)

    def _take(self, descriptor: int, deadline: float, pause_seconds: float) -> None:
        while True:
            try:
                return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise _too_long(self._seconds) from None
                # At random, so that two who wait do not look in step.
                time.sleep(pause_seconds * random.uniform(0.5, 1.5))  # noqa: S311

    def _let_go(self) -> None:
        if self._descriptor >= 0:
            _close(self._descriptor)
            self._descriptor = -1
        self._turn.release()


def _open(path: Path | str) -> int:
    return os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)


def _close(descriptor: int) -> None:
    # Closing alone would not do: a child forked meanwhile has the same open file.
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    os.close(descriptor)


def _too_long(seconds: float) -> DatabaseUnavailable:
    return DatabaseUnavailable(f"other writers held the database for more than {seconds:.0f} s")
