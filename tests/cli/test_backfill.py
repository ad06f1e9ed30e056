"""``backfill`` as people run it: lines, tables, JSON, and a second start after a kill."""

import json
import signal
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlmodel import col

from app.db.engine import Database
from app.models.tables import Ingest, Meeting
from tests.e2e.commands import INTERRUPTIBLE
from tests.e2e.house import House, house, prepare_database
from tests.processes import spawn

TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
MEETINGS = 2000


@pytest.fixture
def home(tmp_path: Path) -> Iterator[House]:
    """An installation with a database, of which Webex knows meetings that it does not."""
    prepare_database(tmp_path)
    with house(tmp_path) as home:
        yield home


def held(home: House, *, days_ago: float, **order: Any) -> str:
    """A meeting of some day, of which nobody told; its id."""
    start = TODAY - timedelta(days=days_ago)
    times = {"start": start.isoformat(), "end": (start + timedelta(minutes=30)).isoformat()}
    told = home.simulator.control.hold_meeting(**times, webhooks=False, timeline="instant", **order)
    return str(told["meeting_id"])


def days(first: int, last: int) -> list[str]:
    """The options for the days from so many days ago to so many."""
    since, until = (f"{TODAY - timedelta(days=each):%Y-%m-%d}" for each in (first, last))
    return ["--from", since, "--to", until]


def rows(home: House, table: type[Any], *where: Any) -> int:
    database = Database(f"sqlite:///{home.folder / 'var' / 'webex-ingest.db'}")
    with database.reading() as session:
        count = session.scalar(select(func.count()).select_from(table).where(*where))
    database.dispose()
    return count or 0


def test_what_is_new_is_counted_before_and_ingested_afterwards(home: House) -> None:
    held(home, days_ago=3, recordings=[{"bytes": 3 * 1024**2, "audio": False}])
    held(home, days_ago=20)

    foretold = home.command("backfill", *days(10, 1), "--dry-run")
    assert rows(home, Meeting) == 0
    said = home.command("backfill", *days(10, 1))
    again = home.command("backfill", *days(10, 1))

    assert "(settings)  recordings          all                1       1    3.0 MiB" in foretold
    assert "1 meeting(s) would be ingested." in foretold
    assert "1 meeting(s) will be ingested." in said
    assert "0 meeting(s) will be ingested." in again
    assert rows(home, Meeting) == 1


def test_programs_get_it_as_json_and_refusals_are_told(home: House) -> None:
    meeting_id = held(home, days_ago=2)
    home.simulator.control.add_fault(path_regex="^/v1/meetingTranscripts", status=403, times=None)

    said = home.command("backfill", *days(3, 1), "--json", code=1)

    # What Webex refused stands in the log as well.
    told, _ = json.JSONDecoder().raw_decode(said, said.index("{\n"))
    assert told["meetings"] == [meeting_id]
    assert {each["resource"]: each["new"] for each in told["lists"]} == {
        "meetings": 1,
        "recordings": 1,
    }
    ((refused),) = told["refused"]
    assert refused["resource"] == "meetingTranscripts"


def test_wrong_days_are_refused_in_one_line(home: House) -> None:
    assert "--to is before --from" in home.command("backfill", *days(1, 3), code=2)
    assert "--from lies ahead" in home.command("backfill", *days(-2, -3), code=2)
    assert "Missing option '--from'" in home.command("backfill", code=2)


def test_a_kill_in_the_middle_costs_nothing_but_the_window_that_was_read(home: House) -> None:
    for number in range(MEETINGS):
        held(home, days_ago=1 + 60 * number / MEETINGS, recordings=0, transcripts=0)
    argv = [sys.executable, "-m", "app.cli", "backfill", *days(70, 0)]
    with spawn(argv, home.environment, cwd=home.folder) as running:
        running.wait_for("meetings until", seconds=40)
        running.process.kill()
        running.process.wait(10)
    before = rows(home, Meeting)

    said = home.command("backfill", *days(70, 0))

    assert before < MEETINGS
    assert "Going on where it was stopped." in said
    assert rows(home, Meeting) == MEETINGS
    assert rows(home, Ingest, col(Ingest.resource) == "meetings") == MEETINGS


def test_an_interrupt_says_how_to_go_on(home: House) -> None:
    held(home, days_ago=2)
    home.simulator.control.add_fault(path_regex="^/v1/recordings", delay_seconds=30, times=None)
    argv = [*INTERRUPTIBLE, "backfill", *days(3, 1)]

    with spawn(argv, home.environment, cwd=home.folder) as running:
        running.wait_for("meetings until", seconds=40)
        running.process.send_signal(signal.SIGINT)
        code = running.process.wait(20)
        said = running.output()

    assert code == 1
    assert said.endswith("\nStopped. The same command goes on where it was.\n")
    assert "Traceback" not in said
