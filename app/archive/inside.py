"""A stored file, opened for whoever wants to read it; nothing outside the archive ever is."""

import errno
import os
import stat
from pathlib import Path, PurePosixPath

from app.archive.inspection import Damage, insist_on_root
from app.errors import ArchiveUnavailable

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# A pipe that somebody has put there is not waited for.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC

_NO_FILE = {errno.ELOOP, errno.ENOTDIR, errno.ENXIO, errno.EISDIR, errno.ENODEV}
"""What stands in its place is a link, a folder in a file's place or the like."""


def open_inside(root: Path, folder: str, path: str, *, size: int | None = None) -> int | Damage:
    """Open a file of a meeting that has this size, if one is known; or what is wrong with it.

    Every folder on the way is opened in the one before it and no link is followed, so that
    whatever is put there meanwhile leads nowhere else. Raises ArchiveUnavailable where the
    archive or the file cannot be read.
    """
    parts = PurePosixPath(folder, path).parts
    if not folder or not path or any(part == ".." or {*part} & {"/", "\0"} for part in parts):
        return Damage.CHANGED
    try:
        descriptor = _open(root, parts)
    except FileNotFoundError:
        insist_on_root(root)
        return Damage.MISSING
    except OSError as error:
        if error.errno in _NO_FILE:
            return Damage.CHANGED
        raise ArchiveUnavailable(f"the archive cannot be read: {error.strerror}") from None
    found = os.fstat(descriptor)
    if stat.S_ISREG(found.st_mode) and size in (None, found.st_size):
        return descriptor
    os.close(descriptor)
    return Damage.CHANGED


def read_inside(root: Path, folder: str, path: str, *, size: int | None = None) -> bytes | Damage:
    """What is in such a file; raises ArchiveUnavailable where the disk does not give it."""
    opened = open_inside(root, folder, path, size=size)
    if isinstance(opened, Damage):
        return opened
    try:
        with os.fdopen(opened, "rb") as file:
            return file.read()
    except OSError as error:
        raise ArchiveUnavailable(f"the archive cannot be read: {error.strerror}") from None


def _open(root: Path, parts: tuple[str, ...]) -> int:
    *folders, name = parts
    # The root itself may be a link: whoever runs the program has said where it is.
    within = os.open(root, _FOLDER & ~os.O_NOFOLLOW)
    try:
        for each in folders:
            below = os.open(each, _FOLDER, dir_fd=within)
            os.close(within)
            within = below
        return os.open(name, _FILE, dir_fd=within)
    finally:
        os.close(within)
