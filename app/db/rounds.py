"""Which lists of one account are due together, and whose turn it is to look for all of them."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, func, or_, select, update
from sqlalchemy.orm import Session
from sqlmodel import col

from app.db.statements import insert_into
from app.models.tables import Ingest, Meeting, Tick
from app.models.words import Queue, Reason, State

ANSWERED = (Reason.STILL_PROCESSING, Reason.SETTLING, Reason.ITEMS_PENDING)
"""What a list waits for whose last look was answered: the account may ask about the meeting."""


@dataclass(frozen=True, slots=True)
class DueList:
    """The list of one meeting's recordings or transcripts that is to be looked at now."""

    ingest_id: int
    account: str
    resource: str
    start_at: datetime
    site_url: str | None
    host_email: str | None


def due_list(session: Session, ingest_id: int, *, now: datetime) -> DueList | None:
    """A row as a list that others may be looked at with; None if it is none, or not due."""
    found = session.execute(_due(now).where(col(Ingest.id) == ingest_id)).one_or_none()
    return None if found is None else DueList(*found)


def due_with(
    session: Session, one: DueList, *, since: datetime, now: datetime, limit: int
) -> list[DueList]:
    """The same lists of the same account that are due as well, fresh ones first.

    Those of meetings that began ``since`` then.
    """
    found = session.execute(
        _due(now)
        .where(
            col(Ingest.account) == one.account,
            col(Ingest.resource) == one.resource,
            col(Ingest.id) != one.ingest_id,
            col(Meeting.start_at) >= since,
        )
        .order_by(col(Ingest.priority), col(Ingest.next_attempt_at))
        .limit(limit)
    )
    return [DueList(*each) for each in found]


def _due(now: datetime) -> Select[*tuple[Any, ...]]:
    columns = (col(Ingest.id), col(Ingest.account), col(Ingest.resource), col(Meeting.start_at))
    return (
        select(*columns, col(Meeting.site_url), col(Meeting.host_email))
        .join(Meeting, col(Meeting.id) == col(Ingest.meeting_row_id))
        .where(
            col(Ingest.state) == State.WAITING,
            col(Ingest.queue) == Queue.POLL,
            col(Ingest.next_attempt_at) <= now,
            col(Ingest.resource_id) == "",
            col(Ingest.reason).in_(ANSWERED),
            # What workers have vanished over is done alone.
            col(Ingest.lost) == 0,
            col(Meeting.start_at).is_not(None),
        )
    )


def count_since(session: Session, account: str, since: datetime, *, most: int) -> int:
    """How many meetings of an account began since then; counts no further than ``most``."""
    some = (
        select(col(Meeting.id))
        .where(col(Meeting.start_at) >= since, col(Meeting.account) == account)
        .limit(most)
    )
    return int(session.scalar(select(func.count()).select_from(some.subquery())) or 0)


def take_turn(session: Session, name: str, *, now: datetime, seconds: float) -> datetime | None:
    """Take a turn, and say when it ends by itself; None while somebody else has it."""
    until = now + timedelta(seconds=seconds)
    # One that ends later than any can was taken by a clock that has been set back since.
    is_over = or_(col(Tick.at) <= now, col(Tick.at) > until)
    taken = session.execute(
        insert_into(session, Tick)
        .values(name=name, at=until)
        .on_conflict_do_update(index_elements=["name"], set_={"at": until}, where=is_over)
        .returning(col(Tick.name))
    )
    return until if taken.one_or_none() is not None else None


def end_turn(session: Session, name: str, *, until: datetime, now: datetime) -> None:
    """Let others have the turn that would end then; one that was taken since goes on."""
    mine = (col(Tick.name) == name, col(Tick.at) == until)
    session.execute(update(Tick).where(*mine).values(at=now))
