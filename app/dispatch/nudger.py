"""Nudges from a web process: a thread sends them, so that no request ever waits for a broker."""

import os
import threading
from collections.abc import Callable


class Nudger:
    """Coalesces any number of nudges into one message at a time.

    The thread is made on first use in each process, since threads do not survive a fork.
    """

    def __init__(self, send: Callable[[], object]) -> None:
        self._send = send
        self._wanted = threading.Event()
        self._starting = threading.Lock()
        self._thread_of: int | None = None

    def nudge(self) -> None:
        """Ask for a message to be sent soon; returns at once, whatever the broker does."""
        self._wanted.set()
        if self._thread_of != os.getpid():
            with self._starting:
                if self._thread_of != os.getpid():
                    self._thread_of = os.getpid()
                    threading.Thread(target=self._run, name="nudger", daemon=True).start()

    def _run(self) -> None:
        while True:
            self._wanted.wait()
            self._wanted.clear()
            self._send()
