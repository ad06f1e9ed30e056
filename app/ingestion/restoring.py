"""The rows of a meeting, made again of what lies in its folder."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from sqlalchemy.orm import Session

from app.archive.inspection import Damage
from app.db.files import add_files, replace_participants, replace_snippets
from app.db.ingests import new_ingest, open_ingests
from app.db.meetings import restore_meeting, settle_completeness, touch
from app.db.standing import standing_of
from app.ingestion.entry import Urgency, Wishes, fetch_again, patience_until, want
from app.ingestion.rows import meeting_columns, participant_columns, snippet_columns
from app.ingestion.workbench import Pace
from app.models.manifest import Manifest, ManifestFile, ManifestResource
from app.models.tables import Meeting
from app.models.webex import MeetingDetails, MeetingParticipant, TranscriptSnippet
from app.models.words import State

Key = tuple[str, str]
_OPEN = (State.WAITING, State.RUNNING)


@dataclass(slots=True)
class Documents:
    """What stands in the newest documents that are as they were stored.

    ``said`` are snippets by transcript; ``sources`` say of media, by their paths, what Webex said
    that they are.
    """

    details: MeetingDetails | None = None
    people: list[MeetingParticipant] | None = None
    said: dict[str, list[TranscriptSnippet]] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Found:
    """A folder with its manifest, what is wrong with files that it names, and its documents.

    ``newer`` are the items of which there are versions that the manifest does not know yet.
    """

    folder: str
    manifest: Manifest
    damage: Mapping[str, Damage]
    documents: Documents
    newer: frozenset[Key]

    @cached_property
    def wanted(self) -> frozenset[str]:
        """The paths of files to be fetched again, of which the rows say nothing until then.

        As when a stored file is damaged: earlier versions cannot be had again, nor what is
        absent, and of what Webex has deleted a changed file may be the last copy.
        """
        items = {each.key: each for each in self.manifest.resources}
        return frozenset(
            each.path
            for each in self.manifest.files
            if each.path in self.damage
            and each.path in self.manifest.newest
            and (item := items.get(each.key)) is not None
            and item.state != State.ABSENT
            and not (item.deleted_at_source and self.damage[each.path] is Damage.CHANGED)
        )

    @cached_property
    def kept(self) -> list[ManifestFile]:
        """The files that are there, and those that nobody can fetch again."""
        return [each for each in self.manifest.files if each.path not in self.wanted]

    @cached_property
    def lacking(self) -> set[Key]:
        """The items that cannot be called done: a file is wanted, or there is none at all."""
        wanted = {each.key for each in self.manifest.files if each.path in self.wanted}
        has_some = {each.key for each in self.kept}
        empty = {
            each.key
            for each in self.manifest.resources
            if each.state == State.DONE and each.has_files and each.key not in has_some
        }
        return wanted | empty


def restore(session: Session, meeting: Meeting, found: Found, *, pace: Pace, now: datetime) -> None:
    """Make the rows of a meeting, which is locked and has no folder.

    What an event has made of it meanwhile goes on as it is.
    """
    assert meeting.id is not None
    is_new = not standing_of(session, [meeting.id])
    columns = _columns(found, now)
    if not is_new:
        # Whose it is here the event has told.
        del columns["account"]
    restore_meeting(session, meeting, **columns)
    resources = found.manifest.resources
    open_ingests(session, [_ingest(meeting, each, found, pace, now) for each in resources])
    add_files(session, [_file(meeting.id, each, found) for each in found.kept])
    if found.documents.people is not None:
        replace_participants(session, meeting.id, participant_columns(found.documents.people))
    for transcript_id, said in found.documents.said.items():
        replace_snippets(session, meeting.id, transcript_id, snippet_columns(said))
    for key in found.lacking:
        fetch_again(session, (meeting.id, *key), pace=pace, now=now)
    if found.newer:
        wishes: Wishes = dict.fromkeys(found.newer, Urgency.CHANGED)
        want(session, [(meeting, wishes)], pace=pace, now=now)
    is_running = any(each.state == State.RUNNING for each in resources)
    if not is_new or found.wanted or is_running:
        # The manifest tells something else.
        touch(session, meeting.id)
    settle_completeness(session, meeting.id, now=now)


def _columns(found: Found, now: datetime) -> dict[str, Any]:
    """The row of the meeting; what its manifest does not tell, its details may."""
    told, memory = found.manifest, found.manifest.for_rebuild
    first, last = _span(found, now)
    columns = _of_details(found.documents.details)
    theirs = {
        "meeting_series_id": told.meeting_series_id,
        "title": told.title,
        "site_url": told.site_url,
        "host_email": told.host_email,
        "start_at": _exact(told.start, columns.get("start_at")),
        "end_at": _exact(told.end, columns.get("end_at")),
        **memory.model_dump(),
    }
    columns |= {name: value for name, value in theirs.items() if value is not None}
    completed_at = (memory.completed_at or last) if told.complete else None
    return columns | {
        "folder": found.folder,
        "details_known": memory.details_known or found.documents.details is not None,
        "first_seen_at": memory.first_seen_at or first,
        "completed_at": completed_at,
        "first_completed_at": memory.first_completed_at or completed_at,
        "revision": 1,
        "manifest_revision": 1,
    }


def _of_details(details: MeetingDetails | None) -> dict[str, Any]:
    if details is None:
        return {}
    return meeting_columns(details) | {
        "webex_state": details.state,
        "scheduled_type": details.scheduled_type,
        "end_at": details.end,
    }


def _exact(told: datetime | None, exact: datetime | None) -> datetime | None:
    """A time of the manifest, which has whole seconds, with the fractions that it had."""
    is_same = told is not None and exact is not None and exact.replace(microsecond=0) == told
    return exact if is_same else told


def _span(found: Found, now: datetime) -> tuple[datetime, datetime]:
    """When a meeting was surely known, first and last, where nothing tells more exactly."""
    times = [each.stored_at for each in found.manifest.files]
    return min(times, default=now), max(times, default=now)


def _ingest(
    meeting: Meeting, told: ManifestResource, found: Found, pace: Pace, now: datetime
) -> dict[str, Any]:
    """The row of a resource; what a worker was at is due, and waits for another one."""
    memory, is_open = told.for_rebuild, told.state in _OPEN
    first, last = _span(found, now)
    opened_at = memory.opened_at or first
    patience = memory.patience_until or patience_until(meeting, pace, now)
    ended_at = None if is_open else memory.ended_at or last
    due_at = told.next_attempt_at if told.state == State.WAITING else None
    # No clock of another machine may put anything off for long.
    past = {
        "opened_at": opened_at,
        "ended_at": ended_at,
        "stored_at": memory.stored_at or (ended_at if told.state == State.DONE else None),
        "gone_at": _gone_at(told.deleted_at_source, opened_at),
    }
    latest = now + pace.give_up
    fresh = new_ingest(
        meeting,
        *told.key,
        due_at=now,
        patience_until=patience,
        reason=told.reason,
        now=now,
    )
    return (
        fresh
        | memory.model_dump()
        | {
            "state": State.WAITING if is_open else told.state,
            "error_code": told.error,
            "error": told.message,
            "next_attempt_at": min(due_at or now, latest) if is_open else None,
            "patience_until": min(patience, latest) if is_open else patience,
        }
        | {name: each and min(each, now) for name, each in past.items()}
    )


def _gone_at(told: datetime | None, opened_at: datetime) -> datetime | None:
    """Since when Webex has deleted it: in the second in which it was opened means after that."""
    return opened_at if told == opened_at.replace(microsecond=0) else told


def _file(meeting_row_id: int, told: ManifestFile, found: Found) -> dict[str, Any]:
    # Of what is kept as it came the checksum says all.
    source = told.for_rebuild.source or found.documents.sources.get(told.path) or told.sha256
    columns = told.model_dump(exclude={"for_rebuild"})
    damage = found.damage.get(told.path)
    return columns | {"meeting_row_id": meeting_row_id, "source": source, "damage": damage}
