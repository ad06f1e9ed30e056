"""Transcripts that hosts edit: found within a day, stored beside the first, never instead of it."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from app.db.rechecks import claim_recheck
from app.ingestion.recheck import recheck_due
from tests.ingestion.alternating import database_url  # noqa: F401 -- a fixture
from tests.ingestion.archives import differences, manifest_of
from tests.ingestion.soon import timeline  # noqa: F401 -- a fixture
from tests.stage import Stage

PARTS = ("vtt", "txt", "snippets.json")


@pytest.fixture
def transcribed(stage: Stage) -> tuple[str, str]:
    """A complete meeting with a transcript; the ids of both."""
    told = stage.hold_meeting(recordings=1, transcripts=1)
    stage.advance(15)
    stage.live_until_complete(told["meeting_id"])
    return told["meeting_id"], told["transcript_ids"][0]


def edit(stage: Stage, transcript_id: str, text: str) -> None:
    path = f"/meetingTranscripts/{transcript_id}/snippets/{transcript_id}_00003"
    stage.bench.accounts.client("").send("PUT", path, {"text": text, "reason": "a wrong name"})


def place(stage: Stage, meeting_id: str, transcript_id: str, ending: str) -> Path:
    return stage.place(meeting_id) / "transcripts" / f"{transcript_id}.{ending}"


def compare_next_day(stage: Stage) -> int:
    """Wait a day and compare; what that makes due has not happened yet."""
    stage.live(hours=24, minutes=1)
    return recheck_due(stage.bench)


def next_day(stage: Stage) -> int:
    compared = compare_next_day(stage)
    stage.work()
    return compared


def test_an_edited_transcript_is_stored_beside_the_first(
    stage: Stage, transcribed: tuple[str, str]
) -> None:
    first = {each: place(stage, *transcribed, each).read_bytes() for each in PARTS}
    edit(stage, transcribed[1], "It was Bob, not Rob.")

    assert next_day(stage) == 1

    for part in PARTS:
        assert place(stage, *transcribed, part).read_bytes() == first[part]
        newer = place(stage, *transcribed, f"v2.{part}").read_text()
        assert "It was Bob, not Rob." in newer
    versions = {
        each["path"].rpartition("/")[2]: each.get("file_version", 1)
        for each in manifest_of(stage, transcribed[0])["files"]
        if each["path"].startswith("transcripts/")
    }
    assert sorted(versions.values()) == [1, 1, 1, 2, 2, 2]
    assert manifest_of(stage, transcribed[0])["complete"] is True
    assert stage.states(transcribed[0])[f"meetingTranscripts/{transcribed[1]}"] == ("done", None)


def test_each_transcript_is_compared_once_a_day_for_a_week(
    stage: Stage, transcribed: tuple[str, str]
) -> None:
    stage.live(hours=2)
    assert recheck_due(stage.bench) == 0

    assert [next_day(stage) for _ in range(9)] == [1] * 6 + [0] * 3
    assert recheck_due(stage.bench) == 0
    assert differences(stage, transcribed[0]) == []


def test_a_meeting_stays_complete_while_nothing_has_changed(
    stage: Stage, transcribed: tuple[str, str]
) -> None:
    before = stage.meeting(transcribed[0]).revision

    next_day(stage)

    assert stage.meeting(transcribed[0]).revision == before


def test_a_transcript_that_is_deleted_at_webex_stays_with_a_note(
    stage: Stage, transcribed: tuple[str, str]
) -> None:
    stage.control.call("DELETE", f"/transcripts/{transcribed[1]}")

    next_day(stage)

    state = stage.states(transcribed[0])[f"meetingTranscripts/{transcribed[1]}"]
    assert state == ("done", "deleted_at_source")
    assert place(stage, *transcribed, "vtt").is_file()


def test_webex_that_refuses_ends_the_comparing_and_loses_nothing(
    stage: Stage, transcribed: tuple[str, str]
) -> None:
    before = stage.states(transcribed[0])
    stage.control.add_fault(path_regex="/download", status=500, times=None)

    assert next_day(stage) == 1
    assert stage.states(transcribed[0]) == before

    stage.control.forget_faults()
    edit(stage, transcribed[1], "Tomorrow it is found.")
    next_day(stage)
    snippets = json.loads(place(stage, *transcribed, "v2.snippets.json").read_text())
    assert "Tomorrow it is found." in {each["text"] for each in snippets["items"]}


def test_a_transcript_that_changes_while_it_is_fetched_is_of_one_version(
    stage: Stage, transcribed: tuple[str, str]
) -> None:
    edit(stage, transcribed[1], "First.")
    compare_next_day(stage)
    stage.control.add_fault(path_regex="/snippets", status=404, times=1)
    stage.work()
    edit(stage, transcribed[1], "Second.")

    stage.control.send_event(
        resource="meetingTranscripts",
        event="created",
        data={"id": transcribed[1], "meetingId": transcribed[0]},
    )
    stage.live(hours=2)

    for part in PARTS:
        newest = max(stage.place(transcribed[0]).glob(f"transcripts/*.v*.{part}"))
        assert "Second." in newest.read_text()


def test_one_stray_404_leaves_no_note(stage: Stage, transcribed: tuple[str, str]) -> None:
    stage.control.add_fault(path_regex="/download", status=404)
    next_day(stage)
    key = f"meetingTranscripts/{transcribed[1]}"
    assert stage.states(transcribed[0])[key] == ("done", "deleted_at_source")

    next_day(stage)

    assert stage.states(transcribed[0])[key] == ("done", None)


def test_an_edited_one_that_is_deleted_before_it_is_fetched_stays_as_it_was(
    stage: Stage, transcribed: tuple[str, str]
) -> None:
    edit(stage, transcribed[1], "Nobody will read this.")
    compare_next_day(stage)
    stage.control.call("DELETE", f"/transcripts/{transcribed[1]}")

    stage.live(days=3)

    state = stage.states(transcribed[0])[f"meetingTranscripts/{transcribed[1]}"]
    assert state == ("done", "deleted_at_source")
    assert place(stage, *transcribed, "vtt").is_file()


def test_a_spent_budget_costs_no_day(stage: Stage, transcribed: tuple[str, str]) -> None:
    edit(stage, transcribed[1], "Found all the same.")
    stage.live(hours=24, minutes=1)
    stage.control.add_fault(path_regex="/download", status=429, headers={"Retry-After": "1"})
    recheck_due(stage.bench)

    with stage.bench.database.reading() as session:
        before = claim_recheck(session, now=stage.now, since=stage.now - timedelta(days=7))

    assert before is not None
