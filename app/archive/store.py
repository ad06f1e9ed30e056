"""Files get their name only when they are whole: check, flush, rename, flush the folder."""

import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.archive.checks import Checked, check_file
from app.archive.part import Part
from app.errors import DiskFull
from app.models.words import Kind

_READ_BYTES = 1024**2


@dataclass(frozen=True, slots=True)
class Stored:
    """A file in its place."""

    path: str
    bytes: int
    sha256: str
    checked: Checked = field(default=Checked(), compare=False)


@dataclass(frozen=True, slots=True)
class Archive:
    """The archive's root, and how much of its disk must stay free."""

    root: Path
    reserve_bytes: int

    def locate(self, folder: str, path: str) -> Path:
        """Where a file of a meeting is on this machine."""
        return self.root / folder / path

    def check_space(self, wanted_bytes: int = 0) -> None:
        """Raise DiskFull if ``wanted_bytes`` more would eat into the reserve."""
        self.root.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(self.root).free
        if free - wanted_bytes < self.reserve_bytes:
            raise DiskFull(
                f"{free / 1024**3:.1f} GiB are free where the archive is, and "
                f"{self.reserve_bytes / 1024**3:.1f} GiB must stay free (DISK_RESERVE_BYTES)"
            )

    @contextmanager
    def part(self, folder: str, path: str, *, ingest_id: int, attempt: int) -> Iterator[Part]:
        """Open the part file of one attempt at one file; it stays when something goes wrong."""
        place = self.locate(folder, path)
        name = f".{place.name}.{ingest_id}-{attempt}.part"
        with Part(place.with_name(name)) as part:
            yield part

    def earlier_part(self, folder: str, path: str, *, ingest_id: int, attempt: int) -> Path | None:
        """The part file to go on from: the longest, of equal ones the oldest.

        Two are there when a worker died while it copied what another one had; then the copy is
        the shorter one, or perhaps not on the disk yet.
        """
        place = self.locate(folder, path)
        found = [
            (-part.stat().st_size, int(number), part)
            for part in place.parent.glob(f".{_escape(place.name)}.{ingest_id}-*.part")
            if (number := part.name.rsplit("-", 1)[1].removesuffix(".part")).isdecimal()
        ]
        earlier = [each for each in found if each[1] < attempt]
        return min(earlier)[2] if earlier else None

    def remove_parts(self, folder: str, *, ingest_id: int, attempt: int) -> None:
        """Remove the part files of an ingest that has ended with this attempt.

        Opened again in this very moment, a later attempt may have one of its own.
        """
        for part in (self.root / folder).glob(f"*/.*.{ingest_id}-*.part"):
            found = re.search(rf"\.{ingest_id}-(\d+)\.part$", part.name)
            if found and int(found[1]) <= attempt:
                part.unlink(missing_ok=True)

    def publish(
        self,
        part: Part,
        folder: str,
        path: str,
        kind: Kind,
        *,
        believe: Callable[[Checked], None] = lambda _checked: None,
    ) -> Stored:
        """Check a written part and give it its name; raises MediaBroken, DiskFull or OSError.

        ``believe`` is told what the check found before the part gets its name, and may raise.
        The order makes each crash harmless: before the rename nothing is there, after it the
        whole file is, and its row follows.
        """
        place = self.locate(folder, path)
        checked = check_file(part.path, kind, place.suffix)
        believe(checked)
        part.sync()
        part.path.replace(place)
        _flush_folder(place.parent)
        return Stored(path, part.size, part.sha256, checked)

    def store_bytes(self, content: bytes, folder: str, path: str, kind: Kind) -> Stored:
        """Write a small file whole; writing the same again changes nothing."""
        place = self.locate(folder, path)
        stored = Stored(path, len(content), hashlib.sha256(content).hexdigest())
        if self.find(folder, path) == stored:
            return stored
        self.check_space(len(content))
        _write_whole(place, content, lambda part: check_file(part, kind, place.suffix))
        return stored

    def find(
        self, folder: str, path: str, *, progress: Callable[[], None] = lambda: None
    ) -> Stored | None:
        """What is in a file's place, with its checksum; None if there is nothing.

        ``progress`` is called at every MiB, and may raise.
        """
        place = self.locate(folder, path)
        if not place.is_file():
            return None
        sha256, size = hashlib.sha256(), 0
        with place.open("rb", buffering=0) as file:
            while piece := file.read(_READ_BYTES):
                sha256.update(piece)
                size += len(piece)
                progress()
        return Stored(path, size, sha256.hexdigest())

    def write_manifest(self, folder: str, manifest: dict[str, Any]) -> None:
        """Replace a meeting's manifest as a whole."""
        _write_whole(self.locate(folder, "manifest.json"), to_json(manifest), lambda _part: None)


def to_json(value: Any) -> bytes:
    """JSON as it stands in the archive: UTF-8, readable, ended by a line break.

    Half of a surrogate pair, which UTF-8 does not have, is written as its JSON escape.
    """
    text = json.dumps(value, ensure_ascii=False, indent=2) + "\n"
    return text.encode(errors="backslashreplace")


def _write_whole(place: Path, content: bytes, check: Any) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=f".{place.name}.", suffix=".part", dir=place.parent)
    part = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        check(part)
        part.chmod(0o640)
        part.replace(place)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    _flush_folder(place.parent)


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _escape(name: str) -> str:
    return name.replace("[", "[[]").replace("*", "[*]").replace("?", "[?]")
