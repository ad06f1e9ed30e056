"""What is wrong with the stored files of a meeting; what can be had again is opened again."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import structlog
from sqlalchemy import ColumnElement, select
from sqlmodel import col

from app.archive.inspection import (
    Damage,
    damage_of,
    insist_on_root,
    is_missing,
    set_aside,
    strays,
)
from app.db.files import files_of, forget_file, latest_file, note_damage
from app.db.meetings import lock_meeting, touch
from app.db.standing import ingests_of
from app.ingestion.entry import fetch_again
from app.ingestion.storing import refresh_manifest
from app.ingestion.wording import damage_sentence
from app.ingestion.workbench import Workbench
from app.models.manifest import MANIFEST
from app.models.tables import File, Ingest, Meeting
from app.models.words import State

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it was stored, and what comes of it."""

    meeting_id: str
    path: str
    damage: Damage
    is_fetched_again: bool


def what_comes(finding: Finding) -> str:
    """What comes of it, or what to do about it."""
    return "fetched again" if finding.is_fetched_again else damage_sentence(finding.damage)


Told = Callable[[int], object]
Insist = Callable[[Workbench, Meeting], None]


def insist_on_archive(bench: Workbench, _meeting: Meeting) -> None:
    """Raise ArchiveUnavailable where all of it is gone: that is no damage to a file."""
    insist_on_root(bench.archive.root)


def look_at_file(
    bench: Workbench,
    meeting: Meeting,
    file: File,
    *,
    deep: bool,
    told: Told = lambda _: None,
    insist: Insist = insist_on_archive,
) -> Finding | None:
    """Compare a file with what was stored, ``deep`` by reading it; None if nothing is wrong.

    ``insist`` raises ArchiveUnavailable where not the file is gone, but what it stands in. What
    nobody can fetch again is noted at the file, and only reading it finds that it is well.
    """
    folder = bench.archive.root / (meeting.folder or "")
    place = folder / file.path
    damage = damage_of(place, file.bytes, file.sha256 if deep else None, told=told)
    if damage is None:
        if deep and file.damage:
            _note(bench, file, None)
        return None
    if damage is Damage.UNREADABLE or is_missing(folder):
        insist(bench, meeting)
    again = _fetch_again(bench, file, damage, place)
    if again is None:
        return None
    if not again:
        _note(bench, file, damage)
    return _logged(Finding(meeting.meeting_id, file.path, damage, again))


def look_around(bench: Workbench, meeting: Meeting) -> list[Finding]:
    """What lies about in a meeting's folder, and whether its manifest is there."""
    folder = bench.archive.root / (meeting.folder or "")
    found = _lying_about(bench, meeting, folder)
    if is_missing(folder / MANIFEST):
        again = _write_manifest_again(bench, meeting)
        found.append(Finding(meeting.meeting_id, MANIFEST, Damage.MISSING, again))
    return [_logged(each) for each in found]


def stored_files(bench: Workbench, meeting: Meeting) -> list[File]:
    """The files that are stored of a meeting."""
    return _stored(bench, meeting)[0]


def _logged(finding: Finding) -> Finding:
    log.warning(
        "file.damaged",
        meeting_id=finding.meeting_id,
        path=finding.path,
        damage=finding.damage,
        fetched_again=finding.is_fetched_again,
    )
    return finding


def _note(bench: Workbench, file: File, damage: Damage | None) -> None:
    with bench.database.transaction() as session:
        note_damage(session, file, damage)


def _stored(bench: Workbench, meeting: Meeting) -> tuple[list[File], list[Ingest]]:
    assert meeting.id is not None
    with bench.database.reading() as session:
        return files_of(session, meeting.id), ingests_of(session, meeting.id)


def _fetch_again(bench: Workbench, file: File, damage: Damage, place: Path) -> bool | None:
    """Let a file be fetched again, if it is the newest of its kind; false if it stays as it is.

    None while a worker is at it: a file has its name a moment before it has its row. Its row
    goes, so that nothing says it is there: should Webex not have it any more, the item ends as
    absent.
    """
    key = (file.meeting_row_id, file.resource, file.resource_id, file.kind)
    with bench.database.reading() as session:
        newest = latest_file(session, *key)
        item = session.scalars(select(Ingest).where(*_item_of(file))).one_or_none()
    if item is not None and item.state == State.RUNNING:
        return None
    is_newest = newest is not None and (newest.id, newest.sha256) == (file.id, file.sha256)
    if item is None or item.state == State.ABSENT or not is_newest:
        return False
    # Of what Webex has deleted this may be the last copy, were it damaged.
    if damage is Damage.UNREADABLE or (damage is Damage.CHANGED and item.gone_at):
        return False
    if damage is Damage.CHANGED:
        # Before anybody may put a good one in its place; whoever dies here leaves it missing.
        try:
            set_aside(place)
        except OSError:
            return False
    _forget(bench, file)
    return True


def _forget(bench: Workbench, file: File) -> None:
    """Say no more that a file is there, and open its item again."""
    key, now = (file.meeting_row_id, file.resource, file.resource_id), bench.clock()
    with bench.database.transaction() as session:
        lock_meeting(session, file.meeting_row_id)
        forget_file(session, file)
        fetch_again(session, key, pace=bench.pace, now=now)
    refresh_manifest(bench, file.meeting_row_id)


def _item_of(file: File) -> tuple[ColumnElement[bool], ...]:
    return (
        col(Ingest.meeting_row_id) == file.meeting_row_id,
        col(Ingest.resource) == file.resource,
        col(Ingest.resource_id) == file.resource_id,
    )


def _lying_about(bench: Workbench, meeting: Meeting, folder: Path) -> list[Finding]:
    """What nobody has stored; what is on its way belongs there."""
    try:
        found = list(strays(folder, ()))
    except OSError:
        # What was stored there is told as unreadable.
        return []
    # Read afterwards: what was stored meanwhile is known by now.
    files, ingests = _stored(bench, meeting)
    known = {each.path for each in files}
    states = {each.state for each in ingests}
    if State.RUNNING in states:
        # A file has its name a moment before it has its row.
        return []
    is_open = State.WAITING in states
    return [
        Finding(meeting.meeting_id, path, damage, False)
        for path, damage in found
        if path not in known and not (is_open and damage is Damage.PART)
    ]


def _write_manifest_again(bench: Workbench, meeting: Meeting) -> bool:
    assert meeting.id is not None
    with bench.database.transaction() as session:
        touch(session, meeting.id)
    refresh_manifest(bench, meeting.id)
    return True
