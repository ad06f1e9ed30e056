"""What is in a meeting's folder, compared with what was stored there."""

import hashlib
import os
import stat
from collections.abc import Callable, Collection, Iterator
from enum import StrEnum
from pathlib import Path

from app.errors import ArchiveUnavailable
from app.models.manifest import MANIFEST

_PIECE_BYTES = 1024 * 1024
_ASIDE = ".damaged"


class Damage(StrEnum):
    """What can be wrong with a file, and what lies about that nobody has stored."""

    MISSING = "missing"
    CHANGED = "changed"
    UNREADABLE = "unreadable"
    EXTRA = "extra"
    PART = "part"


def insist_on_root(root: Path) -> None:
    """Raise ArchiveUnavailable where nothing is, as when the archive's disk is not mounted."""
    try:
        is_there = root.is_dir() and any(root.iterdir())
    except OSError as error:
        raise ArchiveUnavailable(
            f"{root} cannot be looked at: {error.strerror}. Nothing was changed"
        ) from None
    if not is_there:
        raise ArchiveUnavailable(
            f"nothing is in {root}, where files were stored: is its disk there? Nothing was changed"
        )


def damage_of(
    place: Path, size: int, sha256: str | None, *, told: Callable[[int], object] = lambda _: None
) -> Damage | None:
    """What is wrong with a file of this size, and with this checksum where one is given.

    ``told`` hears how many bytes were read, a piece at a time.
    """
    try:
        found = place.lstat()
        if not stat.S_ISREG(found.st_mode) or found.st_size != size:
            return Damage.CHANGED
        if sha256 is None:
            return None if os.access(place, os.R_OK) else Damage.UNREADABLE
        digest = hashlib.sha256()
        with place.open("rb") as file:
            while piece := file.read(_PIECE_BYTES):
                digest.update(piece)
                told(len(piece))
    except FileNotFoundError:
        return Damage.MISSING
    except OSError:
        return Damage.UNREADABLE
    return None if digest.hexdigest() == sha256 else Damage.CHANGED


def is_missing(place: Path) -> bool:
    """Whether nothing is in a place; what cannot be looked at may be there."""
    try:
        place.lstat()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return False


def strays(folder: Path, known: Collection[str]) -> Iterator[tuple[str, Damage]]:
    """What lies in a folder besides known paths and the manifest, each relative to it."""
    for place in sorted(folder.rglob("*")):
        path = place.relative_to(folder).as_posix()
        if place.is_dir() and not place.is_symlink():
            continue
        if path not in known and path != MANIFEST and _ASIDE not in place.name:
            yield path, Damage.PART if place.name.endswith(".part") else Damage.EXTRA


def set_aside(place: Path) -> None:
    """Give a damaged file another name beside it, since it may be all that is left."""
    number = 1
    while (aside := place.with_name(f"{place.name}{_ASIDE}-{number}")).exists():
        number += 1
    place.rename(aside)
