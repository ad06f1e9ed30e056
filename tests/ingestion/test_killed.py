"""Workers that are killed, stopped or frozen in the middle of a file lose and spoil nothing."""

import functools
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import update
from sqlmodel import col

from app.archive.part import SYNC_BYTES
from app.archive.resume import COMPARED_BYTES
from app.ingestion.run import run_ingest
from app.ingestion.sweep import sweep
from app.models.tables import Ingest
from app.models.words import State
from tests.ingestion.archives import differences
from tests.processes import Spawned, eventually, spawn
from tests.stage import Stage

MIB = 1024**2
BYTES = 160 * MIB


class Held:
    """A meeting with one large recording that is due, and what has become of it."""

    def __init__(self, stage: Stage, size: int) -> None:
        self.stage = stage
        stage.control.change_settings(media_bytes_per_second=80 * MIB)
        told = stage.hold_meeting(
            recordings=[{"bytes": size, "audio": False}], transcripts=0, timeline="instant"
        )
        self.meeting_id: str = told["meeting_id"]
        self.recording_id: str = told["recording_ids"][0]

    @property
    def row(self) -> Ingest:
        return self.stage.ingest(self.meeting_id, "recordings", self.recording_id)

    def prepare(self) -> None:
        """Do everything but the recording itself."""
        self.stage.advance(1)
        sweep(self.stage.bench)
        for ingest in self.stage.ingests(self.meeting_id):
            if not ingest.resource_id:
                assert ingest.id is not None
                run_ingest(self.stage.bench, ingest.id)
        assert self.row.state == State.WAITING

    @contextmanager
    def worker(self) -> Iterator[Spawned]:
        """A process that works on the recording now."""
        stage, settings = self.stage, self.stage.runtime.settings
        assert settings.webex_access_token is not None
        environment = {
            "WEBEX_API_URL": str(settings.webex_api_url),
            "WEBEX_ACCESS_TOKEN": settings.webex_access_token.get_secret_value(),
            "DATABASE_URL": settings.database_url.get_secret_value(),
            "CELERY_BROKER_URL": str(self.broker_url),
            "ARCHIVE_DIR": str(settings.archive_dir),
            "DOWNLOAD_HOSTS": ",".join(settings.download_hosts),
            "DISK_RESERVE_BYTES": "0",
        }
        argv = [sys.executable, "-m", "tests.ingestion.worker", str(self.row.id)]
        with spawn([*argv, stage.now.isoformat()], environment) as worker:
            yield worker

    @property
    def broker_url(self) -> str:
        url = self.stage.runtime.settings.celery_broker_url
        assert url is not None
        return url.get_secret_value()

    def set(self, **values: Any) -> None:
        """Change the row behind the back of everybody."""
        with self.stage.bench.database.transaction() as session:
            session.execute(update(Ingest).where(col(Ingest.id) == self.row.id).values(**values))

    def finish(self) -> None:
        """Let the lease of whoever works run out, and end the work at full speed."""
        self.stage.control.change_settings(media_bytes_per_second=0)
        self.stage.advance(60)
        assert self.row.id is not None
        run_ingest(self.stage.bench, self.row.id)
        self.stage.live_until_complete(self.meeting_id)

    def ranges(self) -> list[int]:
        """Where each request for media began."""
        asked = self.stage.control.requests(origin="media")
        return [int((each["headers"].get("Range") or "bytes=0-")[6:-1]) for each in asked]

    def assert_right(self) -> None:
        assert differences(self.stage, self.meeting_id) == []
        assert list(self.stage.archive.rglob("*.part")) == []


@pytest.fixture
def held(sqlite_stage: Stage) -> Held:
    held = Held(sqlite_stage, BYTES)
    held.prepare()
    return held


def kill(worker: Spawned) -> None:
    os.kill(worker.pid, signal.SIGKILL)
    worker.process.wait(10)


def wait_for_flush(held: Held, worker: Spawned) -> None:
    """Wait until the row says that something would survive a power cut."""

    def flushed() -> int:
        assert worker.running(), worker.output()
        return held.row.bytes_synced

    eventually(flushed, seconds=30)


