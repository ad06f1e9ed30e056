"""How things stand: overall, and one meeting with everything in it.

``lease_seconds`` says for how long a worker that is not heard of counts as being at work.
"""

import math
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from app.db import figures
from app.db.accounts import all_accounts
from app.db.engine import Database
from app.db.files import damaged_files, files_of, participants_of
from app.db.meetings import find_meeting
from app.db.standing import ingests_of
from app.db.ticks import last_tick
from app.models.status import (
    AccountStatus,
    DamagedFile,
    Failure,
    FileStatus,
    IngestStatus,
    MeetingCounts,
    MeetingState,
    MeetingStatus,
    Overview,
    ParticipantStatus,
    PutAside,
    Transfers,
    seconds_left,
)
from app.models.tables import Account, File, Ingest, Meeting, Participant
from app.models.words import Reason, Resource, State

_MOST_FAILURES = 20
_MOST_PUT_ASIDE = 20
_MOST_DAMAGED = 20


def overview(database: Database, *, now: datetime, lease_seconds: float) -> Overview:
    """How everything stands; raises DatabaseUnavailable."""
    with database.reading() as session:
        stock = figures.stock_of_kinds(session).values()
        damaged = sum(each.damaged for each in stock)
        latest = damaged_files(session, limit=_MOST_DAMAGED) if damaged else []
        states: defaultdict[str, int] = defaultdict(int)
        for (_resource, state), number in figures.count_ingests(session).items():
            states[state] += number
        due_at = due_since(session, now=now)
        return Overview(
            events=figures.count_events(session),
            ingests=dict(states),
            meetings=_meeting_counts(session),
            transfers=_transfers(figures.progress(session, now=now, lease_seconds=lease_seconds)),
            oldest_due_seconds=None if due_at is None else seconds_since(due_at, now),
            last_sweep_at=last_tick(session, "sweep"),
            files=sum(each.files for each in stock),
            bytes=sum(each.bytes for each in stock),
            failures=[
                _failure(ingest, meeting)
                for ingest, meeting in figures.failed_ingests(session, limit=_MOST_FAILURES)
            ],
            accounts=[account_status(each) for each in all_accounts(session)],
            put_aside=[
                PutAside.model_validate(event.model_dump())
                for event in figures.events_put_aside(session, limit=_MOST_PUT_ASIDE)
            ],
            damaged_files=damaged,
            damaged=[_damaged(file, meeting) for file, meeting in latest],
        )


def account_status(account: Account) -> AccountStatus:
    """What people and programs are told of an account: none of its tokens."""
    return AccountStatus(
        name=account.name,
        email=account.email,
        renews=account.refresh_token is not None,
        access_expires_at=account.access_expires_at,
        refresh_expires_at=account.refresh_expires_at,
        scopes=account.scopes,
        error=account.error,
    )


def due_since(session: Session, *, now: datetime) -> datetime | None:
    """Since when the oldest due work has been due, be it an event or an ingest."""
    due = (
        figures.oldest_due_at(session, now=now),
        figures.oldest_new_event_at(session, now=now),
    )
    return min((each for each in due if each is not None), default=None)


def seconds_since(moment: datetime, now: datetime) -> float:
    """How long ago a moment is; zero where another machine's clock is ahead."""
    return max(0.0, round((now - moment).total_seconds(), 3))


def meeting_status(
    database: Database, meeting_id: str, *, now: datetime, lease_seconds: float
) -> MeetingStatus | None:
    """One meeting with everything in it; None if it is not known. Raises DatabaseUnavailable."""
    with database.reading() as session:
        meeting = find_meeting(session, meeting_id)
        if meeting is None or meeting.id is None:
            return None
        return _meeting_status(
            meeting,
            [
                ingest_status(each, now=now, lease_seconds=lease_seconds)
                for each in ingests_of(session, meeting.id)
            ],
            files_of(session, meeting.id),
            participants_of(session, meeting.id),
            figures.count_snippets(session, meeting.id),
        )


