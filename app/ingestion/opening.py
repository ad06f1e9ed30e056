"""A stored file of a meeting, opened to be read by whoever may."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from app.archive.inside import open_inside, read_inside
from app.archive.inspection import Damage
from app.db.files import find_file
from app.db.meetings import find_meeting
from app.ingestion.workbench import Workbench
from app.models.manifest import MANIFEST, is_fit
from app.models.tables import File

Turn = Callable[[], AbstractContextManager[None]]
"""Turns at the disk."""


@dataclass(frozen=True, slots=True)
class Opened:
    """An open file, what was stored as it, and the title of its meeting."""

    descriptor: int
    file: File
    title: str


def open_file(
    bench: Workbench, meeting_id: str, path: str, *, turn: Turn
) -> Opened | Damage | None:
    """Open a file of a meeting; what is wrong with it; or None if nothing is stored as that.

    Only what a row names is looked for on the disk, for the length of a ``turn`` at it. Whoever
    gets the descriptor closes it. Raises ArchiveUnavailable where the archive cannot be read.
    """
    if not (is_fit(meeting_id) and is_fit(path)):
        # No database could be asked for it.
        return None
    with bench.database.reading() as session:
        meeting = find_meeting(session, meeting_id)
        file = find_file(session, meeting.id, path) if meeting and meeting.id else None
    if meeting is None or file is None:
        return None
    if file.damage is not None:
        return Damage(file.damage)
    with turn():
        opened = open_inside(bench.archive.root, meeting.folder or "", path, size=file.bytes)
    return opened if isinstance(opened, Damage) else Opened(opened, file, meeting.title or "")


def read_manifest(bench: Workbench, meeting_id: str, *, turn: Turn) -> bytes | Damage | None:
    """The manifest of a meeting as it stands, which no row tells of; else as ``open_file``."""
    with bench.database.reading() as session:
        meeting = find_meeting(session, meeting_id)
    if meeting is None or meeting.folder is None:
        return None
    with turn():
        return read_inside(bench.archive.root, meeting.folder, MANIFEST)
