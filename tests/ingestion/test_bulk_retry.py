"""Much that is tried again at once: whoever else writes gets a turn in between."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import pytest
from sqlalchemy import func, insert, select
from sqlmodel import col

from app.db.engine import Database
from app.db.ingests import new_ingest
from app.db.meetings import ensure_meetings
from app.ingestion.commands import retry
from app.ingestion.workbench import Workbench
from app.models.tables import Ingest, Meeting
from app.models.words import Resource, State
from tests.ingestion.benches import NOW, make_bench

MEETINGS = 700


@pytest.fixture
def bench(tmp_path: Path, database: Database) -> Iterator[Workbench]:
    """A database with many meetings, each with one thing that failed."""
    made = make_bench(tmp_path, database.url.render_as_string(hide_password=False))
    failed = {"state": State.FAILED, "next_attempt_at": None, "ended_at": NOW}
    with made.database.transaction() as session:
        names = dict.fromkeys((f"a_I_{number}" for number in range(MEETINGS)), "")
        ensure_meetings(session, names, source="webhook", now=NOW)
        session.execute(
            insert(Ingest),
            [
                new_ingest(each, Resource.RECORDINGS, due_at=NOW, patience_until=NOW, now=NOW)
                | failed
                for each in session.scalars(select(Meeting))
            ],
        )
    yield made
    made.database.dispose()


def opened(bench: Workbench) -> int:
    """How many are open again, as everybody else sees it."""
    with bench.database.reading() as session:
        waiting = col(Ingest.state) == State.WAITING
        return session.scalar(select(func.count()).select_from(Ingest).where(waiting)) or 0


def test_much_is_opened_again_some_at_a_time(bench: Workbench) -> None:
    seen: list[int] = []

    def clock() -> datetime:
        seen.append(opened(bench))
        return NOW

    count, meetings = retry(replace(bench, clock=clock), [], states=(State.FAILED,))

    assert (count, len(set(meetings)), opened(bench)) == (MEETINGS, MEETINGS, MEETINGS)
    assert max(after - before for before, after in pairwise(seen)) <= MEETINGS / 3
