"""How things stand, as pages and commands are told."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event

from app.db.engine import Database
from app.db.ticks import tick
from app.ingestion.listing import list_meetings
from app.ingestion.status import meeting_status, overview
from app.ingestion.wording import age_text, look_time, reason_sentence, size_text
from app.models.outcomes import Done, Failed, Wait
from app.models.words import Kind, Reason, Resource
from tests.web.conftest import LEASE_SECONDS, NOON
from tests.web.rows import Rows


def test_the_overview_counts_everything(rows: Rows, database: Database) -> None:
    rows.complete_meeting("m_I_1", start=NOON - timedelta(days=1))
    rows.failed_meeting("m_I_2", "It went wrong.", title="Review")
    rows.ingest(rows.meeting("m_I_3"), Resource.MEETINGS, due_at=NOON - timedelta(seconds=8))
    rows.event("e1", "ignored")
    rows.event("e2", "quarantined", error="It is no event.", deliveries=2)
    with database.transaction() as session:
        tick(session, "sweep", now=NOON)

    told = overview(database, now=NOON, lease_seconds=LEASE_SECONDS).model_dump(mode="json")

    assert told == {
        "events": {"ignored": 1, "quarantined": 1},
        "ingests": {"done": 4, "absent": 1, "failed": 1, "waiting": 1},
        "meetings": {"total": 3, "complete": 1, "waiting": 1, "failed": 1},
        "transfers": {
            "running": 0,
            "silent": 0,
            "bytes_done": 0,
            "bytes_total": 0,
            "bytes_per_second": None,
            "remaining_seconds": None,
        },
        "oldest_due_seconds": 8.0,
        "last_sweep_at": "2026-03-02T12:00:00Z",
        "files": 2,
        "bytes": 4_984_311,
        "accounts": [],
        "failures": [
            {
                "meeting_id": "m_I_2",
                "title": "Review",
                "resource": "recordings",
                "resource_id": "f00d",
                "error_code": "link_refused",
                "error": "It went wrong.",
                "ended_at": "2026-03-02T12:00:00Z",
            }
        ],
        "put_aside": [
            {
                "resource": "recordings",
                "event": "created",
                "data_id": "e2",
                "outcome": "quarantined",
                "error_code": "fault",
                "error": "It is no event.",
                "deliveries": 2,
                "last_received_at": "2026-03-02T12:00:00Z",
            }
        ],
        "damaged_files": 0,
        "damaged": [],
    }


def test_an_event_that_nobody_works_through_is_due_work(rows: Rows, database: Database) -> None:
    rows.event("e1")

    assert (
        overview(
            database, now=NOON + timedelta(minutes=1), lease_seconds=LEASE_SECONDS
        ).oldest_due_seconds
        == 60
    )


def test_the_overview_names_the_newest_failures_only(rows: Rows, database: Database) -> None:
    for number in range(25):
        rows.now = NOON + timedelta(minutes=number)
        rows.failed_meeting(f"m_I_{number}", "It went wrong.")

    told = overview(database, now=rows.now, lease_seconds=LEASE_SECONDS)

    assert [each.meeting_id for each in told.failures] == [f"m_I_{n}" for n in range(24, 4, -1)]
    assert told.meetings.failed == 25


def test_an_unknown_meeting_is_none(database: Database) -> None:
    assert meeting_status(database, "nope", now=NOON, lease_seconds=LEASE_SECONDS) is None
    assert meeting_status(database, "no\0pe", now=NOON, lease_seconds=LEASE_SECONDS) is None


def test_one_meeting_is_told_as_json(rows: Rows, database: Database) -> None:
    rows.complete_meeting("m_I_1", start=NOON, title="Planning")

    status = meeting_status(database, "m_I_1", now=NOON, lease_seconds=LEASE_SECONDS)

    assert status is not None
    told = json.loads(json.dumps(status.model_dump(mode="json")))
    assert told["state"] == "complete"
    assert told["start"] == "2026-03-02T12:00:00Z"
    assert told["folder"] == "example.com/m_I_1"
    assert [each["resource"] for each in told["ingests"]].count("recordings") == 2
    assert told["ingests"][3]["reason"] == "not_available"
    assert told["files"][0] | {"sha256": ""} == {
        "path": "meeting.json",
        "resource": "meetings",
        "resource_id": "",
        "kind": "meeting",
        "bytes": 2048,
        "sha256": "",
        "file_version": 1,
        "damage": None,
        "stored_at": "2026-03-02T12:00:00Z",
    }
    assert told["participants"][0]["joined_at"] == "2026-03-02T11:30:00Z"
    assert told["snippets"] == 2


def test_a_line_tells_how_long_after_its_end_a_meeting_was_complete(
    rows: Rows, database: Database
) -> None:
    rows.complete_meeting("m_I_1", start=NOON - timedelta(hours=1), site_url="example.webex.com")
    rows.failed_meeting("m_I_2", "It went wrong.", start=NOON - timedelta(hours=2))

    done, failed = list_meetings(database, limit=9, now=NOON, lease_seconds=LEASE_SECONDS).lines

    assert (done.lag_seconds, done.completed_at, done.source) == (1800, NOON, "webhook")
    assert (done.site_url, done.failures) == ("example.webex.com", [])
    assert (failed.lag_seconds, failed.failures) == (None, ["link_refused"])


def test_a_list_that_only_waits_for_its_items_is_not_missing_twice(
    rows: Rows, database: Database
) -> None:
    meeting = rows.meeting("m_I_1")
    rows.ingest(meeting, Resource.RECORDINGS, outcome=Wait(NOON, Reason.ITEMS_PENDING, looked=True))
    rows.ingest(meeting, Resource.RECORDINGS, "r1", Failed("media_broken", "It is broken."))
    rows.ingest(meeting, Resource.RECORDINGS, "r2", Done())

    assert missing(database) == ["recording: failed"]


def test_many_missing_things_are_told_in_short(rows: Rows, database: Database) -> None:
    meeting = rows.meeting("m_I_1")
    for number in range(7):
        due_at = NOON + timedelta(minutes=number + 1)
        rows.ingest(meeting, Resource.RECORDINGS, f"r{number}", due_at=due_at)

    assert missing(database)[-1] == "and 3 more"
    assert len(missing(database)) == 5


def test_a_meeting_that_has_not_ended_lacks_nothing_yet(rows: Rows, database: Database) -> None:
    rows.meeting("m_I_1", webex_state="inProgress")

    line = list_meetings(database, limit=1, now=NOON, lease_seconds=LEASE_SECONDS).lines[0]

    assert (line.state, line.missing) == ("in_progress", [])


def test_the_number_of_queries_does_not_grow_with_the_rows(rows: Rows, database: Database) -> None:
    rows.complete_meeting("m_I_0", start=NOON)
    few = queries_of_everything(database)
    for number in range(1, 20):
        meeting = rows.complete_meeting(f"m_I_{number}", start=NOON)
        rows.file(meeting, f"{number}.vtt", Kind.VTT, 1, Resource.TRANSCRIPTS)
        rows.failed_meeting(f"m_I_f{number}", "It went wrong.")

    assert queries_of_everything(database) == few <= 27


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (1023, "1023 bytes"),
        (1024, "1.0 KiB"),
        (150 * 1024, "150 KiB"),
        (1024**2 - 1, "1.0 MiB"),
        (4_982_263, "4.8 MiB"),
        (3 * 1024**4, "3.0 TiB"),
        (5000 * 1024**4, "5000 TiB"),
    ],
)
def test_sizes_are_told_for_people(size: int, text: str) -> None:
    assert size_text(size) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-5, "0 seconds"), (1, "1 second"), (119, "1 minute"), (7200, "2 hours"), (9e5, "10 days")],
)
def test_ages_are_told_for_people(seconds: float, text: str) -> None:
    assert age_text(seconds) == text


def test_a_next_look_on_another_day_names_the_day() -> None:
    assert look_time(NOON, NOON) == "due now"
    assert look_time(NOON + timedelta(minutes=5), NOON) == "next look 12:05"
    assert look_time(NOON + timedelta(days=1), NOON) == "next look 2026-03-03 12:00"


@pytest.mark.parametrize("reason", [*Reason, "a_new_reason"])
def test_every_reason_is_told_in_words(reason: str) -> None:
    assert "_" not in reason_sentence(reason)


def missing(database: Database) -> list[str]:
    return list_meetings(database, limit=1, now=NOON, lease_seconds=LEASE_SECONDS).lines[0].missing


def queries_of_everything(database: Database) -> int:
    """How many queries the overview, a list and one meeting take together."""
    with counted_queries(database) as queries:
        overview(database, now=NOON, lease_seconds=LEASE_SECONDS)
        list_meetings(database, limit=50, now=NOON, lease_seconds=LEASE_SECONDS, before="m_I_0")
        list_meetings(database, limit=50, now=NOON, lease_seconds=LEASE_SECONDS)
        meeting_status(database, "m_I_0", now=NOON, lease_seconds=LEASE_SECONDS)
    return len(queries)


@contextmanager
def counted_queries(database: Database) -> Iterator[list[str]]:
    queries: list[str] = []

    def count(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        queries.append(statement)

    event.listen(database.engine, "before_cursor_execute", count)
    yield queries
    event.remove(database.engine, "before_cursor_execute", count)
