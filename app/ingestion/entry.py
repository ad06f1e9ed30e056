"""The one door to the archive: rows for a meeting's resources are made, woken or reopened."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Any

from sqlalchemy import Row
from sqlalchemy.orm import Session
from sqlmodel import col

from app.db.ingests import new_ingest, open_ingests, reopen, wake
from app.db.meetings import mark_incomplete, touch
from app.db.notes import forget_stored
from app.db.standing import standing_of
from app.ingestion.workbench import Pace
from app.models.tables import Ingest, Meeting
from app.models.words import CORE_RESOURCES, Priority, Reason, Resource, State

LATE_EVENT_PATIENCE = timedelta(hours=1)
"""Webex's lists may lag its webhooks by ten minutes and more."""


LIVE_RESOURCES = (Resource.MEETINGS, Resource.PARTICIPANTS)
"""What there is of a meeting while it goes on."""

_MARGIN = timedelta(seconds=10)


class Urgency(IntEnum):
    """What is wanted of one resource of a meeting; the greater one includes the smaller."""

    GONE = 0
    """Webex says it has deleted it: what is not stored yet is looked at, and nothing is made."""
    WANTED = 1
    """Be on its way or stored; what is absent or failed is opened again."""
    NEWS = 2
    """Webex says something about it, so look now; what runs looks once more when it ends."""
    CHANGED = 3
    """It may be another one than before, so look even if it is done."""


Wishes = Mapping[tuple[str, str], Urgency]
"""What is wanted of a meeting, by resource and ``resource_id``."""

_CORE: Wishes = {(resource, ""): Urgency.WANTED for resource in CORE_RESOURCES}

_ENDED = {
    Urgency.GONE: (State.ABSENT, State.FAILED),
    Urgency.WANTED: (State.ABSENT, State.FAILED),
    Urgency.NEWS: (State.ABSENT, State.FAILED),
    Urgency.CHANGED: (State.ABSENT, State.FAILED, State.DONE),
}


def whole_meeting(pace: Pace) -> Wishes:
    """All that is wanted of an ended meeting."""
    return {**_CORE, **{(each, ""): Urgency.WANTED for each in pace.extra_resources}}


def over_at_last(pace: Pace) -> Wishes:
    """All that is wanted of a meeting that was in progress until now.

    What was found of it meanwhile may not be all: it is looked for once more.
    """
    return dict.fromkeys(whole_meeting(pace), Urgency.CHANGED)


def want_meeting(session: Session, meeting: Meeting, *, pace: Pace, now: datetime) -> None:
    """Make sure that all core resources of an ended meeting are on their way or stored.

    What is absent or failed is opened again; what is waiting, running or done stays so.
    """
    want(session, [(meeting, whole_meeting(pace))], pace=pace, now=now)


def want(
    session: Session,
    wanted: Sequence[tuple[Meeting, Wishes]],
    *,
    pace: Pace,
    now: datetime,
    priority: Priority = Priority.FRESH,
) -> None:
    """Make, wake and reopen what is wanted of these meetings, which are locked.

    ``priority`` is that of what is made or reopened; what is under way keeps its own. Wanting the
    same again changes nothing, and costs one question for all of them.
    """
    row_ids = [meeting.id for meeting, _ in wanted if meeting.id is not None]
    standing = standing_of(session, row_ids)
    missing: list[dict[str, Any]] = []
    opened: set[int] = set()
    woken: set[int] = set()
    for meeting, wishes in wanted:
        assert meeting.id is not None
        for key, urgency in wishes.items():
            row = standing.get((meeting.id, *key))
            patience = _patience(meeting, urgency, pace, now)
            if urgency is Urgency.GONE and (row is None or _is_settled(row)):
                continue
            if row is None:
                new = _new(meeting, key, patience, pace, now)
                missing.append(new | {"priority": priority})
                opened.add(meeting.id)
            elif row.state in _ENDED[urgency] and not _is_idle_news(meeting, key[0], urgency):
                _reopen(session, meeting, key, urgency, patience, now, priority)
                opened.add(meeting.id)
            elif urgency is not Urgency.WANTED or _has_just_ended(meeting, row):
                due_at = _due(meeting, key[0], pace, now)
                if not _is_awake(row, patience, due_at):
                    wake(session, *_which(meeting, key), due_at=due_at, patience_until=patience)
                    woken.add(meeting.id)
    open_ingests(session, missing)
    if opened:
        # What was opened again is missing again, and the manifest must say so.
        mark_incomplete(session, opened)
    touch(session, *opened, *woken)


