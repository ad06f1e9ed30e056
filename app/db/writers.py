"""SQLite's writers, taken in turn over all threads and processes."""

import fcntl
import os
import random
import threading
import time
from pathlib import Path
from typing import ClassVar, Self

from app.errors import DatabaseUnavailable


class WriterLock:
    """Held around one write transaction.

    SQLite's own waiting sleeps longer and longer, so a newcomer often wins and the
    unlucky wait for seconds. Here the threads of a process queue up, and only the first of
    each process looks for the file lock, every millisecond or so. The kernel lets go of
    the lock when its process dies.
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
            self._descriptor = os.open(self._path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
            self._take_file(deadline)
        except OSError as error:
            self._let_go()
            raise DatabaseUnavailable(f"no lock beside the database: {error.strerror}") from error
        except BaseException:
            self._let_go()
            raise
        return self

    def __exit__(self, *_error: object) -> None:
        self._let_go()

    def _take_file(self, deadline: float) -> None:
        while True:
            try:
                return fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise _too_long(self._seconds) from None
                time.sleep(random.uniform(0.0003, 0.0015))  # noqa: S311 -- only spreads the looks

    def _let_go(self) -> None:
        if self._descriptor >= 0:
            # Closing alone would not do: a child forked meanwhile has the same open file.
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)
            os.close(self._descriptor)
            self._descriptor = -1
        self._turn.release()


def _too_long(seconds: float) -> DatabaseUnavailable:
    return DatabaseUnavailable(f"other writers held the database for more than {seconds:.0f} s")
