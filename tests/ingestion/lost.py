"""A database that is lost, and what of it must be the same once it is made again."""

from typing import Any

from sqlalchemy import delete, select
from sqlmodel import SQLModel

from app.models.snippets import Snippet
from app.models.tables import File, Ingest, Meeting, Participant
from tests.stage import Stage

PASSING = {"id", "meeting_row_id", "participant_row_id", "updated_at", "revision", "lost"}
PASSING |= {"manifest_revision", "reserved_until", "bytes_synced", "validator", "stored_at"}
PASSING |= {"rechecked_at", "next_attempt_at"}
"""Columns about one database and the work in it; of some times only seconds are kept."""

KEYS = ("resource", "resource_id", "path", "participant_id", "transcript_id", "position")


def lose_database(stage: Stage) -> None:
    """Leave of the database its schema alone."""
    with stage.bench.database.transaction() as session:
        for table in reversed(SQLModel.metadata.sorted_tables):
            # The tallies follow the rows by themselves.
            if table.name != "tally":
                session.execute(delete(table))


def rows(stage: Stage) -> dict[str, Any]:
    """All rows of all meetings, without what counts in one database only."""
    told: dict[str, Any] = {}
    with stage.bench.database.reading() as session:
        names = {each.id: each.meeting_id for each in session.scalars(select(Meeting))}
        for table in (Meeting, Ingest, File, Participant, Snippet):
            each: Any
            for each in session.scalars(select(table)):
                columns = each.model_dump(exclude=PASSING)
                if columns.get("state") in ("done", "absent", "failed"):
                    columns |= {"looks": 0, "tries": 0}
                of = columns.get("meeting_id") or names[each.meeting_row_id]
                parts = {str(columns.get(name, "")) for name in KEYS}
                told[f"{of} {table.__name__} {sorted(parts)}"] = columns
    return told


def contents(stage: Stage) -> dict[str, bytes]:
    """Every file of the archive."""
    places = [each for each in stage.archive.rglob("*") if each.is_file()]
    return {each.relative_to(stage.archive).as_posix(): each.read_bytes() for each in places}


def media_requests(stage: Stage) -> int:
    return len(stage.control.requests(origin="media"))


def unlike(one: Any, other: Any, name: str = "") -> list[str]:
    """Where two values differ, each place by its name."""
    if isinstance(one, dict) and isinstance(other, dict):
        keys = sorted({*one, *other})
        pairs = ((key, (one.get(key), other.get(key))) for key in keys)
        return [diff for key, pair in pairs for diff in unlike(*pair, f"{name}.{key}")]
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        both = enumerate(zip(one, other, strict=True))
        return [diff for at, pair in both for diff in unlike(*pair, f"{name}.{at}")]
    return [] if one == other else [f"{name}: {one!r} is {other!r} now"]
