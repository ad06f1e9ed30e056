"""A part file: written at explicit offsets, hashed on the way, owned by one attempt."""

import errno
import hashlib
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from app.errors import DiskFull

SYNC_BYTES = 64 * 1024**2
"""How much is written between two flushes to the disk."""

_COPY_BYTES = 1024**2


class Part:
    """The file of one attempt until it gets its name; nobody else ever writes into it.

    ``size`` counts what is written, ``synced`` what would survive a power cut.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.size = 0
        self.synced = 0
        self._hash = hashlib.sha256()
        self._descriptor = os.open(path, os.O_CREAT | os.O_TRUNC | os.O_RDWR | os.O_CLOEXEC, 0o640)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.close(self._descriptor)

    def take_over(self, earlier: Path, trusted_bytes: int) -> None:
        """Copy what an earlier attempt had surely written, then remove its file.

        An overtaken worker that still lives writes on into the removed file, and harms nobody.
        Where the copy fails, for want of space perhaps, the earlier file is what remains.
        """
        try:
            self._copy(earlier, trusted_bytes)
            self.sync()
        except BaseException:
            self.path.unlink(missing_ok=True)
            raise
        earlier.unlink(missing_ok=True)

    def write(self, piece: bytes) -> None:
        """Write the next piece; raises DiskFull when there is no room for it."""
        written = 0
        try:
            while written < len(piece):
                view = memoryview(piece)[written:]
                written += os.pwrite(self._descriptor, view, self.size + written)
            self._hash.update(piece)
            self.size += len(piece)
            if self.size - self.synced >= SYNC_BYTES:
                self.sync()
        except OSError as error:
            raise _disk_full(error) from error

    def restart(self) -> None:
        """Throw away what is written; the next piece is the first."""
        os.ftruncate(self._descriptor, 0)
        self.size = self.synced = 0
        self._hash = hashlib.sha256()

    def sync(self) -> None:
        """Make what is written survive a power cut."""
        os.fdatasync(self._descriptor)
        self.synced = self.size

    @property
    def sha256(self) -> str:
        """The checksum of what is written, in hexadecimal."""
        return self._hash.hexdigest()

    def _copy(self, earlier: Path, wanted_bytes: int) -> None:
        with earlier.open("rb", buffering=0) as source:
            while self.size < wanted_bytes:
                piece = source.read(min(_COPY_BYTES, wanted_bytes - self.size))
                if not piece:
                    break
                self.write(piece)


def _disk_full(error: OSError) -> OSError | DiskFull:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFull("the disk of the archive is full")
    return error