def _meeting_counts(session: Session) -> MeetingCounts:
    counts = figures.count_meetings(session)
    return MeetingCounts(
        total=sum(counts.values()),
        complete=counts.get("complete", 0),
        waiting=counts.get("waiting", 0),
        failed=counts.get("failed", 0),
    )


def _transfers(progress: figures.Progress) -> Transfers:
    total = None if progress.without_total else progress.bytes_total
    return Transfers(
        running=progress.running,
        silent=progress.silent,
        bytes_done=progress.bytes_done,
        bytes_total=total,
        bytes_per_second=progress.bytes_per_second,
        remaining_seconds=progress.remaining_seconds,
    )


def ingest_status(ingest: Ingest, *, now: datetime, lease_seconds: float) -> IngestStatus:
    running, beat = ingest.state == State.RUNNING, ingest.heartbeat_at
    age = seconds_since(beat, now) if running and beat else 0.0
    silent = age if age > lease_seconds else None
    whole = ingest.bytes_total is not None and ingest.bytes_done >= ingest.bytes_total
    # What a worker said before the end, or before it fell silent, is no speed any more.
    speed = ingest.bytes_per_second if running and silent is None and not whole else None
    left = seconds_left(ingest.bytes_done, ingest.bytes_total, speed)
    told = {
        "bytes_per_second": speed,
        "remaining_seconds": None if left is None else math.ceil(left),
        "silent_seconds": silent,
    }
    return IngestStatus.model_validate(ingest.model_dump() | told)


def _failure(ingest: Ingest, meeting: Meeting) -> Failure:
    return Failure(
        meeting_id=meeting.meeting_id,
        title=meeting.title,
        resource=ingest.resource,
        resource_id=ingest.resource_id,
        error_code=ingest.error_code,
        error=ingest.error,
        ended_at=ingest.ended_at,
    )


def _damaged(file: File, meeting: Meeting) -> DamagedFile:
    told = {"meeting_id": meeting.meeting_id, "title": meeting.title}
    return DamagedFile.model_validate(told | {"path": file.path, "damage": file.damage})


def meeting_state(meeting: Meeting, ingests: Sequence[IngestStatus]) -> MeetingState:
    """How a meeting stands as a whole; app.db.listing asks the database the same."""
    states = {each.state for each in ingests}
    if State.FAILED in states:
        return MeetingState.FAILED
    if ingests and all(each.reason == Reason.EXCLUDED_BY_POLICY for each in ingests):
        return MeetingState.LEFT_OUT
    if meeting.completed_at is not None:
        return MeetingState.COMPLETE
    if meeting.webex_state == "inProgress" and _is_heard_of(ingests):
        return MeetingState.IN_PROGRESS
    if State.RUNNING in states:
        return MeetingState.RUNNING
    return MeetingState.WAITING


def _is_heard_of(ingests: Sequence[IngestStatus]) -> bool:
    """Whether anybody still asks how a meeting goes on."""
    open_states = (State.WAITING, State.RUNNING)
    details = [each.state for each in ingests if each.resource == Resource.MEETINGS]
    return not ingests or any(state in open_states for state in details)


def _meeting_status(
    meeting: Meeting,
    ingests: Sequence[IngestStatus],
    files: Sequence[File],
    participants: Sequence[Participant],
    snippets: int,
) -> MeetingStatus:
    return MeetingStatus(
        **meeting.model_dump(
            include={
                "meeting_id",
                "meeting_series_id",
                "title",
                "site_url",
                "host_email",
                "source",
                "first_seen_at",
                "folder",
                "completed_at",
            }
        ),
        start=meeting.start_at,
        end=meeting.end_at,
        complete=meeting.completed_at is not None,
        state=meeting_state(meeting, ingests),
        ingests=list(ingests),
        files=[FileStatus.model_validate(each.model_dump()) for each in files],
        participants=[ParticipantStatus.model_validate(each.model_dump()) for each in participants],
        snippets=snippets,
    )
