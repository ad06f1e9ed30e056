"""How a worker stops: a flag that its children share, and an end to waiting for them."""

import mmap
import os
import signal
import threading
from collections.abc import Callable
from typing import Any

import structlog
from billiard.process import active_children

log = structlog.get_logger()


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
