"""A thread that looks after a transfer while the transfer's own thread waits for bytes."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

import requests


class Watch:
    """Calls ``look`` every so often; when that raises, hangs up on the host.

    A read can last as long as the host likes: one byte now and then keeps any timeout from
    running out, and a worker that only reads can neither show that it lives nor be stopped.
    What ``look`` raised is raised again, in the transfer's own thread, by ``check``.
    """

    def __init__(self, look: Callable[[], None], *, every_seconds: float) -> None:
        self._look = look
        self._every_seconds = every_seconds
        self._over = threading.Event()
        self._turn = threading.Lock()
        self._open: list[requests.Response] = []
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._watch, name="transfer-watch", daemon=True)

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

    @contextmanager
    def over(self, response: requests.Response) -> Iterator[None]:
        """Hang up on this answer when a look finds that it must end; raises what it found."""
        with self._turn:
            self._open.append(response)
        try:
            self.check()
            yield
        finally:
            with self._turn:
                self._open.remove(response)

    def check(self) -> None:
        """Raise what the last look found; once, so that the transfer may try again."""
        if self._error is None:
            return
        with self._turn:
            error, self._error = self._error, None
        if error is not None:
            raise error

    def hang_up(self) -> None:
        """Hang up on every answer that is still being read."""
        with self._turn:
            for response in self._open:
                _hang_up(response)

    def _watch(self) -> None:
        while not self._over.wait(self._every_seconds):
            try:
                self._look()
            except BaseException as error:
                # Not lost: check() raises it again where somebody waits for the transfer.
                self._error = error
                self.hang_up()


def _hang_up(response: requests.Response) -> None:
    try:
        response.raw.shutdown()
    except (OSError, RuntimeError, ValueError):
        # The connection ended by itself in this very moment.
        return
