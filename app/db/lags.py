"""How long after their end meetings were in the archive: counted once each, by bounds."""

from bisect import bisect_left
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import exists, select, update
from sqlalchemy.orm import Session
from sqlmodel import col

from app.db.tallies import Happening, add_tallies, totals
from app.models.tables import Ingest, Meeting
from app.models.words import State

_MINUTE, _HOUR = 60, 3600
BOUNDS = (
    *(_MINUTE, 2 * _MINUTE, 5 * _MINUTE, 10 * _MINUTE, 15 * _MINUTE, 30 * _MINUTE),
    *(_HOUR, 2 * _HOUR, 4 * _HOUR, 8 * _HOUR, 24 * _HOUR, 48 * _HOUR, 96 * _HOUR),
)
"""In seconds; others may take their place at any time, as what is counted has its bound with it."""

SOURCES = ("webhook", "backfill", "command")
"""What a meeting was first heard of by. Manifests of other machines may tell anything."""
_OTHER = "other"
_BEYOND = "+Inf"


@dataclass(frozen=True, slots=True)
class Lags:
    """How many meetings took at most so long, by bound in seconds, and how long all together."""

    at_most: dict[int, int]
    meetings: int
    seconds: float


def note_archived(session: Session, meeting_row_id: int, *, now: datetime) -> None:
    """Count the lag of a meeting that has become complete, if it has never been so before.

    What the policy leaves out, or has no known end, has none.
    """
    first = col(Meeting.first_completed_at)
    found = session.execute(
        update(Meeting)
        .where(col(Meeting.id) == meeting_row_id, first.is_(None))
        .values(first_completed_at=now)
        .returning(col(Meeting.end_at), col(Meeting.source))
    ).one_or_none()
    if found is None or found.end_at is None or not _has_something(session, meeting_row_id):
        return
    seconds = max(0.0, (now - found.end_at).total_seconds())
    place = bisect_left(BOUNDS, seconds)
    word = str(BOUNDS[place]) if place < len(BOUNDS) else _BEYOND
    source = found.source if found.source in SOURCES else _OTHER
    add_tallies(session, {(Happening.LAG, word, source): (1, round(seconds * 1000))})


def lags_by_source(session: Session) -> dict[str, Lags]:
    """The lags of all meetings since they are counted, by what they were first heard of by."""
    counted = totals(session, Happening.LAG)
    return {source: _of_source(source, counted) for source in (*SOURCES, _OTHER)}


def _of_source(source: str, counted: dict[tuple[str, str], tuple[int, int]]) -> Lags:
    mine = {word: both for (word, detail), both in counted.items() if detail == source}
    return Lags(
        at_most={
            bound: sum(
                number
                for word, (number, _) in mine.items()
                if word != _BEYOND and int(word) <= bound
            )
            for bound in BOUNDS
        },
        meetings=sum(number for number, _ in mine.values()),
        seconds=sum(milliseconds for _, milliseconds in mine.values()) / 1000,
    )


def _has_something(session: Session, meeting_row_id: int) -> bool:
    mine = (col(Ingest.meeting_row_id) == meeting_row_id, col(Ingest.state) == State.DONE)
    return bool(session.scalar(select(exists().where(*mine))))
