"""How a worker stops: a flag that its children share, and an end to waiting for them."""

import mmap
import os
import signal
import threading
from collections.abc import Callable
from typing import Any

import structlog
from billiard import pool
from billiard.process import active_children

log = structlog.get_logger()

UNREAD_RESULT_SECONDS = 2
"""How long a child that ends waits for somebody to read what it has told."""


class SharedFlag:
    """One byte of memory that forked children see as well.

    Celery tells only the parent of a prefork pool that it is shutting down. Without a
    lock, so that it can be set in a signal handler and survives a child killed at any moment.
    """

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, 1)

    def set(self) -> None:
        """Ask everybody to stop."""
        self._memory[0] = 1

    def is_set(self) -> bool:
        """Whether everybody was asked to stop."""
        return self._memory[0] == 1


def end_after(seconds: float) -> None:
    """End this worker and its children by force, should it still be there after so long.

    Celery's pools wait without a limit for a child that is frozen or that a crash of another
    one has confused. Whatever still runs then is taken over when its lease has run out.
    """
    watch = threading.Timer(seconds, _end_by_force)
    watch.daemon = True
    watch.start()


def end_without_a_reader() -> None:
    """Let this child end soon, although nobody may read what became of its last task.

    A worker that stops forgets a task that it has handed to a child but not yet seen accepted, and
    reads no more; the child does the task, and would wait thirty seconds for its result to be read.
    Nothing is lost with it: what became of work is in the database.
    """
    interval = pool.GUARANTEE_MESSAGE_CONSUMPTION_RETRY_INTERVAL
    pool.GUARANTEE_MESSAGE_CONSUMPTION_RETRY_LIMIT = int(UNREAD_RESULT_SECONDS / interval)


def ending(handler: Any, seconds: float) -> Callable[[int, Any], None]:
    """A signal handler that does what another one does, and bounds how long the end may take."""

    def handle(number: int, frame: Any) -> None:
        end_after(seconds)
        if callable(handler):
            handler(number, frame)

    return handle


def _end_by_force() -> None:
    log.error("worker.stop_forced")
    for child in active_children():
        os.kill(child.pid, signal.SIGKILL)
    os._exit(1)
