"""A thread that looks after a transfer while the transfer's own thread waits for bytes."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Self

HangUp = Callable[[], None]
"""Ends a connection from another thread than the one that waits for it."""


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
        self._open: list[HangUp] = []
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._watch, name="transfer-watch", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._over.set()
        self._thread.join()

    @contextmanager
    def over(self, hang_up: HangUp) -> Iterator[None]:
        """Hang up in this way when a look finds, meanwhile, that the transfer must end.

        Raises what the last look found, if nobody has been told yet.
        """
        with self._turn:
            self._open.append(hang_up)
        try:
            self.check()
            yield
        finally:
            with self._turn:
                self._open.remove(hang_up)

    def check(self) -> None:
        """Raise what the last look found; once, so that the transfer may try again."""
        if self._error is None:
            return
        with self._turn:
            error, self._error = self._error, None
        if error is not None:
            raise error

    def hang_up(self) -> None:
        """Hang up on everything that is still being waited for."""
        with self._turn:
            for each in self._open:
                _hang_up(each)

    def _watch(self) -> None:
        while not self._over.wait(self._every_seconds):
            try:
                self._look()
            except BaseException as error:
                # Not lost: check() raises it again where somebody waits for the transfer.
                self._error = error
                self.hang_up()


def _hang_up(hang_up: HangUp) -> None:
    try:
        hang_up()
    except (OSError, RuntimeError, ValueError):
        # The connection ended by itself in this very moment.
        return
