"""Turns at what takes long, so that other pages find threads free."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from werkzeug.exceptions import ServiceUnavailable

from app.errors import ArchiveUnavailable

_MOST_AT_THE_DISK = 4
_DISK_SECONDS = 1
_COME_AGAIN_SECONDS = 5


def turns_at_the_disk() -> "FewAtOnce":
    """Turns at a disk that may hang: those who wait for it take few threads from the others."""
    return FewAtOnce(
        _MOST_AT_THE_DISK,
        seconds=_DISK_SECONDS,
        busy=lambda: ArchiveUnavailable("the archive's disk does not answer now"),
    )


def come_again(sentence: str) -> ServiceUnavailable:
    """The error for whoever finds too many others there; in some seconds there may be fewer."""
    return ServiceUnavailable(sentence, retry_after=_COME_AGAIN_SECONDS)


class FewAtOnce:
    """So many at once; ``busy`` makes the error for whoever gets no turn within ``seconds``."""

    def __init__(self, most: int, *, seconds: float, busy: Callable[[], Exception]) -> None:
        self._free = threading.BoundedSemaphore(most)
        self._seconds = seconds
        self._busy = busy

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Take one, and give it back."""
        if not self._free.acquire(timeout=self._seconds):
            raise self._busy()
        try:
            yield
        finally:
            self._free.release()
