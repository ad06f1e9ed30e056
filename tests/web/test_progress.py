"""How far transfers are: figures that are true now, and words that people understand."""

from datetime import timedelta
from typing import Any

import pytest

from app.db.engine import Database
from app.ingestion.listing import list_meetings
from app.ingestion.status import meeting_status, overview
from app.ingestion.wording import left_text, running_text, transfers_text, waiting_text
from app.models.outcomes import Done, Wait
from app.models.status import IngestStatus, Transfers
from app.models.words import Reason, Resource, State
from tests.web.conftest import LEASE_SECONDS, NOON
from tests.web.rows import UNTOLD, Rows

MIB = 1024**2
GIB = 1024**3
HALF = {"stage": "video", "bytes_done": 30 * MIB, "bytes_total": 60 * MIB}


@pytest.fixture
def recording(rows: Rows) -> int:
    """One recording that is due."""
    return rows.ingest(rows.meeting("m_I_1"), Resource.RECORDINGS, "r1")


def test_a_running_transfer_has_a_speed_and_a_remaining_time(
    rows: Rows, database: Database, recording: int
) -> None:
    rows.run(recording, **HALF, bytes_per_second=4 * MIB)

    told = status_of(database).model_dump(mode="json")

    assert told["bytes_per_second"] == 4 * MIB
    assert told["remaining_seconds"] == 8
    assert told["silent_seconds"] is None


@pytest.mark.parametrize("progress", UNTOLD, ids=str)
def test_a_remaining_time_that_nobody_knows_is_none(
    rows: Rows, database: Database, recording: int, progress: dict[str, int]
) -> None:
    rows.run(recording, stage="video", **progress)

    assert status_of(database).remaining_seconds is None


def test_what_is_whole_has_no_speed_while_it_is_checked(
    rows: Rows, database: Database, recording: int
) -> None:
    rows.run(recording, stage="video", bytes_done=9, bytes_total=9, bytes_per_second=7)

    told = overview(database, now=NOON, lease_seconds=LEASE_SECONDS).transfers

    assert status_of(database).bytes_per_second is None
    assert (told.running, told.bytes_per_second, told.remaining_seconds) == (1, None, None)


@pytest.mark.parametrize(("silent_seconds", "speed"), [(30, 9), (31, None)])
def test_a_speed_is_told_for_no_longer_than_the_lease(
    rows: Rows, database: Database, recording: int, silent_seconds: int, speed: int | None
) -> None:
    rows.run(recording, **HALF, bytes_per_second=9)

    told = status_of(database, later=silent_seconds)
    everything = overview(
        database, now=NOON + timedelta(seconds=silent_seconds), lease_seconds=LEASE_SECONDS
    ).transfers

    assert told.bytes_per_second == everything.bytes_per_second == speed
    assert (told.remaining_seconds is None) is (speed is None)
    assert told.silent_seconds == (None if speed else 31)
    assert (everything.running, everything.silent) == ((1, 0) if speed else (0, 1))


def test_a_heartbeat_from_the_future_is_no_silence(
    rows: Rows, database: Database, recording: int
) -> None:
    rows.run(recording, **HALF, bytes_per_second=9)

    assert status_of(database, later=-90).silent_seconds is None


def test_what_waits_says_how_much_of_it_is_here(
    rows: Rows, database: Database, recording: int
) -> None:
    lease = rows.run(recording, **HALF, bytes_per_second=9)

    rows.end(lease, Wait(NOON + timedelta(minutes=5), Reason.DISK_FULL))

    told = status_of(database)
    assert (told.bytes_per_second, told.remaining_seconds) == (None, None)
    line = list_meetings(database, limit=1, now=NOON, lease_seconds=LEASE_SECONDS).lines[0]
    why = "the disk of the archive is full"
    here = "50% of the video (60.0 MiB) is here"
    assert waiting_text(told) == f"{why}; {here}"
    assert line.missing == [f"recording: {why}, next look 12:05; {here}"]


def test_a_stored_file_is_no_progress_of_what_is_asked_for_once_more(
    rows: Rows, database: Database, recording: int
) -> None:
    rows.end(rows.run(recording, **HALF), Done())
    rows.open_again(recording)
    rows.run(recording)

    assert running_text(status_of(database)) == "being fetched now"
    told = overview(database, now=NOON, lease_seconds=LEASE_SECONDS).transfers
    assert (told.running, told.bytes_done) == (0, 0)


