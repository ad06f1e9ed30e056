"""A flag that a worker and its children share: "stop what you are doing"."""

import mmap


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
