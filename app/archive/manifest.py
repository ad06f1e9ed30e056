"""The manifest: what a meeting's folder holds and what became of everything else."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pydantic import BaseModel

from app.models.manifest import FileMemory, MeetingMemory, ResourceMemory
from app.models.tables import File, Ingest, Meeting
from app.models.times import format_time
from app.models.words import State


def manifest_of(
    meeting: Meeting, ingests: Sequence[Ingest], files: Sequence[File]
) -> dict[str, Any]:
    """The manifest of one meeting, version 1; times are UTC, sizes are bytes."""
    return {
        "version": 1,
        "meeting_id": meeting.meeting_id,
        "meeting_series_id": meeting.meeting_series_id,
        "title": meeting.title,
        "site_url": meeting.site_url,
        "host_email": meeting.host_email,
        "start": _time(meeting.start_at),
        "end": _time(meeting.end_at),
        "complete": meeting.completed_at is not None,
        **_memory(MeetingMemory, meeting.model_dump()),
        "resources": [_resource(ingest) for ingest in ingests],
        "files": [_file(file) for file in files],
    }


def _resource(ingest: Ingest) -> dict[str, Any]:
    told: dict[str, Any] = {"resource": ingest.resource}
    if ingest.resource_id:
        told["resource_id"] = ingest.resource_id
    told["state"] = ingest.state
    if ingest.reason:
        told["reason"] = ingest.reason
    if ingest.gone_at:
        told["deleted_at_source"] = _time(ingest.gone_at)
    if ingest.error_code:
        told |= {"error": ingest.error_code, "message": ingest.error}
    elif ingest.error:
        told["message"] = ingest.error
    if ingest.state == State.WAITING:
        told["next_attempt_at"] = _time(ingest.next_attempt_at)
    return told | _memory(ResourceMemory, _that_lasts(ingest))


def _that_lasts(ingest: Ingest) -> dict[str, Any]:
    """The columns that still mean something to another database.

    The bytes of what is not whole lie in a part file that only this one can go on from; looks and
    tries begin again with whatever opens an ended row.
    """
    is_open = ingest.state in (State.WAITING, State.RUNNING)
    passing = ("stage", "bytes_done", "bytes_total") if is_open else ("looks", "tries")
    return ingest.model_dump(exclude={*passing})


def _file(file: File) -> dict[str, Any]:
    told: dict[str, Any] = {"path": file.path, "resource": file.resource}
    if file.resource_id:
        told["resource_id"] = file.resource_id
    told |= {"kind": file.kind, "bytes": file.bytes, "sha256": file.sha256}
    if file.file_version > 1:
        told["file_version"] = file.file_version
    told |= {"stored_at": _time(file.stored_at)}
    # Of what is kept as it came the checksum says all.
    return told | _memory(FileMemory, {"source": file.source} if file.source != file.sha256 else {})


def _memory(of: type[BaseModel], columns: dict[str, Any]) -> dict[str, Any]:
    """What only this program needs, and only to make its rows again; exact to the microsecond."""
    # Unread, since what stands in a row is told whatever it is.
    told = of.model_construct(**columns)
    kept = told.model_dump(mode="json", exclude_defaults=True, warnings=False)
    return {"for_rebuild": kept} if kept else {}


def _time(time: datetime | None) -> str | None:
    return format_time(time) if time else None