def test_a_killed_worker_costs_the_bytes_since_the_last_flush(held: Held) -> None:
    with held.worker() as worker:
        wait_for_flush(held, worker)
        kill(worker)
    told = held.row
    assert SYNC_BYTES <= told.bytes_synced <= told.bytes_done < BYTES

    held.finish()

    held.assert_right()
    assert held.ranges() == [0, told.bytes_synced - COMPARED_BYTES]


def test_a_worker_that_is_asked_to_stop_costs_nothing_but_what_is_compared(held: Held) -> None:
    with held.worker() as worker:
        eventually(lambda: held.row.bytes_done > 0, seconds=30)
        worker.process.terminate()
        assert worker.process.wait(10) == 0
    told = held.row
    assert (told.state, told.reason) == (State.WAITING, "shutdown")
    assert 0 < told.bytes_done == told.bytes_synced < BYTES

    held.finish()

    held.assert_right()
    assert held.ranges() == [0, told.bytes_done - COMPARED_BYTES]


def test_a_frozen_worker_that_was_overtaken_publishes_nothing(stage: Stage) -> None:
    held = Held(stage, BYTES)
    held.prepare()
    with held.worker() as worker:
        wait_for_flush(held, worker)
        os.kill(worker.pid, signal.SIGSTOP)
        held.finish()
        published = stat_of(held)

        os.kill(worker.pid, signal.SIGCONT)

        assert worker.process.wait(20) == 0
        assert "ingest.taken_over" in worker.output()
    held.assert_right()
    assert stat_of(held) == published


def test_a_database_that_takes_no_writes_for_a_while_breaks_no_download(held: Held) -> None:
    held.stage.control.change_settings(media_bytes_per_second=16 * MIB)
    with held.worker() as worker:
        eventually(lambda: held.row.bytes_done > 0, seconds=30)
        with held.stage.bench.database.transaction():
            worker.wait_for("ingest.progress_unwritten")
        held.stage.control.change_settings(media_bytes_per_second=0)
        assert worker.process.wait(30) == 0

    held.finish()
    held.assert_right()
    assert held.ranges() == [0]


def test_two_workers_with_the_same_task_bring_one_file(held: Held) -> None:
    held.stage.control.change_settings(media_bytes_per_second=0)
    with held.worker() as one, held.worker() as other:
        assert one.process.wait(60) == other.process.wait(60) == 0
        said = sorted(worker.output().splitlines()[-1] for worker in (one, other))

    assert said == ["done", "not due"]
    assert held.ranges() == [0]
    held.finish()
    held.assert_right()


def test_kills_at_any_moment_end_in_the_right_file(sqlite_stage: Stage) -> None:
    held = Held(sqlite_stage, 96 * MIB)
    held.prepare()
    for share in (0, 0.2, 0.4, 0.6):
        sent = bytes_sent(held)
        with held.worker() as worker:
            eventually(functools.partial(has_sent, held, sent + share * 96 * MIB), seconds=30)
            kill(worker)
        assert held.row.state == State.RUNNING
        held.stage.advance(60)

    assert (held.row.attempt, held.row.lost) == (4, 3)

    held.finish()

    held.assert_right()


def test_workers_that_vanished_are_forgotten_once_something_has_come_that_stays(
    held: Held,
) -> None:
    held.set(lost=4)
    with held.worker() as worker:
        wait_for_flush(held, worker)
        eventually(lambda: held.row.lost == 0)
        kill(worker)

    held.finish()

    held.assert_right()
    assert held.row.state == State.DONE


def test_they_are_not_forgotten_where_the_file_begins_again_each_time(held: Held) -> None:
    held.stage.control.change_settings(media_ranges=False)
    with held.worker() as worker:
        wait_for_flush(held, worker)
        kill(worker)
    held.stage.advance(60)
    held.set(lost=1)
    sent = bytes_sent(held)

    with held.worker() as worker:
        eventually(lambda: bytes_sent(held) > sent + 100 * MIB, seconds=30)
        kill(worker)

    assert held.row.lost == 2


def bytes_sent(held: Held) -> int:
    return sum(each["bytes_sent"] for each in held.stage.control.requests(origin="media"))


def has_sent(held: Held, size: float) -> bool:
    return bytes_sent(held) > size


def stat_of(held: Held) -> Any:
    stat = next(held.stage.archive.rglob("*.mp4")).stat()
    return stat.st_ino, stat.st_mtime_ns
