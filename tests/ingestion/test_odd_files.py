"""Files of other kinds, sizes and names than usual, through the whole road."""

import dataclasses
import threading
import time
from typing import Any

import pytest
import requests
from sqlalchemy import event

from app.archive.places import Places
from app.ingestion.run import run_ingest
from app.ingestion.sweep import sweep
from app.models.tables import Ingest
from app.models.words import Reason, State
from tests.ingestion.archives import differences
from tests.ingestion.conftest import MakeStage
from tests.ingestion.soon import timeline  # noqa: F401 -- a fixture
from tests.processes import eventually
from tests.stage import TOKEN, Stage

BYTES = 600_000
FAULTS = [
    "cut_at_60_percent",
    "short_chunked",
    "short_announced",
    "html_inside_body",
    "html_inside_body_chunked",
    "link_dies_with_403",
    "another_file_longer_without_etag",
    "no_etag",
    "zero_bytes",
]


def hold(stage: Stage, *recordings: dict[str, Any], **more: Any) -> tuple[str, list[str]]:
    """Hold a meeting with such recordings; its id and theirs."""
    order = {"transcripts": 0, "timeline": "instant", **more}
    told = stage.hold_meeting(recordings=list(recordings), **order)
    stage.advance(1)
    return told["meeting_id"], told["recording_ids"]


def row(stage: Stage, meeting_id: str, recording_id: str) -> Ingest:
    return stage.ingest(meeting_id, "recordings", recording_id)


@pytest.mark.parametrize("listed", [BYTES - 1000, BYTES + 1000])
def test_a_whole_movie_of_another_size_than_listed_is_stored_and_says_so(
    sqlite_stage: Stage, listed: int
) -> None:
    meeting_id, [recording_id] = hold(
        sqlite_stage, {"bytes": BYTES, "reported_bytes": listed, "audio": False}
    )

    sqlite_stage.live_until_complete(meeting_id)

    told = row(sqlite_stage, meeting_id, recording_id)
    assert (told.state, told.reason, told.attempt) == (State.DONE, Reason.SIZE_DIFFERS, 1)
    assert differences(sqlite_stage, meeting_id) == []


def test_a_movie_of_another_duration_than_listed_is_stored_and_says_so(
    sqlite_stage: Stage,
) -> None:
    meeting_id, [recording_id] = hold(sqlite_stage, {"bytes": BYTES, "audio": False})
    answer = requests.get(
        f"{sqlite_stage.simulator.api_url}/recordings/{recording_id}",
        headers={"Authorization": f"Bearer {TOKEN}"},
        timeout=10,
    ).json()
    sqlite_stage.control.add_fault(
        path_regex=f"/recordings/{recording_id}$",
        body=answer | {"durationSeconds": 3 * answer["durationSeconds"]},
        times=None,
    )

    sqlite_stage.live_until_complete(meeting_id)

    told = row(sqlite_stage, meeting_id, recording_id)
    assert (told.state, told.reason) == (State.DONE, Reason.DURATION_DIFFERS)
    assert differences(sqlite_stage, meeting_id) == []


def test_fewer_bytes_than_listed_are_believed_when_a_second_link_says_the_same(
    sqlite_stage: Stage,
) -> None:
    arf = {"format": "ARF", "bytes": BYTES, "reported_bytes": BYTES + 1000, "audio": False}
    meeting_id, [recording_id] = hold(sqlite_stage, arf)
    sqlite_stage.work()
    doubted = row(sqlite_stage, meeting_id, recording_id)
    assert (doubted.state, doubted.error_code) == (State.WAITING, "shorter_than_listed")
    assert "less than Webex lists" in str(doubted.error)

    sqlite_stage.live_until_complete(meeting_id)

    told = row(sqlite_stage, meeting_id, recording_id)
    assert (told.state, told.reason, told.attempt) == (State.DONE, Reason.SIZE_DIFFERS, 2)
    assert differences(sqlite_stage, meeting_id) == []
    sent = [each["bytes_sent"] for each in sqlite_stage.control.requests(origin="media")]
    assert sent[0] == BYTES
    assert sent[1] < BYTES // 2


def test_an_announced_length_that_is_too_short_is_asked_about_again(sqlite_stage: Stage) -> None:
    arf = {"format": "ARF", "bytes": BYTES, "audio": False, "faults": ["short_announced"]}
    meeting_id, [recording_id] = hold(sqlite_stage, arf)

    sqlite_stage.live_until_complete(meeting_id)

    told = row(sqlite_stage, meeting_id, recording_id)
    assert (told.state, told.reason) == (State.DONE, None)
    assert differences(sqlite_stage, meeting_id) == []


@pytest.mark.parametrize("format_", ["ARF", "UPLOADED"])
def test_faults_meet_other_formats_as_well(sqlite_stage: Stage, format_: str) -> None:
    recordings = [
        {"format": format_, "bytes": BYTES, "audio": False, "faults": [name]} for name in FAULTS
    ]
    meeting_id, _ = hold(sqlite_stage, *recordings)

    sqlite_stage.live_until_complete(meeting_id)

    assert differences(sqlite_stage, meeting_id) == []


def test_faults_meet_the_sound_as_well(sqlite_stage: Stage) -> None:
    faults: list[dict[str, Any]] = [
        {"after_fraction": 0.6},
        {"short_fraction": 0.6},
        {"short_fraction": 0.6, "short_announced": True},
        {"after_fraction": 0.6, "ending": "page"},
        {"body": "<html></html>"},
        {"media": {"gzip": True}},
    ]
    meeting_id, _ = hold(
        sqlite_stage, *({"bytes": BYTES, "faults": [{"kind": "audio"} | each]} for each in faults)
    )

    sqlite_stage.live_until_complete(meeting_id)

    assert differences(sqlite_stage, meeting_id) == []


