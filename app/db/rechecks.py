"""Which stored transcripts are compared once more with what Webex has: each once a day."""

from datetime import datetime, timedelta

from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import Session
from sqlmodel import col

from app.models.tables import Ingest, Meeting
from app.models.words import Resource, State

_ONCE_IN = timedelta(hours=24)
_LONGEST_MEETING = timedelta(days=1)


def claim_recheck(
    session: Session, *, now: datetime, since: datetime
) -> tuple[Ingest, datetime | None] | None:
    """Take one transcript of a meeting that ended ``since`` then and was not compared for a day.

    With when it was compared before. It counts as compared from now on, unless it is given back.
    """
    looked_at = func.coalesce(col(Ingest.rechecked_at), col(Ingest.ended_at))
    due = (col(Ingest.state) == State.DONE) & (looked_at < now - _ONCE_IN)
    began = func.coalesce(col(Meeting.start_at), col(Meeting.first_seen_at))
    first = session.execute(
        select(col(Ingest.id), col(Ingest.rechecked_at))
        .join(Meeting, col(Meeting.id) == col(Ingest.meeting_row_id))
        .where(
            col(Ingest.resource) == Resource.TRANSCRIPTS,
            col(Ingest.resource_id) != "",
            due,
            # The start has an index, and the end has none; few meetings have no start.
            or_(col(Meeting.start_at) > since - _LONGEST_MEETING, col(Meeting.start_at).is_(None)),
            func.coalesce(col(Meeting.end_at), began) > since,
        )
        .limit(1)
    ).one_or_none()
    if first is None:
        return None
    claimed = session.scalars(
        update(Ingest)
        .where(col(Ingest.id) == first.id, due)
        .values(rechecked_at=now)
        .returning(Ingest)
    ).one_or_none()
    return None if claimed is None else (claimed, first.rechecked_at)


def give_recheck_back(session: Session, claimed: Ingest, before: datetime | None) -> None:
    """Let a transcript that could not be compared be as due as it was."""
    session.execute(
        update(Ingest)
        .where(col(Ingest.id) == claimed.id, col(Ingest.rechecked_at) == claimed.rechecked_at)
        .values(rechecked_at=before)
    )
