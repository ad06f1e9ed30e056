"""When something that should happen regularly last happened."""

from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session
from sqlmodel import col

from app.db.statements import insert_into
from app.models.tables import Tick

WEBHOOKS = "webhooks"
"""When all webhooks of all accounts were last found to be active."""
BEAT = "beat"
WORKER = "worker:"
"""Before the queue and the name of a worker, in the name of its tick."""


def tick(session: Session, name: str, *, now: datetime) -> None:
    """Say that it happened now."""
    session.execute(
        insert_into(session, Tick)
        .values(name=name, at=now)
        .on_conflict_do_update(index_elements=["name"], set_={"at": now})
    )


def last_tick(session: Session, name: str) -> datetime | None:
    """When it last happened."""
    row = session.get(Tick, name)
    return row.at if row else None


def ticks_since(session: Session, prefix: str, since: datetime) -> list[str]:
    """The names, from their prefix on, of what has happened since then."""
    name = col(Tick.name)
    recent = select(name).where(name.startswith(prefix, autoescape=True), col(Tick.at) >= since)
    return [each.removeprefix(prefix) for each in session.scalars(recent)]


def forget_ticks(session: Session, prefix: str, before: datetime) -> None:
    """Forget what has not happened for so long that it will not again."""
    name = col(Tick.name)
    old = (name.startswith(prefix, autoescape=True), col(Tick.at) < before)
    session.execute(delete(Tick).where(*old))
