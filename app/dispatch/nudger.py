"""Nudges from a web process: a thread sends them, so that no request ever waits for a broker."""

import os
import threading
from collections.abc import Callable

_PAUSE_SECONDS = 0.5
_PAUSE_AFTER_FAILURE_SECONDS = 1.0


class Nudger:
    """Coalesces any number of nudges into two messages a second at most.

    Sending takes a processor longer than storing an event does, and one message is enough for
    all that was stored until then. Where the broker takes none, the sweep of the beat goes on.
    The thread is made on first use in each process, since threads do not survive a fork.
    """

    def __init__(self, send: Callable[[], bool]) -> None:
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
        pause = threading.Event()
        while True:
            self._wanted.wait()
            self._wanted.clear()
            sent = self._send()
            pause.wait(_PAUSE_SECONDS if sent else _PAUSE_AFTER_FAILURE_SECONDS)
