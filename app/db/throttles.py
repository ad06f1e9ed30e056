"""Tries that somebody has: so many at once, given back one by one, counted over all processes."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import case, delete, select
from sqlalchemy.orm import Session
from sqlmodel import col

from app.db.engine import Database
from app.db.statements import insert_into
from app.models.access import Throttle


@dataclass(frozen=True, slots=True)
class Allowance:
    """So many tries at once, and one more every so many seconds."""

    tries: int
    seconds: float

    def wait(self, spent_until: float, now: float) -> float:
        """For how many seconds there is no try; 0 where there is one."""
        return max(0.0, spent_until - now - (self.tries - 1) * self.seconds)


def take_tries(database: Database, wanted: Mapping[str, Allowance], *, now: datetime) -> float:
    """Take one try of each name, or none of any; then for how many seconds there is none.

    Who has none left is told so by reading alone: whoever asks all the time never holds up a write.
    """
    if wait := wait_for_tries(database, wanted, now=now):
        return wait
    moment = now.timestamp()
    try:
        with database.transaction() as session:
            session.execute(delete(Throttle).where(col(Throttle.spent_until) <= moment))
            for name, allowance in wanted.items():
                _take(session, name, allowance, moment)
    except _NoneLeft as error:
        # Somebody else took the last one meanwhile.
        return error.seconds
    return 0.0


def wait_for_tries(database: Database, wanted: Mapping[str, Allowance], *, now: datetime) -> float:
    """For how many seconds one of these names has no try left; 0 if all of them have one."""
    with database.reading() as session:
        rows = session.scalars(select(Throttle).where(col(Throttle.name).in_(wanted)))
        moment = now.timestamp()
        return max((wanted[row.name].wait(row.spent_until, moment) for row in rows), default=0.0)


def give_back(session: Session, name: str) -> None:
    """Give all tries of a name back."""
    session.execute(delete(Throttle).where(col(Throttle.name) == name))


class _NoneLeft(Exception):
    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds


def _take(session: Session, name: str, allowance: Allowance, now: float) -> None:
    spent = col(Throttle.spent_until)
    begins = case((spent > now, spent), else_=now)
    taken = session.execute(
        insert_into(session, Throttle)
        .values(name=name, spent_until=now + allowance.seconds)
        .on_conflict_do_update(
            index_elements=["name"],
            set_={"spent_until": begins + allowance.seconds},
            where=begins <= now + (allowance.tries - 1) * allowance.seconds,
        )
        .returning(spent)
    ).first()
    if taken is None:
        raise _NoneLeft(allowance.seconds)
