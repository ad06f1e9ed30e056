"""When something that should happen regularly last happened."""

from datetime import datetime

from sqlalchemy.orm import Session

from app.db.statements import insert_into
from app.models.tables import Tick


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
