"""Every stored byte is read again by itself, at a set rate, and what is damaged is had again."""

import signal
import sys
import threading
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlmodel import col
from structlog.testing import capture_logs

from app.cli.checks_work import scrub
from app.ingestion.integrity import stored_files
from app.ingestion.scrub import scrub_due, scrub_standing
from app.ingestion.status import overview
from app.ingestion.sweep import sweep
from app.ingestion.verify import verify
from app.models.scrub import Scrub
from app.models.tables import File
from tests.ingestion.alternating import database_url  # noqa: F401 -- a fixture
from tests.ingestion.archives import differences
from tests.ingestion.conftest import MakeStage
from tests.ingestion.soon import timeline  # noqa: F401 -- a fixture
from tests.ingestion.test_verify import file_of, flip_a_byte
from tests.processes import spawn
from tests.stage import Stage

MINUTE = timedelta(minutes=1)


@pytest.fixture
def quick(make_stage: MakeStage) -> Stage:
    """A stage on which a day is a period."""
    return make_stage(scrub_days=1)


def hold(stage: Stage, **order: Any) -> str:
    """A meeting of which everything is stored."""
    told: str = stage.hold_meeting(**order)["meeting_id"]
    stage.advance(15)
    stage.live_until_complete(told)
    return told


def scrub_for(stage: Stage, *, every: timedelta = MINUTE, **span: float) -> int:
    """What beat does in a span of time; the bytes that were read."""
    end, read = stage.now + timedelta(**span), 0
    while stage.now < end:
        wait(stage, every)
        read += scrub_due(stage.bench)
    stage.advance(0)
    return read


def wait(stage: Stage, span: timedelta = MINUTE) -> None:
    """Let time pass here; Webex need not know of every minute."""
    stage.now += span


def state_of(stage: Stage) -> Scrub:
    with stage.bench.database.reading() as session:
        return session.scalars(select(Scrub)).one()


def verified_at(stage: Stage, meeting_id: str) -> datetime | None:
    return stage.meeting(meeting_id).verified_at


def size_of(stage: Stage, meeting_id: str) -> int:
    return sum(each.bytes for each in stored_files(stage.bench, stage.meeting(meeting_id)))


def largest(stage: Stage, *meeting_ids: str) -> int:
    return max(
        file.bytes
        for each in meeting_ids
        for file in stored_files(stage.bench, stage.meeting(each))
    )


def damaged(stage: Stage) -> list[tuple[str, str, str]]:
    told = overview(stage.bench.database, now=stage.now, lease_seconds=30)
    assert told.damaged_files == len(told.damaged)
    return [(each.meeting_id, each.path, each.damage) for each in told.damaged]


def spoil_a_first_version(stage: Stage, meeting_id: str) -> Path:
    """Change a file that Webex has no more, since there is a newer version of it."""
    place = file_of(stage, meeting_id, "participants.json")
    second = place.with_name("participants.v2.json")
    second.write_bytes(place.read_bytes())
    with stage.bench.database.transaction() as session:
        first = session.scalars(
            select(File).where(
                col(File.path) == place.name,
                col(File.meeting_row_id) == stage.meeting(meeting_id).id,
            )
        ).one()
        told = first.model_dump(exclude={"id"}) | {"path": second.name, "file_version": 2}
        session.add(File(**told))
    flip_a_byte(place)
    return place


def test_a_flipped_byte_is_found_within_the_period_and_fetched_again(stage: Stage) -> None:
    meeting_id = hold(stage)
    place = file_of(stage, meeting_id, ".mp4")
    stage.advance(86400)
    flip_a_byte(place)

    scrub_for(stage, days=29, every=timedelta(hours=1))
    stage.live_until_complete(meeting_id)

    place.with_name(f"{place.name}.damaged-1").unlink()
    assert differences(stage, meeting_id) == []
    assert damaged(stage) == []


