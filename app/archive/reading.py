"""The archive read as somebody else's: where meetings lie in it, and files that stay inside."""

import hashlib
import json
import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from app.errors import FolderRefused
from app.models.manifest import MANIFEST, Manifest, is_fit

_MOST_BYTES = 64 * 1024**2
"""As large as a manifest or a document may be that is read as a whole."""

_OURS = {"meeting.json", "participants.json", "recordings", "transcripts"}
_NOT_OURS = {"lost+found"}


@dataclass(frozen=True, slots=True)
class Place:
    """A folder, relative to the archive, with a manifest in it; else ``trouble`` says what it is.

    Where ``trouble`` is an empty text there is none.
    """

    folder: str
    trouble: str = ""


def meeting_places(root: Path, top: Path) -> Iterator[Place]:
    """Where meetings lie below a folder of the archive, in the order of their paths.

    No link is followed: it might lead out of the archive, or back into it. What begins with a dot
    is none of ours, such as the snapshots of a file server.
    """
    # No recursion: somebody else's folders may be deeper than Python's stack.
    ahead: list[Place | Path] = [top]
    while ahead:
        place = ahead.pop()
        if isinstance(place, Place):
            yield place
            continue
        name = place.relative_to(root).as_posix()
        try:
            with os.scandir(place) as found:
                inside = sorted(found, key=lambda each: each.name)
        except OSError as error:
            yield Place(name, f"cannot be read: {error.strerror}")
            continue
        ours = _OURS if place != root else set()
        names = {each.name for each in inside}
        if MANIFEST in names and place != root:
            yield Place(name)
        elif names & ours:
            yield Place(name, "has files of a meeting and no manifest: bring it from a backup")
        # Further down as well: somebody else's manifest must not hide the meetings below it.
        below = [_below(root, each) for each in inside if each.name not in ours]
        ahead += [each for each in reversed(below) if each]


def _below(root: Path, entry: os.DirEntry[str]) -> Place | Path | None:
    """A folder to look into; or what to say of it, if anything."""
    if entry.name.startswith(".") or entry.name in _NOT_OURS:
        return None
    place = Path(entry.path)
    name = place.relative_to(root).as_posix()
    try:
        if entry.is_dir(follow_symlinks=False):
            return place
        if entry.is_symlink() and entry.is_dir():
            return Place(name, "is a link, which is not followed: mount there what it leads to")
    except OSError as error:
        return Place(name, f"cannot be read: {error.strerror}")
    return None


def read_manifest(root: Path, folder: str) -> Manifest:
    """The manifest of a folder, which fits it and names no file outside; raises FolderRefused."""
    if not is_fit(folder):
        raise FolderRefused("its path is too long, or has signs that are none of a text")
    manifest = Manifest.read(read_whole(root / folder, MANIFEST))
    if manifest.meeting_id not in PurePosixPath(folder).name:
        raise FolderRefused(
            f"its manifest is of {manifest.meeting_id}, which the folder's name does not contain"
        )
    _refuse_links(root / folder, {each.path for each in manifest.files})
    return manifest


def read_whole(folder: Path, path: str) -> bytes:
    """The content of a document; FolderRefused where it is no file, or larger than any of ours."""
    try:
        # Neither through a link, nor waiting for the other end of a pipe.
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        with os.fdopen(os.open(folder / path, flags), "rb") as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise FolderRefused(f"{path} is no file")
            if found.st_size > _MOST_BYTES:
                raise FolderRefused(f"{path} is larger than {_MOST_BYTES // 1024**2} MiB")
            return file.read()
    except OSError as error:
        raise FolderRefused(f"{path} cannot be read: {error.strerror}") from None


def read_document(folder: Path, path: str, sha256: str) -> Any | None:
    """The JSON of a document; None where it is not as it was stored."""
    content = read_whole(folder, path)
    if hashlib.sha256(content).hexdigest() != sha256:
        return None
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        raise FolderRefused(f"{path} is no JSON") from None


def _refuse_links(folder: Path, paths: Iterable[str]) -> None:
    """A file itself may be a link, which is no stored file; a folder of files may not."""
    for path in {above.as_posix() for each in paths for above in PurePosixPath(each).parents}:
        if (folder / path).is_symlink():
            raise FolderRefused(f"{path} is a link, and may lead out of the archive")
