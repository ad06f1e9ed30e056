"""The player marks the line that is spoken, and leads to each of them, without a script."""

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient

from app.db.files import files_of, note_damage, replace_snippets
from app.models.outcomes import Done
from app.models.tables import Meeting
from app.models.words import Kind, Resource
from tests.db.rows import set_ingest
from tests.web.conftest import NOON
from tests.web.rows import Rows


@pytest.fixture
def meeting(rows: Rows) -> Meeting:
    return rows.meeting("m_I_1", start=NOON, title="Planning")


def record(
    rows: Rows, meeting: Meeting, recording_id: str, at: datetime | None, *, is_stored: bool = True
) -> None:
    """A recording that began then."""
    outcome = Done() if is_stored else None
    ingest_id = rows.ingest(meeting, Resource.RECORDINGS, recording_id, outcome)
    set_ingest(rows.database, ingest_id, recorded_at=at)
    if is_stored:
        path = f"recordings/{recording_id}.mp4"
        rows.file(meeting, path, Kind.VIDEO, 1000, Resource.RECORDINGS, recording_id)


def write_down(
    rows: Rows, meeting: Meeting, transcript_id: str, at: datetime | None, *offsets: int | None
) -> None:
    """A transcript that began then, with a line at each of these milliseconds."""
    ingest_id = rows.ingest(meeting, Resource.TRANSCRIPTS, transcript_id, Done())
    set_ingest(rows.database, ingest_id, recorded_at=at)
    said: list[dict[str, Any]] = [
        {
            "snippet_id": str(number),
            "text": f"Line {number} of {transcript_id}.",
            "offset_milliseconds": offset,
        }
        for number, offset in enumerate(offsets)
    ]
    with rows.database.transaction() as session:
        replace_snippets(session, meeting.id or 0, transcript_id, said)


def lines_now(told: str) -> list[str]:
    return re.findall(r'<li [^>]*aria-current="true".*?<span>(Line [^<]+)</span>', told)


def test_one_line_is_spoken_at_a_time_in_whatever_order_they_are(
    client: FlaskClient, rows: Rows, meeting: Meeting
) -> None:
    record(rows, meeting, "r1", NOON)
    write_down(rows, meeting, "t1", NOON, 1000, 5000, None, 3000, 8000)

    def now(seconds: str) -> list[str]:
        told = client.get(f"/meetings/m_I_1/play?t={seconds}").text
        assert told.count('id="now"') == len(lines_now(told))
        return lines_now(told)

    assert now("0.5") == []
    assert now("4") == ["Line 3 of t1."]
    assert now("6") == ["Line 1 of t1."]
    assert now("604800") == ["Line 4 of t1."]


def test_a_line_leads_to_itself_though_its_time_is_rounded(
    client: FlaskClient, rows: Rows, meeting: Meeting
) -> None:
    record(rows, meeting, "r1", NOON)
    write_down(rows, meeting, "t1", NOON + timedelta(seconds=10, microseconds=400), 0, 2000)

    told = client.get("/meetings/m_I_1/play?recording=r1&t=12.000").text

    assert 'href="?recording=r1&amp;t=12.000#now"' in told
    assert lines_now(told) == ["Line 1 of t1."]


def test_a_line_of_the_second_transcript_leads_to_that(
    client: FlaskClient, rows: Rows, meeting: Meeting
) -> None:
    record(rows, meeting, "r1", NOON)
    write_down(rows, meeting, "t1", NOON, 1000)
    write_down(rows, meeting, "t2", NOON + timedelta(seconds=60), 1000)
    shown = client.get("/meetings/m_I_1/play?transcript=t2&t=1").text
    (link,) = re.findall(r'href="([?][^"]*)#now"', shown)

    told = client.get("/meetings/m_I_1/play" + link.replace("&amp;", "&")).text

    assert lines_now(told) == lines_now(shown) == ["Line 0 of t2."]
    assert told.count("mp4#t=61.000") == shown.count("mp4#t=61.000") == 1


def test_a_hit_of_which_nobody_knows_when_it_was_said_is_told_without_a_time(
    client: FlaskClient, rows: Rows, meeting: Meeting
) -> None:
    write_down(rows, meeting, "t1", NOON, None)

    told = client.get("/search?q=line").text

    assert 'href="/meetings/m_I_1/play?transcript=t1#now"' in told
    assert "0:00:00" not in told


def test_an_earlier_version_is_played_where_the_newest_file_is_damaged(
    client: FlaskClient, rows: Rows, meeting: Meeting
) -> None:
    record(rows, meeting, "r1", NOON)
    rows.file(meeting, "recordings/r1.v2.mp4", Kind.VIDEO, 1000, Resource.RECORDINGS, "r1")
    with rows.database.transaction() as session:
        newest = next(x for x in files_of(session, meeting.id or 0) if "v2" in x.path)
        newest.file_version = 2
    assert "recordings/r1.v2.mp4#" in client.get("/meetings/m_I_1/play?t=1").text

    with rows.database.transaction() as session:
        note_damage(session, session.merge(newest), "missing")

    assert "recordings/r1.mp4#" in client.get("/meetings/m_I_1/play?t=1").text


def paired(client: FlaskClient) -> dict[str, str]:
    told = client.get("/api/v1/meetings/m_I_1/transcripts").get_json()
    return {each["transcript_id"]: each["recording_id"] for each in told["scripts"]}


def test_transcripts_of_recordings_that_began_together_late_are_paired_in_their_order(
    client: FlaskClient, rows: Rows, meeting: Meeting
) -> None:
    later = NOON + timedelta(minutes=30)
    for recording_id, at in (("r1", NOON), ("r2", later), ("r3", later)):
        record(rows, meeting, recording_id, at)
    for transcript_id, at in (("t1", NOON), ("t2", later), ("t3", later)):
        write_down(rows, meeting, transcript_id, at, 1000)

    assert paired(client) == {"t1": "r1", "t2": "r2", "t3": "r3"}


@pytest.mark.parametrize("is_told", [True, False], ids=["known times", "unknown times"])
def test_what_was_said_in_a_recording_that_is_not_stored_stands_beside_no_other(
    client: FlaskClient, rows: Rows, meeting: Meeting, is_told: bool
) -> None:
    first, second = (NOON, NOON + timedelta(minutes=30)) if is_told else (None, None)
    record(rows, meeting, "r1", first, is_stored=False)
    record(rows, meeting, "r2", second)
    write_down(rows, meeting, "t1", first, 1000, 2000)
    write_down(rows, meeting, "t2", second, 3000)

    assert paired(client) == {"t1": "r1", "t2": "r2"}
    assert "Line 0 of t2." in client.get("/meetings/m_I_1/play").text
    told = client.get("/meetings/m_I_1/play?transcript=t1&t=2").text
    assert "This recording is not stored." in told
    assert lines_now(told) == ["Line 1 of t1."]