def test_what_was_read_is_not_read_again_before_its_time(quick: Stage) -> None:
    meeting_id = hold(quick)

    assert scrub_for(quick, hours=17) == 0
    assert scrub_for(quick, hours=1) == size_of(quick, meeting_id)
    first = verified_at(quick, meeting_id)
    assert scrub_for(quick, hours=17) == 0
    assert scrub_for(quick, hours=2) == size_of(quick, meeting_id)
    assert first is not None
    assert first < (verified_at(quick, meeting_id) or first)


def test_the_rate_holds_over_a_day_with_no_more_than_a_file_above_it(
    make_stage: MakeStage,
) -> None:
    rate = 2048
    stage = make_stage(scrub_days=1, scrub_bytes_per_second=rate)
    meetings = [hold(stage, recordings=2) for _ in range(3)]
    total = sum(size_of(stage, each) for each in meetings)
    stage.advance(18 * 3600)

    read, minutes = 0, 0
    while read < total:
        read, minutes = read + scrub_due(stage.bench), minutes + 1
        allowed = rate * 60 * (minutes - 1)
        assert read <= allowed + largest(stage, *meetings)
        assert minutes < 24 * 60, f"{read} of {total} bytes were read in a day"
        wait(stage)

    assert read == total
    assert total / rate / 60 * 0.6 < minutes < total / rate / 60 * 1.2
    assert all(verified_at(stage, each) for each in meetings)


def test_a_file_larger_than_the_rate_allows_is_read_at_once_and_paid_for_by_a_pause(
    make_stage: MakeStage,
) -> None:
    stage = make_stage(scrub_days=1, scrub_bytes_per_second=1024)
    first, second = (hold(stage, transcripts=0, recordings=[{"bytes": 500_000}]) for _ in "ab")
    stage.advance(18 * 3600)

    read = []
    while not verified_at(stage, second):
        read.append(scrub_due(stage.bench))
        wait(stage)

    assert max(read) > 500_000
    assert read[read.index(max(read)) + 1 :][:7] == [0] * 7
    assert sum(read) == size_of(stage, first) + size_of(stage, second)


def test_who_dies_in_the_middle_is_followed_by_another_who_goes_on(make_stage: MakeStage) -> None:
    stage = make_stage(scrub_days=1, scrub_bytes_per_second=200_000)
    meeting_id = hold(stage, recordings=[{"bytes": 8_000_000}, {"bytes": 8_000_000}])
    stage.advance(18 * 3600)
    while not state_of_or_none(stage) or "recordings" not in state_of(stage).path:
        scrub_due(stage.bench)
        wait(stage)
    before = state_of(stage)
    # Whoever has the turn is never heard of again.
    with stage.bench.database.transaction() as session:
        session.execute(
            update(Scrub).values(turn=before.turn + 1, held_until=stage.now + 10 * MINUTE)
        )

    assert scrub_for(stage, minutes=9) == 0
    read = scrub_for(stage, minutes=5)

    assert verified_at(stage, meeting_id) == before.begun_at
    assert read == sum(
        each.bytes
        for each in stored_files(stage.bench, stage.meeting(meeting_id))
        if each.path > before.path
    )


def test_a_worker_that_is_killed_in_the_middle_of_a_file_delays_it_and_no_more(
    stage: Stage,
) -> None:
    meeting_id = hold(stage, transcripts=0, recordings=[{"bytes": 8_000_000}])
    place = file_of(stage, meeting_id, ".mp4")
    flip_a_byte(place)
    stage.advance(23 * 86400)
    scrub_due(stage.bench)
    wait(stage)
    settings = stage.runtime.settings
    environment = {
        "DATABASE_URL": settings.database_url.get_secret_value(),
        "CELERY_BROKER_URL": "redis://127.0.0.1:1/0",
        "ARCHIVE_DIR": str(settings.archive_dir),
    }
    argv = [sys.executable, "-m", "tests.ingestion.scrubber", stage.now.isoformat(), "9"]

    with spawn(argv, environment) as worker:
        assert worker.process.wait(30) == -signal.SIGKILL, worker.output()
    held_until = state_of(stage).held_until

    assert held_until > stage.now
    assert scrub_for(stage, minutes=9) == 0
    scrub_for(stage, minutes=3)
    assert verified_at(stage, meeting_id) is not None
    assert place.with_name(f"{place.name}.damaged-1").is_file()
    stage.live_until_complete(meeting_id)
    place.with_name(f"{place.name}.damaged-1").unlink()
    assert differences(stage, meeting_id) == []