def test_a_file_beyond_the_cap_fails_alone(make_stage: MakeStage) -> None:
    stage = make_stage(transfer_max_bytes=1_000_000)
    meeting_id, [fits, beyond] = hold(
        stage, {"bytes": BYTES, "audio": False}, {"bytes": 2_000_000, "audio": False}
    )

    stage.live(hours=1)

    assert row(stage, meeting_id, fits).state == State.DONE
    failed = row(stage, meeting_id, beyond)
    assert (failed.state, failed.error_code, failed.attempt) == (State.FAILED, "too_large", 1)
    assert failed.error == "the file has 2,000,000 bytes, TRANSFER_MAX_BYTES allows 1,000,000"
    assert not list(stage.archive.rglob("*.part"))


@pytest.mark.parametrize("name", ["../../../etc/cron.d/x", "a\x00b\x1b[31m\u202e", "Ä" * 300])
def test_names_of_any_kind_stay_inside_the_archive(make_stage: MakeStage, name: str) -> None:
    stage = make_stage(archive_path_template="{title} {meeting_id}")
    meeting_id, _ = hold(
        stage,
        {"bytes": BYTES, "topic": name, "faults": ["name_climbs"]},
        title=name,
        transcripts=1,
    )

    stage.live_until_complete(meeting_id)

    assert differences(stage, meeting_id) == []
    [folder] = stage.archive.iterdir()
    assert folder == stage.place(meeting_id)
    assert folder.name.isprintable()
    beside = {path.name for path in stage.folder.iterdir() if path != stage.archive}
    assert all(each.startswith("webex-ingest.db") for each in beside)


@pytest.mark.parametrize(
    "asked", [{"headers": {"Retry-After": "900"}}, {"retry_after_date_seconds": 900}]
)
def test_a_busy_media_host_is_asked_again_when_it_said(
    sqlite_stage: Stage, asked: dict[str, Any]
) -> None:
    busy = {"status": 429, **asked}
    meeting_id, [recording_id] = hold(
        sqlite_stage, {"bytes": BYTES, "audio": False, "faults": [busy]}
    )
    sqlite_stage.work()
    told = row(sqlite_stage, meeting_id, recording_id)
    assert (told.state, told.error_code) == (State.WAITING, "media_busy")
    assert told.next_attempt_at is not None
    assert 895 < (told.next_attempt_at - sqlite_stage.now).total_seconds() <= 901

    sqlite_stage.live_until_complete(meeting_id)

    assert differences(sqlite_stage, meeting_id) == []


def test_who_finds_no_place_at_a_host_waits_its_turn(make_stage: MakeStage) -> None:
    stage = make_stage(transfer_per_host=1)
    assert stage.bench.places.per_host == 1
    stage.bench = dataclasses.replace(stage.bench, places=Places(1, patience_seconds=0))
    stage.control.change_settings(media_bytes_per_second=100_000)
    recording = {"bytes": BYTES, "audio": False}
    meeting_id, ids = hold(stage, recording, recording)
    prepare(stage, meeting_id)
    first, second = (row(stage, meeting_id, each) for each in ids)
    slow = threading.Thread(target=run_ingest, args=(stage.bench, first.id))
    slow.start()
    try:
        eventually(lambda: stage.control.requests(origin="media"))
        assert second.id is not None
        run_ingest(stage.bench, second.id)
        waiting = row(stage, meeting_id, ids[1])
    finally:
        stage.control.change_settings(media_bytes_per_second=0)
        slow.join()

    assert (waiting.state, waiting.reason) == (State.WAITING, Reason.HOST_BUSY)
    assert (waiting.tries, waiting.error_code) == (0, None)
    stage.live_until_complete(meeting_id)
    assert differences(stage, meeting_id) == []


@pytest.mark.parametrize("fault", [None, "cut_at_60_percent", "link_dies_with_403", "gzip"])
def test_a_large_file_comes_in_ranges_through_the_whole_road(
    make_stage: MakeStage, fault: str | None
) -> None:
    stage = make_stage(transfer_ranges=3)
    limits = dataclasses.replace(stage.bench.limits, ranges_from_bytes=30_000_000)
    assert limits.ranges == 3
    stage.bench = dataclasses.replace(stage.bench, limits=limits)
    recording = {"bytes": 40_000_000, "audio": False, "faults": [fault] if fault else []}
    meeting_id, _ = hold(stage, recording)

    stage.live_until_complete(meeting_id)

    assert differences(stage, meeting_id) == []
    assert len(stage.control.requests(origin="media")) > 3


def prepare(stage: Stage, meeting_id: str) -> None:
    """Do everything that is due but the single recordings."""
    sweep(stage.bench)
    for ingest in stage.ingests(meeting_id):
        if not ingest.resource_id:
            assert ingest.id is not None
            run_ingest(stage.bench, ingest.id)


def test_a_large_file_writes_its_row_once_a_second_and_not_once_a_piece(
    sqlite_stage: Stage,
) -> None:
    stage = sqlite_stage
    meeting_id, [recording_id] = hold(stage, {"bytes": 100_000_000, "audio": False})
    prepare(stage, meeting_id)
    ingest = row(stage, meeting_id, recording_id)
    assert ingest.id is not None
    written: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if statement.startswith("UPDATE ingest") and "bytes_done" in statement:
            written.append(statement)

    event.listen(stage.bench.database.engine, "before_cursor_execute", note)
    began = time.monotonic()
    run_ingest(stage.bench, ingest.id)
    seconds = time.monotonic() - began

    assert row(stage, meeting_id, recording_id).state == State.DONE
    # One to begin with, one before the file gets its name, and those of the watch.
    assert 2 <= len(written) <= 2 + seconds
