"""Places at media hosts: how many transfers of one worker ask the same host at once."""

import fcntl
import os
import re
import shutil
import tempfile
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from app.errors import HostBusy

_LOOK_SECONDS = 0.2
_PREFIX = "webex-ingest-places-"
_IN_USE = "in-use"
_OTHER = re.compile(r"[^a-z0-9.-]")


class Places:
    """So many places for each host, shared by the threads and child processes of a worker.

    A place is a lock on a file, which the kernel gives back whatever becomes of its holder. Who
    finds all taken waits a while for one, and then makes room for work at another host.
    """

    def __init__(self, per_host: int, *, patience_seconds: float = 30) -> None:
        self.per_host = per_host
        self._patience_seconds = patience_seconds
        self._turn = threading.Lock()
        self._folder: Path | None = None

    def prepare(self) -> Path:
        """Make the folder of the locks, before a fork, so that all children share it."""
        with self._turn:
            if self._folder is None:
                _sweep()
                self._folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
                held = _lock(self._folder / _IN_USE)
                weakref.finalize(self, _remove, self._folder, held, os.getpid())
            return self._folder

    @contextmanager
    def at(self, host: str, *, check: Callable[[], None]) -> Iterator[None]:
        """Hold a place at a host; HostBusy when none becomes free, or what ``check`` raises."""
        deadline = time.monotonic() + self._patience_seconds
        while (descriptor := self._take(host)) is None:
            check()
            if time.monotonic() > deadline:
                raise HostBusy(f"{self.per_host} transfers from {host} are under way already")
            time.sleep(_LOOK_SECONDS)
        try:
            yield
        finally:
            os.close(descriptor)

    def _take(self, host: str) -> int | None:
        folder = self.prepare()
        # Temporary folders that are long untouched may be swept away.
        folder.mkdir(mode=0o700, exist_ok=True)
        for number in range(self.per_host):
            path = folder / f"{_OTHER.sub('_', host)}.{number}"
            if (descriptor := _lock(path)) is not None:
                return descriptor
        return None


def _lock(path: Path) -> int | None:
    """Lock a file, and make it if need be; None where somebody else holds it."""
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        is_there = os.fstat(descriptor).st_nlink > 0
    except BlockingIOError:
        is_there = False
    if is_there:
        return descriptor
    os.close(descriptor)
    return None


def _sweep() -> None:
    """Remove the folders of workers that were killed: nobody holds these any more."""
    for in_use in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*/{_IN_USE}"):
        # Another worker may sweep as well, and another user's are none of ours.
        with suppress(OSError):
            if (descriptor := _lock(in_use)) is not None:
                shutil.rmtree(in_use.parent, ignore_errors=True)
                os.close(descriptor)


def _remove(folder: Path, held: int | None, made_by: int) -> None:
    # A forked child that ends must not take the folder away from the others.
    if os.getpid() == made_by:
        shutil.rmtree(folder, ignore_errors=True)
        if held is not None:
            os.close(held)
