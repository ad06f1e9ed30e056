"""Files get their name only when they are whole: check, flush, rename, flush the folder."""

import fcntl
import hashlib
import json
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.archive.checks import Checked, check_file
from app.archive.part import Part, is_abandoned
from app.errors import DiskFull
from app.models.manifest import MANIFEST
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
        _make_folder(self.root)
        free = shutil.disk_usage(self.root).free
        if free - wanted_bytes < self.reserve_bytes:
            raise DiskFull(
                f"{free / 1024**3:.1f} GiB are free where the archive is, and "
                f"{self.reserve_bytes / 1024**3:.1f} GiB must stay free (DISK_RESERVE_BYTES)"
            )

    def free_bytes(self) -> int | None:
        """The free bytes of the disk that the archive is on or will be made on."""
        disk = self.disk()
        return disk and disk[1]

    def disk(self) -> tuple[int, int] | None:
        """How many bytes that disk has, and how many of them are free."""
        for place in (self.root, *self.root.parents):
            try:
                usage = shutil.disk_usage(place)
                return usage.total, usage.free
            except FileNotFoundError:
                continue
            except OSError:
                return None
        return None

    def make_folder(self, folder: str) -> None:
        """Make a meeting's folder, and let no power cut take it away any more.

        Once somebody may rely on the folder, what leads to it is surely on the disk, whoever
        had made it and died then.
        """
        place = self.root / folder
        _make_folder(place)
        _flush_folders(place.parent, self.root)
        # Who may work in a folder may not always read the one around it.
        with suppress(PermissionError):
            _flush_folder(self.root.parent)

    @contextmanager
    def part(self, folder: str, path: str, *, ingest_id: int, attempt: int) -> Iterator[Part]:
        """Open the part file of one attempt at one file; it stays when something goes wrong."""
        place = self.locate(folder, path)
        _make_folder(place.parent)
        with Part(place.with_name(f".{place.name}.{ingest_id}-{attempt}.part")) as part:
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

    def remove_parts(self, folder: str, ended: Mapping[int, int]) -> None:
        """Remove the part files of ingests that have ended, told with the last attempt of each.

        Opened again in this very moment, a later attempt may have one of its own.
        """
        for part in (self.root / folder).rglob(".*.part"):
            found = re.search(r"\.(\d+)-(\d+)\.part$", part.name)
            if found and int(found[2]) <= ended.get(int(found[1]), 0):
                part.unlink(missing_ok=True)

    def remove_orphans(self, folder: str) -> None:
        """Remove the part files of a folder whose ingests this database never had.

        They must not be taken for those of its own, which it counts from one as well. One that
        somebody writes into is left to them, and so is what cannot be removed.
        """
        for part in (self.root / folder).rglob(".*.part"):
            if re.search(r"\.\d+-\d+\.part$", part.name) and not part.is_symlink():
                with suppress(OSError):
                    if is_abandoned(part):
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
        self._name(part, place, self.root / folder)
        return Stored(path, part.size, part.sha256, checked)

    def store_bytes(
        self,
        content: bytes,
        folder: str,
        path: str,
        kind: Kind,
        *,
        ingest_id: int,
        attempt: int,
        believe: Callable[[], None] = lambda: None,
    ) -> Stored:
        """Write a small file whole; writing the same again changes nothing.

        ``believe`` is called before the file gets its name, and may raise.
        """
        stored = Stored(path, len(content), hashlib.sha256(content).hexdigest())
        if self.find(folder, path) == stored:
            return stored
        self.check_space(len(content))
        with self.part(folder, path, ingest_id=ingest_id, attempt=attempt) as part, _or_none(part):
            part.write(content)
            return self.publish(part, folder, path, kind, believe=lambda _checked: believe())

    def find(
        self, folder: str, path: str, *, progress: Callable[[], None] = lambda: None
    ) -> Stored | None:
        """What is in a file's place, with its checksum; None if there is nothing.

        Whoever gave it its name may have died before the folder was flushed; afterwards it is.
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
        _flush_folders(place.parent, self.root / folder)
        return Stored(path, size, sha256.hexdigest())

    @contextmanager
    def manifest_turn(self, folder: str) -> Iterator[bool]:
        """Whether it is our turn to write a meeting's manifest, which nobody else does meanwhile.

        The turn is a lock on the folder, which the kernel gives back whatever becomes of us.
        """
        place = self.root / folder
        _make_folder(place)
        descriptor = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        is_ours = False
        try:
            with suppress(BlockingIOError):
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                is_ours = True
            yield is_ours
        finally:
            if is_ours:
                # Closing alone would not do: a child forked meanwhile has the same open folder.
                fcntl.flock(descriptor, fcntl.LOCK_UN)
            os.close(descriptor)

    def write_manifest(self, folder: str, manifest: dict[str, Any]) -> None:
        """Replace a meeting's manifest as a whole; the caller has its turn."""
        place = self.locate(folder, MANIFEST)
        _make_folder(place.parent)
        for each in place.parent.glob(f".{place.name}.*.part"):
            if is_abandoned(each):
                each.unlink(missing_ok=True)
        name = f".{place.name}.{secrets.token_hex(8)}.part"
        with Part(place.with_name(name)) as part, _or_none(part):
            part.write(to_json(manifest))
            part.sync()
            self._name(part, place, place.parent)

    def _name(self, part: Part, place: Path, meeting: Path) -> None:
        """Give a flushed part its name, and flush every folder up to the meeting's."""
        part.path.replace(place)
        _flush_folders(place.parent, meeting)


def to_json(value: Any) -> bytes:
    """JSON as it stands in the archive: UTF-8, readable, ended by a line break.

    Half of a surrogate pair, which UTF-8 does not have, is written as its JSON escape.
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, indent=2) + "\n"
    return text.encode(errors="backslashreplace")


@contextmanager
def _or_none(part: Part) -> Iterator[None]:
    """Remove a part that comes to nothing: a small one is sooner written again than kept."""
    try:
        yield
    except BaseException:
        part.path.unlink(missing_ok=True)
        raise


def _make_folder(folder: Path) -> None:
    """Make a folder and all that lead to it; a power cut takes none of them away."""
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    _flush_folder(folder.parent)


def _flush_folders(folder: Path, top: Path) -> None:
    """Flush a folder, and each that leads to it from the top one."""
    for each in (folder, *folder.parents):
        _flush_folder(each)
        if each == top:
            break


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _escape(name: str) -> str:
    return name.replace("[", "[[]").replace("*", "[*]").replace("?", "[?]")