def fetch_again(session: Session, key: tuple[int, str, str], *, pace: Pace, now: datetime) -> None:
    """Open an item again of whose files one is not there any more as it was stored.

    ``key`` is meeting row, resource and ``resource_id``; the meeting is locked.
    """
    meeting_row_id, resource, resource_id = key
    forget_stored(session, *key)
    reopen(
        session,
        col(Ingest.meeting_row_id) == meeting_row_id,
        col(Ingest.resource) == resource,
        col(Ingest.resource_id) == resource_id,
        states=(State.DONE, State.FAILED),
        due_at=now,
        patience_until=now + pace.give_up,
        priority=Priority.RETRY,
        now=now,
    )
    mark_incomplete(session, {meeting_row_id})
    touch(session, meeting_row_id)


def patience_until(meeting: Meeting, pace: Pace, now: datetime) -> datetime:
    """When something of this meeting that has not appeared counts as absent."""
    # An end that lies ahead is a mistake, and may lie beyond what a calendar can say.
    return min(meeting.end_at or now, now) + pace.give_up


def _patience(meeting: Meeting, urgency: Urgency, pace: Pace, now: datetime) -> datetime:
    patience = patience_until(meeting, pace, now)
    if urgency is Urgency.WANTED:
        return patience
    if urgency is Urgency.CHANGED:
        # What is stored already must not become absent because the newer one takes its time.
        return now + pace.give_up
    return max(patience, now + min(pace.give_up, LATE_EVENT_PATIENCE))


def _new(
    meeting: Meeting, key: tuple[str, str], patience: datetime, pace: Pace, now: datetime
) -> dict[str, Any]:
    return new_ingest(
        meeting,
        *key,
        due_at=_due(meeting, key[0], pace, now),
        patience_until=patience,
        reason=Reason.MEETING_IN_PROGRESS if _is_live(meeting, key[0]) else None,
        now=now,
    )


def _due(meeting: Meeting, resource: str, pace: Pace, now: datetime) -> datetime:
    """When a resource is asked for after news of it: the core ones of what has ended at once."""
    if _is_live(meeting, resource):
        return now + timedelta(seconds=pace.live_seconds)
    if resource in CORE_RESOURCES:
        return now
    return max(now, min(meeting.end_at or now, now) + timedelta(seconds=pace.extra_seconds))


def _reopen(
    session: Session,
    meeting: Meeting,
    key: tuple[str, str],
    urgency: Urgency,
    patience: datetime,
    now: datetime,
    priority: Priority,
) -> None:
    reopen(
        session,
        *_which(meeting, key),
        states=_ENDED[urgency],
        due_at=now,
        patience_until=patience,
        priority=priority,
        now=now,
    )


def _is_live(meeting: Meeting, resource: str) -> bool:
    """Whether a resource is one of those that change while the meeting goes on."""
    return meeting.webex_state == "inProgress" and resource in LIVE_RESOURCES


def _is_idle_news(meeting: Meeting, resource: str, urgency: Urgency) -> bool:
    """Whether only somebody came or left: what may not be read is not asked for each time."""
    return urgency is Urgency.NEWS and _is_live(meeting, resource)


def _has_just_ended(meeting: Meeting, row: Row[*tuple[Any, ...]]) -> bool:
    """Whether a row still waits as one of a meeting in progress, which it is no more."""
    return row.reason == Reason.MEETING_IN_PROGRESS and not _is_live(meeting, row.resource)


def _is_settled(row: Row[*tuple[Any, ...]]) -> bool:
    """Whether a deletion changes nothing about a row but the note: stored, gone or never here."""
    is_over = row.reason in (Reason.DELETED_AT_SOURCE, Reason.NOT_AVAILABLE)
    return row.state == State.DONE or bool(row.state == State.ABSENT and is_over)


def _is_awake(row: Row[*tuple[Any, ...]], patience: datetime, due_at: datetime) -> bool:
    """Whether a row will look by then anyway, or has ended and stays so."""
    # Without the margin each event of a flood would lengthen the patience by a little.
    is_patient = row.patience_until >= patience - _MARGIN
    match row.state:
        case State.WAITING:
            return is_patient and bool(row.next_attempt_at <= due_at)
        case State.RUNNING:
            return is_patient and bool(row.woken)
    return True


def _which(meeting: Meeting, key: tuple[str, str]) -> tuple[Any, ...]:
    return (
        col(Ingest.meeting_row_id) == meeting.id,
        col(Ingest.resource) == key[0],
        col(Ingest.resource_id) == key[1],
    )
