"""Suspects: work over which workers have vanished, and which is done one at a time.

A worker that dies takes all its threads with it, so each row that it was working on has lost it,
and only one was the reason. Alone, one that kills its worker takes no other suspect along, and
the innocent ones end.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, exists, func, or_, select
from sqlalchemy.orm import Session, aliased
from sqlmodel import col

from app.models.tables import Ingest
from app.models.words import State

SUSPECT_AFTER = 2
"""So often a worker may vanish over a row before the row is suspected of being the reason."""

_SUSPECTS_LOCK = 20210515


def is_suspect(before: datetime | BindParameter[Any]) -> ColumnElement[bool]:
    """Whether two workers have vanished over a row, the one that has been silent ``before`` too."""
    silent = (col(Ingest.state) == State.RUNNING) & (col(Ingest.heartbeat_at) < before)
    lost = col(Ingest.lost)
    return or_(lost >= SUSPECT_AFTER, silent & (lost >= SUSPECT_AFTER - 1))


def is_suspect_running(before: datetime | BindParameter[Any]) -> ColumnElement[bool]:
    """Whether a suspect of the same queue is worked on by a worker that is alive."""
    other = aliased(Ingest)
    return exists().where(
        col(other.queue) == col(Ingest.queue),
        col(other.state) == State.RUNNING,
        col(other.heartbeat_at) >= before,
        col(other.lost) >= SUSPECT_AFTER,
    )


def one_by_one(session: Session, ingest_id: int) -> None:
    """On Postgres, where leases are taken side by side, let one suspect know of the other."""
    if session.get_bind().dialect.name != "postgresql":
        return
    lost = session.scalar(select(col(Ingest.lost)).where(col(Ingest.id) == ingest_id))
    if lost:
        session.execute(select(func.pg_advisory_xact_lock(_SUSPECTS_LOCK)))
