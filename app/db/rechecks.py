"""Which stored transcripts are compared once more with what Webex has: each once a day."""

from datetime import datetime, timedelta

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session
from sqlmodel import col

from app.models.tables import Ingest, Meeting
from app.models.words import Resource, State

_ONCE_IN = timedelta(hours=24)
_LONGEST_MEETING = timedelta(days=1)


def claim_recheck(session: Session, *, now: datetime, since: datetime) -> Ingest | None:
    """Take one transcript of a meeting that ended ``since`` then and was not compared for a day.

    It counts as compared from now on, whatever comes of it.
    """
    looked_at = func.coalesce(col(Ingest.rechecked_at), col(Ingest.ended_at))
    due = (col(Ingest.state) == State.DONE) & (looked_at < now - _ONCE_IN)
    first = (
        select(col(Ingest.id))
        .join(Meeting, col(Meeting.id) == col(Ingest.meeting_row_id))
        .where(
            col(Ingest.resource) == Resource.TRANSCRIPTS,
            col(Ingest.resource_id) != "",
            due,
            # The start has an index, and the end has none.
            col(Meeting.start_at) > since - _LONGEST_MEETING,
            col(Meeting.end_at) > since,
        )
        .limit(1)
    )
    return session.scalars(
        update(Ingest)
        .where(col(Ingest.id) == first.scalar_subquery(), due)
        .values(rechecked_at=now)
        .returning(Ingest)
    ).one_or_none()