def test_who_is_stopped_in_the_middle_of_a_file_leaves_it_to_the_next_look(stage: Stage) -> None:
    meeting_id = hold(stage, transcripts=0, recordings=[{"bytes": 8_000_000}])
    stage.advance(23 * 86400)
    scrub_due(stage.bench)
    wait(stage)
    looks = iter([False] * 8)
    stopped = scrub_due(replace(stage.bench, stopping=lambda: next(looks, True)))
    wait(stage)

    read = scrub_due(stage.bench)

    assert 0 < stopped < 8_000_000 <= read
    assert verified_at(stage, meeting_id) is not None


def state_of_or_none(stage: Stage) -> Scrub | None:
    with stage.bench.database.reading() as session:
        return session.scalars(select(Scrub)).one_or_none()


def test_of_two_at_once_one_reads(stage: Stage) -> None:
    meeting_id = hold(stage)
    stage.advance(25 * 86400)
    first = scrub_due(stage.bench)
    wait(stage)
    begin = threading.Barrier(2)
    read: list[int] = []

    def look() -> None:
        begin.wait(10)
        read.append(scrub_due(stage.bench))

    looking = [threading.Thread(target=look) for _ in range(2)]
    for each in looking:
        each.start()
    for each in looking:
        each.join(30)

    assert sorted(read) == [0, size_of(stage, meeting_id) - first]


def test_switched_off_nothing_is_read(make_stage: MakeStage) -> None:
    stage = make_stage(scrub_days=0)
    meeting_id = hold(stage)

    assert scrub_for(stage, days=40, every=timedelta(days=1)) == 0
    assert verified_at(stage, meeting_id) is None
    assert list(scrub(stage.runtime)) == []


