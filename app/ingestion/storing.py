"""Files and their rows: the file first, then the row, then the manifest; twice is harmless."""

import hashlib
from datetime import datetime
from typing import Any

import structlog

from app.archive.manifest import manifest_of
from app.archive.paths import meeting_folder, versioned
from app.archive.store import Stored, to_json
from app.db.files import add_file, files_of, latest_file
from app.db.ingests import heartbeat
from app.db.meetings import fix_folder, lock_meeting, manifest_written, touch
from app.db.standing import details_state, ingests_of
from app.errors import NoFolderYet
from app.ingestion.workbench import Work, Workbench
from app.models.secrecy import without_secrets
from app.models.tables import File, Ingest, Meeting
from app.models.words import Kind, State

log = structlog.get_logger()


def folder_of(work: Work) -> str:
    """The meeting's folder, fixed now if it was not.

    Raises NoFolderYet while start or site is unknown and Webex may still tell. When it never
    will, the day on which the meeting was first heard of takes the place of its start.
    """
    if work.meeting.folder:
        return work.meeting.folder
    with work.bench.database.reading() as session:
        meeting = session.get_one(Meeting, work.meeting_row_id)
        details = details_state(session, work.meeting_row_id)
    if meeting.folder:
        return meeting.folder
    known = meeting.start_at is not None and meeting.site_url is not None
    if not known and details in (State.WAITING, State.RUNNING):
        raise NoFolderYet("Webex has not told yet when and where the meeting took place")
    folder = usual_folder(
        work.bench,
        meeting.meeting_id,
        start=meeting.start_at or meeting.first_seen_at,
        site=meeting.site_url,
        host=meeting.host_email,
        title=meeting.title,
    )
    work.bench.archive.make_folder(folder)
    with work.bench.database.transaction() as session:
        return fix_folder(session, meeting, folder)


def usual_folder(
    bench: Workbench,
    meeting_id: str,
    *,
    start: datetime,
    site: str | None,
    host: str | None,
    title: str | None,
) -> str:
    """The folder that the settings give a meeting of which this is known."""
    return meeting_folder(
        bench.path_template,
        meeting_id=meeting_id,
        start=start,
        site=site or "unknown",
        host=host or "unknown",
        title=title or "untitled",
    )


def store_json(work: Work, kind: Kind, path: str, value: Any) -> None:
    """Store what Webex sent, without secrets."""
    store_bytes(work, kind, path, json_bytes(value))


def json_bytes(value: Any) -> bytes:
    """What Webex sent, without secrets, as it is stored."""
    return to_json(without_secrets(value))


def store_bytes(work: Work, kind: Kind, path: str, content: bytes) -> None:
    """Store a small file; another content than before becomes the next version beside it."""
    work.beat()
    folder = folder_of(work)
    sha256 = hashlib.sha256(content).hexdigest()
    version, needed = plan_version(work, folder, kind, sha256)
    if needed:
        place = versioned(path, version)
        ids = {"ingest_id": work.lease.ingest_id, "attempt": work.lease.attempt}
        # Who was overtaken while writing must not put an older file in the place of a newer one.
        archive = work.bench.archive
        stored = archive.store_bytes(content, folder, place, kind, **ids, believe=work.tell)
        record_file(work, kind, stored, version=version, source=sha256)


def plan_version(work: Work, folder: str, kind: Kind, source: str) -> tuple[int, bool]:
    """Which version of a file comes next, and whether it is needed at all.

    ``source`` stands for what Webex says the file is. The same source on disk needs
    nothing; the same source that is gone from the disk is stored again in its old place.
    """
    with work.bench.database.reading() as session:
        latest = latest_file(
            session, work.meeting_row_id, work.ingest.resource, work.ingest.resource_id, kind
        )
    if latest is None:
        return 1, True
    if latest.source != source:
        return latest.file_version + 1, True
    place = work.bench.archive.locate(folder, latest.path)
    there = place.is_file() and place.stat().st_size == latest.bytes
    return latest.file_version, not there


def record_file(work: Work, kind: Kind, stored: Stored, *, version: int, source: str) -> None:
    """Say in the database that a file is in its place; raises LeaseLost."""
    now = work.bench.clock()
    file = File(
        meeting_row_id=work.meeting_row_id,
        resource=work.ingest.resource,
        resource_id=work.ingest.resource_id,
        kind=kind,
        path=stored.path,
        file_version=version,
        bytes=stored.bytes,
        sha256=stored.sha256,
        source=source,
        stored_at=now,
    )
    with work.bench.database.transaction() as session:
        lock_meeting(session, work.meeting_row_id)
        heartbeat(session, work.lease, now=now, publishing_sha256=None)
        add_file(session, file)
        touch(session, work.meeting_row_id)
    log.info("file.stored", kind=kind, path=stored.path, bytes=stored.bytes, sha256=stored.sha256)


def refresh_manifest(bench: Workbench, meeting_row_id: int) -> None:
    """Write the manifest until it tells what the rows say, unless somebody else is at it.

    One at a time, from reading the rows to noting what was written: else an older manifest could
    take the place of a newer one that is noted already, and its writer die before it looks again.
    The sweep finds a manifest that a crash or a broken disk left behind.
    """
    try:
        # Looked at again after each turn: who changed a row meanwhile found the turn taken.
        while (folder := _folder_if_stale(bench, meeting_row_id)) is not None:
            with bench.archive.manifest_turn(folder) as is_ours:
                if not is_ours:
                    return
                _write_manifest(bench, meeting_row_id, folder)
    except OSError as error:
        log.warning("manifest.unwritten", error=error.strerror)


def _folder_if_stale(bench: Workbench, meeting_row_id: int) -> str | None:
    with bench.database.reading() as session:
        meeting = session.get_one(Meeting, meeting_row_id)
    return meeting.folder if meeting.manifest_revision != meeting.revision else None


def _write_manifest(bench: Workbench, meeting_row_id: int, folder: str) -> None:
    """Write it as the rows are now, and note which that are."""
    with bench.database.reading() as session:
        meeting = session.get_one(Meeting, meeting_row_id)
        if meeting.manifest_revision == meeting.revision:
            return
        ingests = ingests_of(session, meeting_row_id)
        files = files_of(session, meeting_row_id)
    bench.archive.write_manifest(folder, manifest_of(meeting, ingests, files))
    # Before the revision is noted: whoever dies in between leaves it to the sweep.
    bench.archive.remove_parts(folder, _ended(ingests))
    with bench.database.transaction() as session:
        manifest_written(session, meeting_row_id, meeting.revision)


def _ended(ingests: list[Ingest]) -> dict[int, int]:
    """The last attempt of each ingest that has ended, by its id."""
    return {
        each.id: each.attempt
        for each in ingests
        if each.id is not None and each.state not in (State.WAITING, State.RUNNING)
    }
