"""A part file: written at explicit offsets, hashed on the way, owned by one attempt."""

import errno
import fcntl
import hashlib
import os
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Self

from app.errors import DiskFull

SYNC_BYTES = 64 * 1024**2
SYNC_SECONDS = 2.0
"""How much is written, and how long at most, between two flushes to the disk."""

_COPY_BYTES = 1024**2


class Part:
    """The file of one attempt until it gets its name; one writer at a time.

    ``size`` counts what is written, ``synced`` what would survive a power cut. A flush goes on
    beside the writing, one at a time, so that at most twice SYNC_BYTES are not on the disk yet.
    The file is locked as long as its writer lives, frozen or not.
    """

    def __init__(self, path: Path, *, sync_seconds: float = SYNC_SECONDS) -> None:
        self.path = path
        self.size = 0
        self.synced = 0
        self._flushed_to = 0
        self._sync_seconds = sync_seconds
        self._flushed_at = time.monotonic()
        self._flusher: ThreadPoolExecutor | None = None
        self._flushing: Future[None] | None = None
        self._failure: OSError | DiskFull | None = None
        self._hash = hashlib.sha256()
        self._descriptor = os.open(path, os.O_CREAT | os.O_TRUNC | os.O_RDWR | os.O_CLOEXEC, 0o640)
        _lock(self._descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        if self._flusher is not None:
            self._flusher.shutdown()
        os.close(self._descriptor)

    def take_over(
        self,
        earlier: Path,
        trusted_bytes: int,
        *,
        progress: Callable[[], None] = lambda: None,
        check_space: Callable[[int], None] = lambda _bytes: None,
    ) -> None:
        """Go on from what an earlier attempt had surely written; its file is gone afterwards.

        Where its writer has ended, the file itself becomes ours, and is only read again for the
        checksum. Where that writer still lives, what it wrote is copied: it writes on into a
        removed file, and harms nobody. ``progress`` is called at every MiB, and may raise;
        whatever is raised, the next attempt finds as much as this one did.
        """
        descriptor = os.open(earlier, os.O_RDWR | os.O_CLOEXEC)
        if _lock(descriptor):
            os.close(self._descriptor)
            self._descriptor = descriptor
            earlier.replace(self.path)
            self._reread(trusted_bytes, progress)
            return
        try:
            check_space(trusted_bytes)
            self._copy(descriptor, trusted_bytes, progress)
        except BaseException:
            self.path.unlink(missing_ok=True)
            raise
        finally:
            os.close(descriptor)
        earlier.unlink(missing_ok=True)

    def write(self, piece: bytes) -> None:
        """Write the next piece; raises DiskFull when there is no room for it."""
        self.write_at(self.size, piece)
        self._hash.update(piece)
        self._grow(len(piece))

    def write_at(self, offset: int, piece: bytes) -> None:
        """Write a piece ahead of its turn; it counts once `extend` has reached it."""
        written = 0
        try:
            while written < len(piece):
                view = memoryview(piece)[written:]
                written += os.pwrite(self._descriptor, view, offset + written)
        except OSError as error:
            raise _disk_full(error) from error

    def extend(self, size: int) -> None:
        """Count, and hash, what was written ahead up to ``size``; OSError where it is gone."""
        while self.size < size:
            if not self._count(size):
                raise OSError(errno.EIO, "what was just written is gone", str(self.path))

    def tail(self, length: int) -> bytes:
        """The last bytes that were written, as they are in the file."""
        return os.pread(self._descriptor, length, self.size - length)

    def restart(self) -> None:
        """Throw away what is written; the next piece is the first."""
        self._end_flush()
        os.ftruncate(self._descriptor, 0)
        self.size = self.synced = self._flushed_to = 0
        self._hash, self._failure = hashlib.sha256(), None

    def sync(self) -> None:
        """Make what is counted survive a power cut, and nothing else be in the file.

        Raises DiskFull or OSError; and again at every later call, once a flush has failed.
        """
        self._wait_for_flush()
        is_longer = os.fstat(self._descriptor).st_size > self.size
        if is_longer:
            os.ftruncate(self._descriptor, self.size)
        if self.synced < self.size or is_longer:
            self._flush(self.size)
            self._flushed_to = self.size

    @property
    def sha256(self) -> str:
        """The checksum of what is written, in hexadecimal."""
        return self._hash.hexdigest()

    def _reread(self, trusted_bytes: int, progress: Callable[[], None]) -> None:
        while self.size < trusted_bytes and self._count(trusted_bytes):
            progress()
        self.sync()

    def _copy(self, source: int, trusted_bytes: int, progress: Callable[[], None]) -> None:
        while piece := os.pread(source, min(_COPY_BYTES, trusted_bytes - self.size), self.size):
            self.write(piece)
            progress()
        self.sync()

    def _count(self, upto: int) -> int:
        piece = os.pread(self._descriptor, min(_COPY_BYTES, upto - self.size), self.size)
        self._hash.update(piece)
        self._grow(len(piece))
        return len(piece)

    def _grow(self, length: int) -> None:
        self.size += length
        if self.size - self._flushed_to >= SYNC_BYTES or self._is_flush_due():
            self._begin_flush()

    def _is_flush_due(self) -> bool:
        # What comes slowly would otherwise be lost as a whole with a worker that dies.
        is_idle = self._flushing is None or self._flushing.done()
        return is_idle and time.monotonic() - self._flushed_at >= self._sync_seconds

    def _begin_flush(self) -> None:
        self._wait_for_flush()
        if self._flusher is None:
            self._flusher = ThreadPoolExecutor(1, thread_name_prefix="flush")
        self._flushed_to, self._flushed_at = self.size, time.monotonic()
        self._flushing = self._flusher.submit(self._flush, self.size)

    def _end_flush(self) -> None:
        if self._flushing is not None:
            wait([self._flushing])
            self._flushing = None

    def _wait_for_flush(self) -> None:
        self._end_flush()
        if self._failure is not None:
            raise self._failure

    def _flush(self, size: int) -> None:
        try:
            os.fdatasync(self._descriptor)
        except OSError as error:
            # The system tells a failed write once, and flushes without it the next time. So
            # nothing beyond the last good flush is ever trusted again.
            self._failure = _disk_full(error)
            raise self._failure from error
        self.synced = size


def is_abandoned(path: Path) -> bool:
    """Whether the writer of a part file has died; false where it lives, or nobody can tell."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        return _lock(descriptor)
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> bool:
    """Take the lock of a part file; false where its writer lives, or nobody can tell."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _disk_full(error: OSError) -> OSError | DiskFull:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFull("the disk of the archive is full")
    return error
