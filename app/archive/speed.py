"""A guard against hosts that keep a connection open and send next to nothing."""

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self


class SpeedGuard:
    """Hangs up when fewer than so many bytes came in so many seconds.

    A timeout counts from one packet to the next, so a drip could hold one read for ever.
    ``hang_up`` is called from another thread than the one that reads.
    """

    def __init__(
        self,
        hang_up: Callable[[], None],
        size: Callable[[], int],
        *,
        seconds: float,
        fewest_bytes: int,
    ) -> None:
        self.hung_up = False
        self._hang_up = hang_up
        self._size = size
        self._seconds = seconds
        self._fewest_bytes = fewest_bytes
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="speed-guard", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        before = self._size()
        while not self._over.wait(self._seconds):
            size = self._size()
            if size - before < self._fewest_bytes:
                self._end()
                return
            before = size

    def _end(self) -> None:
        self.hung_up = True
        try:
            self._hang_up()
        except (OSError, RuntimeError, ValueError):
            # The connection ended by itself in this very moment.
            return
