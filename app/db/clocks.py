"""A clock that was set back: what was to happen by the old one happens by the new one."""

from datetime import datetime, timedelta

from sqlalchemy import null, update
from sqlalchemy.orm import Session
from sqlmodel import col

from app.db.ticks import last_tick, tick
from app.models.planned import AutoRecord
from app.models.scrub import Scrub
from app.models.tables import Ingest, Meeting, Tick, WebhookEvent
from app.models.words import State

SET_BACK = timedelta(minutes=5)
"""A step back that is smaller delays nothing by more than this, and is left alone."""


def was_set_back(session: Session, host: str, *, now: datetime) -> bool:
    """Whether this host has been further in time before; notes where it is now.

    Each host is compared with itself only: that two of them differ is no step. Of two who ask
    at once, one is told.
    """
    name = f"clock {host}"
    before = last_tick(session, name)
    if before is None or before - now < SET_BACK:
        tick(session, name, now=now)
        return False
    noted = session.execute(
        update(Tick).where(col(Tick.name) == name, col(Tick.at) == before).values(at=now)
    )
    return bool(noted.rowcount)  # type: ignore[attr-defined]


def forget_the_future(session: Session, *, now: datetime) -> None:
    """Let nothing wait for a moment of the clock as it was: what lies ahead is looked at now.

    A look too early costs one request. A worker that is alive says so again within a second,
    and one that is not is found out after its lease.
    """
    waiting = (col(Ingest.state) == State.WAITING, col(Ingest.next_attempt_at) > now)
    running = (col(Ingest.state) == State.RUNNING, col(Ingest.heartbeat_at) > now)
    planned = col(AutoRecord.next_attempt_at) > now
    new = (col(WebhookEvent.outcome).is_(None), col(WebhookEvent.next_attempt_at) > now)
    read = (col(Meeting.folder).is_not(None), col(Meeting.verified_at) > now)
    for change in (
        update(Ingest).where(*waiting).values(next_attempt_at=now),
        update(Ingest).where(*running).values(heartbeat_at=now),
        update(Ingest).where(col(Ingest.opened_at) > now).values(opened_at=now),
        update(Ingest).where(col(Ingest.reserved_until) > now).values(reserved_until=null()),
        update(WebhookEvent).where(*new).values(next_attempt_at=now),
        update(AutoRecord).where(planned).values(next_attempt_at=now),
        update(Ingest).where(col(Ingest.rechecked_at) > now).values(rechecked_at=now),
        update(Meeting).where(*read).values(verified_at=now),
        update(Scrub).where(col(Scrub.held_until) > now).values(held_until=now),
        update(Scrub).where(col(Scrub.paid_until) > now).values(paid_until=now),
    ):
        session.execute(change)
