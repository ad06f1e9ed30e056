"""Work that kills its worker each time ends as failed, and takes nothing else along."""

import os
import shutil
import time
from contextlib import ExitStack
from itertools import cycle
from pathlib import Path
from signal import SIGABRT, SIGKILL, SIGSEGV

from sqlalchemy import select
from sqlmodel import col

from app.db.engine import Database
from app.ingestion.retry import MOST_LOST
from app.models.tables import Ingest, Meeting
from app.models.words import Resource, State
from tests.e2e.house import House, house
from tests.processes import Spawned, eventually

_SPARED_SECONDS = 8
"""Less than any patience of a worker, so that each of them begins once for each death."""


class Poisoned:
    """A house with two rows over which every worker dies: one asks Webex, one a media host."""

    def __init__(self, home: House, poll: Spawned, stack: ExitStack) -> None:
        self.home = home
        self.control = home.simulator.control
        self.database = Database(home.environment["DATABASE_URL"])
        stack.callback(self.database.dispose)
        self._poll = poll
        self._stack = stack
        self._signals = cycle((SIGKILL, SIGSEGV, SIGABRT))
        self._deaths = {"poll": 0, "transfer": 0}
        self._spared_until = 0.0
        recordings = [{"bytes": 500_000, "audio": False}]
        self.asking = self.control.hold_meeting(recordings=0, transcripts=0)["meeting_id"]
        told = self.control.hold_meeting(recordings=recordings, transcripts=1)
        self.bringing, [self.recording_id] = told["meeting_id"], told["recording_ids"]
        self.control.add_fault(
            origin="api", path_regex=f"/meetings/{self.asking}$", delay_seconds=60, times=None
        )
        self.control.add_fault(
            recording_id=self.recording_id, after_fraction=0.5, ending="stall", times=None
        )
        self._start_transfers()

    def executions(self) -> dict[str, int]:
        """How often somebody began to work on each of the two."""
        asked = self.control.requests(path_contains=f"/meetings/{self.asking}")
        brought = self.control.requests(origin="media", recording_id=self.recording_id)
        return {"poll": len(asked), "transfer": len(brought)}

    def kill_who_works(self, *, spared: bool) -> None:
        """Kill a child of the one worker, and all of the other, as often as they begin anew.

        While they are spared they live for some seconds in between, as what else they work on dies
        with them.
        """
        if spared and time.monotonic() < self._spared_until:
            return
        if sum(min(row.attempt, MOST_LOST) for row in self.rows()) == sum(self._deaths.values()):
            return
        now = self.executions()
        if now["poll"] > self._deaths["poll"]:
            for child in children_of(self._poll.pid):
                os.kill(child, next(self._signals))
        if now["transfer"] > self._deaths["transfer"]:
            os.kill(self._transfer.pid, next(self._signals))
            self._transfer.process.wait(10)
            self._start_transfers()
        if now != self._deaths:
            self._spared_until = time.monotonic() + _SPARED_SECONDS
        self._deaths = now

    def rows(self) -> list[Ingest]:
        """The two rows, as far as they are known yet."""
        with self.database.reading() as session:
            return list(
                session.scalars(
                    select(Ingest)
                    .join(Meeting, col(Meeting.id) == col(Ingest.meeting_row_id))
                    .where(
                        (col(Ingest.resource_id) == self.recording_id)
                        | (col(Meeting.meeting_id) == self.asking)
                        & (col(Ingest.resource) == Resource.MEETINGS)
                    )
                )
            )

    def both_failed(self) -> bool:
        """Whether nobody works on the two rows any more."""
        return [row.state for row in self.rows()] == [State.FAILED, State.FAILED]

    def _start_transfers(self) -> None:
        self._transfer = self._stack.enter_context(self.home.worker("transfer", "threads"))


def children_of(pid: int) -> list[int]:
    """The children that a process has forked."""
    threads = Path(f"/proc/{pid}/task").iterdir()
    return [int(each) for one in threads for each in (one / "children").read_text().split()]


def is_complete(home: House, meeting_id: str) -> bool:
    manifest = home.manifest(meeting_id)
    return manifest is not None and manifest["complete"]


def test_work_that_kills_every_worker_fails_after_five_and_holds_up_nothing(
    tmp_path: Path, migrated_file: Path, broker_url: str
) -> None:
    (tmp_path / "var").mkdir()
    shutil.copyfile(migrated_file, tmp_path / "var" / "webex-ingest.db")
    told = {
        "DATABASE_URL": f"sqlite:///{tmp_path / 'var' / 'webex-ingest.db'}",
        "CELERY_BROKER_URL": broker_url,
        "LEASE_SECONDS": "2",
        "POLL_GIVE_UP_HOURS": "1",
    }
    pools = {"control": "threads", "poll": "prefork"}
    with house(tmp_path, told) as home, home.scaled_out(pools) as running, ExitStack() as stack:
        home.register()
        poisoned = Poisoned(home, running["poll"], stack)
        slow = {"media": {"bytes_per_second": 200_000}, "times": None}
        recording = {"bytes": 300_000, "audio": False, "faults": [slow]}
        others = [
            home.simulator.control.hold_meeting(recordings=[recording] * 2, transcripts=1),
            home.simulator.control.hold_meeting(recordings=1, transcripts=1),
        ]
        meetings = [each["meeting_id"] for each in others]
        waiting, quick = set(meetings), meetings[1]

        def all_over() -> bool:
            poisoned.kill_who_works(spared=quick in waiting)
            if quick in waiting and is_complete(home, quick):
                waiting.discard(quick)
                assert not poisoned.both_failed(), "it waited for what kills its workers"
            if not poisoned.both_failed():
                return False
            waiting.difference_update([each for each in waiting if is_complete(home, each)])
            return not waiting

        eventually(all_over, seconds=150, message=lambda: f"{poisoned.rows()} {waiting}")

        assert poisoned.executions() == {"poll": MOST_LOST, "transfer": MOST_LOST}
        for row in poisoned.rows():
            assert (row.error_code, row.attempt) == ("worker_lost", MOST_LOST + 1)
            assert row.error == "5 workers in a row vanished while working on it"
        poisoned.control.forget_faults()
        home.command("retry", "--failed")
        for meeting_id in (*meetings, poisoned.bringing):
            home.wait_until_complete(meeting_id)
            assert home.differences(meeting_id) == []
        home.wait_until_no_part_is_left()