def test_what_cannot_be_fetched_again_is_told_until_it_is_well_and_holds_up_no_other(
    stage: Stage,
) -> None:
    meetings = [hold(stage) for _ in range(3)]
    place = spoil_a_first_version(stage, meetings[1])
    good = bytearray(place.read_bytes())
    stage.advance(23 * 86400)

    scrub_for(stage, minutes=5)

    assert damaged(stage) == [(meetings[1], "participants.json", "changed")]
    assert all(verified_at(stage, each) for each in meetings)
    good[len(good) // 2] ^= 1
    place.write_bytes(good)
    list(verify(stage.bench, [meetings[1]]))
    assert damaged(stage) != [], "its size never told"
    scrub_for(stage, days=24, every=timedelta(hours=6))
    assert damaged(stage) == []


def test_reading_by_hand_counts_as_well(stage: Stage) -> None:
    meeting_id = hold(stage)
    stage.advance(23 * 86400)

    list(verify(stage.bench, [meeting_id]))
    assert verified_at(stage, meeting_id) is None
    list(verify(stage.bench, [meeting_id], deep=True))

    assert verified_at(stage, meeting_id) == stage.now
    assert scrub_for(stage, minutes=3) == 0


def test_a_changed_file_that_webex_has_deleted_stays_and_is_told(stage: Stage) -> None:
    told = stage.hold_meeting()
    meeting_id, recording_id = told["meeting_id"], told["recording_ids"][0]
    stage.advance(15)
    stage.live_until_complete(meeting_id)
    stage.control.call("DELETE", f"/recordings/{recording_id}")
    stage.control.settle()
    stage.work()
    place = file_of(stage, meeting_id, ".mp4")
    flip_a_byte(place)
    stage.advance(23 * 86400)

    scrub_for(stage, minutes=3)

    assert place.is_file()
    assert [each[2] for each in damaged(stage)] == ["changed"]
    assert stage.ingest(meeting_id, "recordings", recording_id).state == "done"


def test_an_archive_that_is_not_mounted_changes_nothing_and_is_read_later(stage: Stage) -> None:
    meeting_id = hold(stage)
    before = stage.states(meeting_id)
    elsewhere = stage.archive.with_name("elsewhere")
    stage.archive.rename(elsewhere)
    stage.advance(23 * 86400)

    with capture_logs() as logs:
        assert scrub_for(stage, minutes=14) == 0
    elsewhere.rename(stage.archive)

    assert [each["event"] for each in logs] == ["scrub.archive_unavailable"]
    assert stage.states(meeting_id) == before
    assert damaged(stage) == []
    assert scrub_for(stage, minutes=3) == size_of(stage, meeting_id)


def test_one_disk_of_several_that_is_gone_is_no_damage_either(stage: Stage) -> None:
    old = [hold(stage, transcripts=0) for _ in range(4)]
    before = [stage.states(each) for each in old]
    site = next(each for each in stage.archive.iterdir() if each.is_dir())
    site.rename(stage.folder / "unmounted")
    # What is stored meanwhile lies where the disk should be.
    stage.advance(10 * 86400)
    new = [hold(stage, transcripts=0) for _ in range(2)]
    stage.advance(13 * 86400)

    with capture_logs() as logs:
        scrub_for(stage, minutes=14)

    assert [each["event"] for each in logs] == ["scrub.archive_unavailable"]
    assert "webex-ingest verify" in logs[0]["error"]
    assert [stage.states(each) for each in old] == before
    assert all(differences(stage, each) == [] for each in new)


def test_a_folder_that_is_gone_alone_is_fetched_again(stage: Stage) -> None:
    meetings = [hold(stage) for _ in range(3)]
    stage.place(meetings[1]).rename(stage.folder / "moved")
    stage.advance(23 * 86400)

    scrub_for(stage, minutes=3)
    stage.live_until_complete(meetings[1])

    assert differences(stage, meetings[1]) == []


def test_what_falls_behind_is_told_with_the_rate_that_would_do(make_stage: MakeStage) -> None:
    stage = make_stage(scrub_days=1, scrub_bytes_per_second=1024)
    hold(stage, recordings=[{"bytes": 30_000_000}] * 3)
    (before,) = scrub(stage.runtime)
    scrub_for(stage, days=2, every=timedelta(hours=1))

    (told,) = scrub(stage.runtime)
    standing = scrub_standing(stage.bench)

    assert standing is not None
    assert before.verdict == "OK"
    assert (told.verdict, standing.needed_rate > 1024) == ("WARN", True)
    assert f"Set SCRUB_BYTES_PER_SECOND to {standing.needed_rate} (" in told.mend


def test_what_falls_behind_at_a_rate_that_would_do_is_told_with_what_else_it_may_be(
    quick: Stage,
) -> None:
    hold(quick)
    quick.advance(2 * 86400)

    (told,) = scrub(quick.runtime)

    assert told.verdict == "WARN"
    assert told.mend is not None
    assert "see that workers and beat run all the time, and what the log says" in told.mend
    assert "too slow to give a minute's worth of it in 20 seconds" in told.mend


def test_a_clock_that_was_ahead_does_not_keep_it_waiting(quick: Stage) -> None:
    meeting_id = hold(quick)
    sweep(quick.bench)
    quick.skew = timedelta(days=400)
    sweep(quick.bench)
    assert scrub_for(quick, minutes=2) == size_of(quick, meeting_id)
    quick.skew = timedelta()
    sweep(quick.bench)

    assert (verified_at(quick, meeting_id) or quick.now) <= quick.now
    assert scrub_for(quick, hours=19, every=timedelta(hours=1)) == size_of(quick, meeting_id)
