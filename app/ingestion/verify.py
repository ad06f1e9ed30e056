"""Verification: the archive against the rows; what can be had again is opened again."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog
from sqlalchemy import ColumnElement, select
from sqlmodel import col

from app.archive.inspection import Damage, damage_of, is_missing, set_aside, strays
from app.db.files import files_of, forget_file, latest_file
from app.db.ingests import forget_stored, reopen
from app.db.meetings import lock_meeting, mark_incomplete, touch
from app.db.standing import ingests_of
from app.errors import ArchiveUnavailable
from app.ingestion.storing import refresh_manifest
from app.ingestion.workbench import Workbench
from app.models.tables import File, Ingest, Meeting
from app.models.words import Priority, State

_PAGE = 100
_MANIFEST = "manifest.json"

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it was stored, and what comes of it."""

    meeting_id: str
    path: str
    damage: Damage
    is_fetched_again: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """One meeting that was looked at: its stored files and their bytes, and what was found."""

    meeting_id: str
    files: int
    bytes: int
    findings: list[Finding]


Told = Callable[[int], object]


def verify(
    bench: Workbench,
    meeting_ids: Sequence[str] = (),
    *,
    deep: bool = False,
    told: Told = lambda _: None,
) -> Iterator[Verdict]:
    """Look at the files of these meetings, or of all; ``deep`` reads every byte.

    What is missing or changed is fetched again; a changed file is set aside before. ``told``
    hears of bytes as they are read. Raises ArchiveUnavailable, and changes nothing, where the
    archive as a whole is not there, as when its disk is not mounted.
    """
    after = 0
    while page := _page(bench, meeting_ids, after):
        for meeting in page:
            assert meeting.id is not None
            after = meeting.id
            yield _verdict(bench, meeting, deep, told)


def _page(bench: Workbench, meeting_ids: Sequence[str], after: int) -> list[Meeting]:
    wanted = select(Meeting).where(col(Meeting.id) > after, col(Meeting.folder).is_not(None))
    if meeting_ids:
        wanted = wanted.where(col(Meeting.meeting_id).in_(meeting_ids))
    with bench.database.reading() as session:
        return list(session.scalars(wanted.order_by(col(Meeting.id)).limit(_PAGE)))


def _verdict(bench: Workbench, meeting: Meeting, deep: bool, told: Told) -> Verdict:
    folder = bench.archive.root / (meeting.folder or "")
    files, _ = _stored(bench, meeting)
    findings = []
    for file in files:
        checksum = file.sha256 if deep else None
        if damage := damage_of(folder / file.path, file.bytes, checksum, told=told):
            if is_missing(folder):
                _insist_on_archive(bench)
            again = _fetch_again(bench, file, damage, folder / file.path)
            if again is not None:
                findings.append(Finding(meeting.meeting_id, file.path, damage, again))
    findings += _lying_about(bench, meeting, folder)
    if is_missing(folder / _MANIFEST):
        again = _write_manifest_again(bench, meeting)
        findings.append(Finding(meeting.meeting_id, _MANIFEST, Damage.MISSING, again))
    for each in findings:
        log.warning("file.damaged", meeting_id=each.meeting_id, path=each.path, damage=each.damage)
    return Verdict(meeting.meeting_id, len(files), sum(each.bytes for each in files), findings)


def _insist_on_archive(bench: Workbench) -> None:
    """Raise ArchiveUnavailable where all of it is gone: that is no damage to a file."""
    root = bench.archive.root
    if not root.is_dir() or not any(root.iterdir()):
        raise ArchiveUnavailable(
            f"nothing is in {root}, where files were stored: is its disk there? Nothing was changed"
        )


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
        state = session.scalar(select(col(Ingest.state)).where(*_item_of(file)))
    if state == State.RUNNING:
        return None
    is_newest = newest is not None and (newest.id, newest.sha256) == (file.id, file.sha256)
    if damage is Damage.UNREADABLE or not is_newest or state in (None, State.ABSENT):
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
        forget_stored(session, *key)
        reopen(
            session,
            *_item_of(file),
            states=(State.DONE, State.FAILED),
            due_at=now,
            patience_until=now + bench.pace.give_up,
            priority=Priority.RETRY,
            now=now,
        )
        mark_incomplete(session, {file.meeting_row_id})
        touch(session, file.meeting_row_id)
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
