"""The one scrub of all workers: whose turn it is, how far it is, and what it may read."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import update
from sqlalchemy.orm import Session
from sqlmodel import col

from app.db.statements import insert_into
from app.errors import LeaseLost
from app.models.scrub import Scrub


def take_turn(session: Session, *, now: datetime, hold: timedelta) -> Scrub | None:
    """Read alone until ``now + hold``; None while somebody else does, or the rate is used up."""
    first = insert_into(session, Scrub).values(
        id=1, turn=0, path="", held_until=now, paid_until=now
    )
    session.execute(first.on_conflict_do_nothing())
    return session.scalars(
        update(Scrub)
        .where(col(Scrub.held_until) <= now, col(Scrub.paid_until) <= now)
        .values(turn=Scrub.turn + 1, held_until=now + hold)
        .returning(Scrub)
    ).one_or_none()


def note_scrub(session: Session, scrub: Scrub, **changes: Any) -> None:
    """Write down how far whoever has the turn is; raises LeaseLost where another one has it."""
    mine = col(Scrub.turn) == scrub.turn
    if not session.execute(update(Scrub).where(mine).values(**changes)).rowcount:  # type: ignore[attr-defined]
        raise LeaseLost("another worker has taken the scrub over")
