"""The one door to the archive: rows for a meeting's resources are made, woken or reopened."""

from datetime import datetime, timedelta

from sqlalchemy.orm import Session
from sqlmodel import col

from app.db.ingests import open_ingest, reopen, wake
from app.ingestion.workbench import Pace
from app.models.tables import Ingest, Meeting
from app.models.words import CORE_RESOURCES, Priority, State

LATE_EVENT_PATIENCE = timedelta(hours=1)
"""Webex's lists may lag its webhooks by ten minutes and more."""


def want_meeting(
    session: Session,
    meeting: Meeting,
    *,
    pace: Pace,
    now: datetime,
    priority: Priority = Priority.FRESH,
) -> None:
    """Make sure that all core resources of an ended meeting are on their way or stored.

    What is absent or failed is opened again; what is waiting, running or done stays so.
    """
    patience = patience_until(meeting, pace, now)
    for resource in CORE_RESOURCES:
        if not open_ingest(
            session,
            meeting,
            resource,
            due_at=now,
            patience_until=patience,
            priority=priority,
            now=now,
        ):
            reopen(
                session,
                col(Ingest.meeting_row_id) == meeting.id,
                col(Ingest.resource) == resource,
                states=(State.ABSENT, State.FAILED),
                due_at=now,
                patience_until=patience,
                priority=priority,
                now=now,
            )


def want_now(
    session: Session,
    meeting: Meeting,
    resource: str,
    resource_id: str = "",
    *,
    pace: Pace,
    now: datetime,
    changed: bool = False,
) -> None:
    """Make one resource due now because Webex says something about it.

    Opens it again when it is absent or failed, and, where it may have ``changed``, also
    when it is done. A row that runs at the moment looks once more when it ends.
    """
    patience = max(patience_until(meeting, pace, now), now + min(pace.give_up, LATE_EVENT_PATIENCE))
    which = (
        col(Ingest.meeting_row_id) == meeting.id,
        col(Ingest.resource) == resource,
        col(Ingest.resource_id) == resource_id,
    )
    if open_ingest(
        session, meeting, resource, resource_id, due_at=now, patience_until=patience, now=now
    ):
        return
    wake(session, *which, due_at=now, patience_until=patience)
    ended = (State.ABSENT, State.FAILED, State.DONE) if changed else (State.ABSENT, State.FAILED)
    reopen(
        session,
        *which,
        states=ended,
        due_at=now,
        patience_until=patience,
        priority=Priority.FRESH,
        now=now,
    )


def patience_until(meeting: Meeting, pace: Pace, now: datetime) -> datetime:
    """When something of this meeting that has not appeared counts as absent."""
    # An end that lies ahead is a mistake, and may lie beyond what a calendar can say.
    return min(meeting.end_at or now, now) + pace.give_up
