"""One attempt at a time: faults stay in their row, lost workers leave nothing, lists follow."""

import errno
import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlmodel import col

from app.archive.store import Archive, Stored
from app.db.ingests import lease, reopen
from app.ingestion.commands import retry
from app.ingestion.run import run_ingest
from app.ingestion.sweep import sweep
from app.models.tables import File, Ingest
from app.models.words import Kind, Priority, Reason, Resource, State
from tests.ingestion.alternating import database_url  # noqa: F401 -- a fixture
from tests.ingestion.archives import differences
from tests.processes import eventually
from tests.stage import Stage

LONGER_THAN_A_LEASE = 31


def test_an_answer_that_breaks_one_row_holds_up_no_other(stage: Stage) -> None:
    meeting_id = hold(stage, recordings=1, transcripts=1)
    deep = '{"items": ' + "[" * 100_000
    stage.control.add_fault(origin="api", path_regex="/meetingTranscripts$", body=deep, times=None)

    stage.live(minutes=40)

    broken = stage.ingest(meeting_id, Resource.TRANSCRIPTS)
    assert (broken.state, broken.error_code) in (
        (State.FAILED, "fault"),
        (State.WAITING, "answer_unreadable"),
    )
    others = [each for each in stage.ingests(meeting_id) if each.resource != Resource.TRANSCRIPTS]
    assert len(others) == 4
    assert {each.state for each in others} == {State.DONE}
    stage.control.forget_faults()
    retry(stage.bench, [meeting_id])
    stage.live_until_complete(meeting_id)
    assert differences(stage, meeting_id) == []


def test_work_that_takes_five_workers_with_it_is_left_alone_until_somebody_asks(
    stage: Stage,
) -> None:
    meeting_id = hold(stage, recordings=1, transcripts=0)
    recording = until_listed(stage, meeting_id)
    for _ in range(5):
        die_at(stage, recording)
        stage.advance(LONGER_THAN_A_LEASE)

    assert run_ingest(stage.bench, recording)

    failed = stage.ingest(meeting_id, Resource.RECORDINGS, recording_id(stage, recording))
    assert (failed.state, failed.error_code, failed.attempt) == (State.FAILED, "worker_lost", 6)
    assert not run_ingest(stage.bench, recording)
    count, meetings = retry(stage.bench, [])
    assert count >= 1
    assert meetings == [meeting_id], "what --failed opens is told, so that --wait can follow it"
    stage.live_until_complete(meeting_id)
    assert differences(stage, meeting_id) == []


def test_a_worker_that_was_overtaken_leaves_no_trace(stage: Stage) -> None:
    meeting_id = hold(stage, recordings=1, transcripts=0)
    recording = until_listed(stage, meeting_id)
    stage.control.add_fault(origin="media", delay_seconds=2)

    with ThreadPoolExecutor(1) as threads:
        frozen = threads.submit(run_ingest, stage.bench, recording)
        eventually(lambda: row(stage, recording).stage == Kind.VIDEO, message="no transfer")
        stage.advance(LONGER_THAN_A_LEASE)
        assert run_ingest(stage.bench, recording)
        stored, files = row(stage, recording), files_of(stage, recording)
        assert frozen.result(30)

    assert (stored.state, stored.attempt, stored.lost) == (State.DONE, 2, 0)
    assert row(stage, recording) == stored
    assert files_of(stage, recording) == files
    assert sorted(kind for kind, _, _ in files) == [Kind.RECORDING, Kind.VIDEO]
    assert parts(stage) == []
    stage.live_until_complete(meeting_id)
    assert differences(stage, meeting_id) == []


def test_a_list_follows_its_items_into_failure_and_out_of_it(stage: Stage) -> None:
    meeting_id = hold(stage, recordings=2, transcripts=0)
    recording = until_listed(stage, meeting_id)
    path = f"/recordings/{recording_id(stage, recording)}$"
    stage.control.add_fault(origin="api", path_regex=path, status=400, times=None)
    stage.live(minutes=30)
    failed = stage.ingest(meeting_id, Resource.RECORDINGS)
    assert (failed.state, failed.error_code) == (State.FAILED, "item_failed")
    assert recording_id(stage, recording) in str(failed.error)

    stage.control.forget_faults()
    with stage.bench.database.transaction() as session:
        reopen(
            session,
            col(Ingest.id) == recording,
            states=(State.FAILED,),
            due_at=stage.now,
            patience_until=stage.now,
            priority=Priority.RETRY,
            now=stage.now,
        )
    stage.live_until_complete(meeting_id)

    assert stage.ingest(meeting_id, Resource.RECORDINGS).state == State.DONE
    assert differences(stage, meeting_id) == []


