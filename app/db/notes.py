"""What is noted about single recordings and transcripts beside their state."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, case, update
from sqlalchemy.orm import Session
from sqlmodel import col

from app.models.tables import Ingest
from app.models.words import Reason, State


def note_recorded(session: Session, meeting_row_id: int, recorded: Mapping[str, datetime]) -> None:
    """Say of items, by their ids, when they began, where nobody has said so yet."""
    table: Any = Ingest.__table__  # type: ignore[attr-defined]
    which = (
        table.c.meeting_row_id == meeting_row_id,
        table.c.resource_id == bindparam("of_id"),
        table.c.recorded_at.is_(None),
    )
    told = [{"of_id": of_id, "recorded_at": moment} for of_id, moment in recorded.items()]
    if told:
        session.connection().execute(update(table).where(*which), told)


def forget_stored(session: Session, meeting_row_id: int, resource: str, resource_id: str) -> None:
    """Note that not all of an item is stored any more."""
    session.execute(
        update(Ingest)
        .where(
            col(Ingest.meeting_row_id) == meeting_row_id,
            col(Ingest.resource) == resource,
            col(Ingest.resource_id) == resource_id,
        )
        .values(stored_at=None)
    )


def note_at_source(session: Session, *which: Any, deleted: bool, now: datetime) -> int:
    """Note beside items that Webex has deleted them, or has them again; how many changed.

    Nothing of ours is deleted because Webex's was, and what is odd about a file is still told.
    """
    gone_at, reason = col(Ingest.gone_at), col(Ingest.reason)
    before, after = (
        (None, Reason.DELETED_AT_SOURCE) if deleted else (Reason.DELETED_AT_SOURCE, None)
    )
    # A deletion from before it was opened again is over.
    is_news = gone_at.is_(None) | (gone_at < col(Ingest.opened_at))
    is_told_by_reason = (col(Ingest.state) == State.DONE) & reason.is_not_distinct_from(before)
    result = session.execute(
        update(Ingest)
        .where(*which, is_news if deleted else gone_at.is_not(None))
        .values(
            gone_at=now if deleted else None,
            reason=case((is_told_by_reason, after), else_=reason),
            updated_at=now,
        )
    )
    return int(result.rowcount)  # type: ignore[attr-defined]