def test_all_running_transfers_are_summed_up_and_end_with_the_slowest(
    rows: Rows, database: Database
) -> None:
    meeting = rows.meeting("m_I_1")
    for name, speed in (("r1", 4 * MIB), ("r2", 2 * MIB)):
        row = rows.ingest(meeting, Resource.RECORDINGS, name)
        rows.run(row, **HALF, bytes_per_second=speed)

    told = overview(database, now=NOON, lease_seconds=LEASE_SECONDS).transfers

    assert told == Transfers(
        running=2,
        silent=0,
        bytes_done=60 * MIB,
        bytes_total=120 * MIB,
        bytes_per_second=6 * MIB,
        remaining_seconds=15,
    )
    assert transfers_text(told) == "2 running, 50% of 120 MiB, 6.0 MiB/s, 15 seconds left"


def test_a_transfer_that_has_no_speed_yet_is_in_the_sum(rows: Rows, database: Database) -> None:
    meeting = rows.meeting("m_I_1")
    for name, speed in (("r1", 2 * MIB), ("r2", None), ("r3", 0)):
        row = rows.ingest(meeting, Resource.RECORDINGS, name)
        rows.run(row, **HALF, bytes_per_second=speed)

    told = overview(database, now=NOON, lease_seconds=LEASE_SECONDS).transfers

    assert (told.bytes_per_second, told.remaining_seconds) == (2 * MIB, 45)


def test_a_sum_with_an_unknown_length_promises_nothing(rows: Rows, database: Database) -> None:
    meeting = rows.meeting("m_I_1")
    rows.run(rows.ingest(meeting, Resource.RECORDINGS, "r1"), **HALF, bytes_per_second=MIB)
    rows.run(rows.ingest(meeting, Resource.RECORDINGS, "r2"), stage="video", bytes_done=MIB)

    told = overview(database, now=NOON, lease_seconds=LEASE_SECONDS).transfers

    assert (told.bytes_total, told.remaining_seconds) == (None, None)
    assert transfers_text(told) == "2 running, 31.0 MiB, 1.0 MiB/s"


@pytest.mark.parametrize(
    ("progress", "text"),
    [
        (
            {"bytes_done": 553 * MIB, "bytes_total": 1229 * MIB, "bytes_per_second": 12 * MIB}
            | {"remaining_seconds": 57},
            "downloading video, 44% of 1.2 GiB, 12.0 MiB/s, 57 seconds left",
        ),
        (
            {"bytes_done": 300 * MIB, "bytes_per_second": 12 * MIB},
            "downloading video, 300 MiB, 12.0 MiB/s",
        ),
        ({"bytes_total": GIB}, "downloading video, 0% of 1.0 GiB"),
        ({"stage": "audio"}, "downloading audio"),
        (
            {"bytes_done": 1, "bytes_total": 2, "bytes_per_second": 0},
            "downloading video, 50% of 2 bytes, nothing arriving now",
        ),
        (
            {"bytes_done": GIB - 1, "bytes_total": GIB},
            "downloading video, 99% of 1.0 GiB",
        ),
        (
            {"bytes_done": GIB, "bytes_total": GIB},
            "video downloaded (1.0 GiB), now being checked",
        ),
        ({"stage": ""}, "being fetched now"),
        ({"stage": "", "silent_seconds": 61.0}, "no sign of life for 1 minute"),
        (
            {"bytes_done": MIB, "silent_seconds": 125.0},
            "no sign of life for 2 minutes; 1.0 MiB of the video is here",
        ),
    ],
)
def test_running_work_is_told_in_words(progress: dict[str, Any], text: str) -> None:
    assert running_text(running(**progress)) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "1 second left"),
        (59, "59 seconds left"),
        (60, "1 minute left"),
        (61, "2 minutes left"),
        (3540, "59 minutes left"),
        (3541, "1 hour left"),
        (3660, "1 hour 1 minute left"),
        (7170, "2 hours left"),
        (86_400, "1 day left"),
        (90_000, "2 days left"),
    ],
)
def test_a_remaining_time_is_never_told_shorter_than_it_is(seconds: int, text: str) -> None:
    assert left_text(seconds) == text


def status_of(database: Database, *, later: int = 0) -> IngestStatus:
    now = NOON + timedelta(seconds=later)
    meeting = meeting_status(database, "m_I_1", now=now, lease_seconds=LEASE_SECONDS)
    assert meeting is not None
    return meeting.ingests[0]


def running(**progress: Any) -> IngestStatus:
    plain = {
        "resource": "recordings",
        "resource_id": "r1",
        "state": State.RUNNING,
        "reason": None,
        "error_code": None,
        "error": None,
        "attempt": 1,
        "next_attempt_at": None,
        "ended_at": None,
        "gone_at": None,
        "stage": "video",
        "bytes_done": 0,
        "bytes_total": None,
        "bytes_per_second": None,
        "remaining_seconds": None,
        "silent_seconds": None,
    }
    return IngestStatus.model_validate(plain | progress)