def test_a_recording_that_changed_is_stored_beside_the_first(stage: Stage) -> None:
    meeting_id = hold(stage, recordings=1, transcripts=0)
    stage.live_until_complete(meeting_id)
    changed = recording_id(stage, until_listed(stage, meeting_id))
    answer = stage.bench.accounts.client("").get(f"/recordings/{changed}")
    answer["sizeBytes"] = int(answer["sizeBytes"]) + 1
    stage.control.add_fault(
        origin="api", path_regex=f"/recordings/{changed}$", body=answer, times=None
    )

    stage.control.send_event(
        resource="recordings", event="updated", data={"id": changed, "meetingId": meeting_id}
    )
    sweep(stage.bench)
    assert stage.meeting(meeting_id).completed_at is None
    stage.live_until_complete(meeting_id)

    names = {path.name for path in (stage.place(meeting_id) / "recordings").iterdir()}
    assert {f"{changed}.mp4", f"{changed}.v2.mp4"} <= names


@dataclass(frozen=True, slots=True)
class FullArchive(Archive):
    """An archive on a disk without any room, whatever it said before."""

    def store_bytes(
        self, content: bytes, folder: str, path: str, kind: Kind, **_ids: Any
    ) -> Stored:
        name = f"{folder}/{path} ({kind}, {len(content)} bytes)"
        raise OSError(errno.ENOSPC, "No space left on device", name)


def test_a_full_disk_fails_nothing_and_is_waited_for(stage: Stage) -> None:
    meeting_id = hold(stage, recordings=1, transcripts=0)
    recording = until_listed(stage, meeting_id)
    full = replace(stage.bench, archive=FullArchive(stage.bench.archive.root, 0))
    reserved = replace(stage.bench, archive=replace(stage.bench.archive, reserve_bytes=2**60))

    for bench in (full, reserved):
        run_ingest(bench, recording)
        waiting = row(stage, recording)
        assert (waiting.state, waiting.reason) == (State.WAITING, Reason.DISK_FULL)
        assert (waiting.tries, waiting.looks) == (0, 0)
        stage.advance(61)

    stage.live_until_complete(meeting_id)
    assert differences(stage, meeting_id) == []


def test_many_workers_and_sweeps_at_once_end_as_one_would(stage: Stage) -> None:
    stage.control.change_settings(copies=3)
    meetings = [hold(stage, recordings=2, transcripts=2) for _ in range(2)]

    for _ in range(15):
        if all_complete(stage, meetings):
            break
        with ThreadPoolExecutor(6) as threads:
            # A result that is an error is raised here: no deadlock, no lock that lasts too long.
            list(threads.map(work_off, [stage] * 6, range(6)))
        stage.advance(60)

    assert all_complete(stage, meetings), [stage.states(each) for each in meetings]
    for meeting_id in meetings:
        assert differences(stage, meeting_id) == []
        assert {each.lost for each in stage.ingests(meeting_id)} == {0}
    assert parts(stage) == []


def work_off(stage: Stage, seed: int) -> None:
    """Do what is due, in an order of one's own."""
    chance = random.Random(seed)  # noqa: S311 -- a seed, not a secret
    for _ in range(3):
        sweep(stage.bench)
        due = [each for each in everything(stage) if each.state == State.WAITING]
        chance.shuffle(due)
        for each in due:
            assert each.id is not None
            run_ingest(stage.bench, each.id)


def all_complete(stage: Stage, meeting_ids: list[str]) -> bool:
    with stage.bench.database.reading() as session:
        known = set(session.scalars(select(col(Ingest.meeting_row_id))))
    if len(known) < len(meeting_ids):
        return False
    return all(stage.meeting(each).completed_at is not None for each in meeting_ids)


def everything(stage: Stage) -> list[Ingest]:
    with stage.bench.database.reading() as session:
        return list(session.scalars(select(Ingest)))


def hold(stage: Stage, *, recordings: int, transcripts: int) -> str:
    order = {"recordings": [{"audio": False}] * recordings, "transcripts": transcripts}
    meeting_id: str = stage.hold_meeting(timeline="instant", **order)["meeting_id"]
    stage.advance(10)
    return meeting_id


def until_listed(stage: Stage, meeting_id: str) -> int:
    """Let the rows of the single recordings be made; the id of the first of them."""
    sweep(stage.bench)
    for each in stage.ingests(meeting_id):
        if each.resource == Resource.MEETINGS:
            assert each.id is not None
            run_ingest(stage.bench, each.id)
    first = next(
        each
        for each in stage.ingests(meeting_id)
        if each.resource == Resource.RECORDINGS and each.resource_id
    )
    assert first.id is not None
    return first.id


def row(stage: Stage, ingest_id: int) -> Ingest:
    with stage.bench.database.reading() as session:
        return session.get_one(Ingest, ingest_id)


def recording_id(stage: Stage, ingest_id: int) -> str:
    return row(stage, ingest_id).resource_id


def files_of(stage: Stage, ingest_id: int) -> list[tuple[str, str, str]]:
    with stage.bench.database.reading() as session:
        files = session.scalars(
            select(File).where(col(File.resource_id) == row(stage, ingest_id).resource_id)
        )
        return sorted((file.kind, file.path, file.sha256) for file in files)


def parts(stage: Stage) -> list[Path]:
    return list(stage.archive.rglob(".*.part"))


def die_at(stage: Stage, ingest_id: int) -> None:
    """Take a lease as a worker does that is killed at once."""
    with stage.bench.database.transaction() as session:
        assert lease(session, ingest_id, now=stage.now, lease_seconds=30) is not None
