"""Following work to its end: a live line on a terminal, few plain lines elsewhere."""

import os
import pty
import re
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from app.cli.follow import PlainLines, downloads_text, percent_done
from app.db.engine import Database
from app.db.ingests import end_attempt, heartbeat
from app.db.meetings import find_meeting, settle_completeness
from app.db.place import prepare_file
from app.db.schema import migrate
from app.db.standing import ingests_of
from app.ingestion.status import meeting_status
from app.models.outcomes import Done, Wait
from app.models.status import MeetingStatus
from app.models.tables import Meeting
from app.models.times import format_time, utc_now
from app.models.words import CORE_RESOURCES, Reason, Resource
from tests.e2e.commands import INTERRUPTIBLE
from tests.e2e.house import House, house
from tests.processes import eventually, start
from tests.web.rows import Rows

MIB = 1024**2
VIDEO = {"stage": "video", "bytes_done": 30 * MIB, "bytes_total": 60 * MIB}


@pytest.fixture
def home(tmp_path: Path) -> Iterator[House]:
    """An installation in which nothing runs."""
    with house(tmp_path) as home:
        yield home


@pytest.fixture
def database(home: House) -> Iterator[Database]:
    """Its database, with the newest schema."""
    path = home.folder / "var" / "webex-ingest.db"
    prepare_file(str(path))
    database = Database(f"sqlite:///{path}")
    migrate(database)
    yield database
    database.dispose()


@pytest.fixture
def rows(database: Database) -> Rows:
    """Makes rows a little ahead of the clock, so that no slow machine finds a heartbeat old."""
    return Rows(database, utc_now() + timedelta(minutes=1))


def test_a_download_has_one_line_in_five_seconds(rows: Rows) -> None:
    rows.run(rows.ingest(rows.meeting("m_I_1"), Resource.RECORDINGS, "r1"), **VIDEO)
    lines = PlainLines()

    said = {second: list(lines.of([told(rows)], second)) for second in range(100, 112)}

    line = "m_I_1 recordings r1: running: downloading video, 50% of 60.0 MiB"
    assert {second: each for second, each in said.items() if each} == {
        100: [line],
        105: [line],
        110: [line],
    }


def test_what_changes_otherwise_is_told_at_once_and_once(rows: Rows) -> None:
    recording = rows.ingest(rows.meeting("m_I_1"), Resource.RECORDINGS, "r1")
    lines = PlainLines()

    said = [*lines.of([told(rows)], 100), *lines.of([told(rows)], 200)]
    lease = rows.run(recording, **VIDEO)
    said += lines.of([told(rows)], 200.1)
    with rows.database.transaction() as session:
        heartbeat(session, lease, now=rows.now, stage="audio", bytes_done=0, bytes_total=None)
    said += lines.of([told(rows)], 200.2)
    rows.end(lease, Wait(rows.now + timedelta(hours=1), Reason.DISK_FULL))
    said += [*lines.of([told(rows)], 200.3), *lines.of([told(rows)], 300)]

    assert said == [
        "m_I_1 recordings r1: waiting",
        "m_I_1 recordings r1: running: downloading video, 50% of 60.0 MiB",
        "m_I_1 recordings r1: running: downloading audio",
        "m_I_1 recordings r1: waiting: disk_full",
    ]


def test_a_download_moves_the_bar_by_its_bytes_and_only_the_end_is_100(rows: Rows) -> None:
    meeting = rows.meeting("m_I_1")
    rows.ingest(meeting, Resource.MEETINGS, outcome=Done())
    recording = rows.ingest(meeting, Resource.RECORDINGS, "r1")
    percents = [percent_done([]), percent_done(told(rows).ingests)]

    lease = rows.run(recording, **VIDEO)
    percents.append(percent_done(told(rows).ingests))
    with rows.database.transaction() as session:
        heartbeat(session, lease, now=rows.now, bytes_done=60 * MIB)
    percents.append(percent_done(told(rows).ingests))
    rows.end(lease, Done())

    assert [*percents, percent_done(told(rows).ingests)] == [0, 50, 75, 99, 100]


def test_of_several_downloads_the_longest_is_told(rows: Rows) -> None:
    meeting = rows.meeting("m_I_1")
    for name, speed in (("r1", 3 * MIB), ("r2", MIB), ("r3", 2 * MIB)):
        recording = rows.ingest(meeting, Resource.RECORDINGS, name)
        rows.run(recording, **VIDEO, bytes_per_second=speed)

    assert downloads_text(told(rows).ingests) == (
        "video, 50% of 60.0 MiB, 1.0 MiB/s, 30 seconds left (and 2 more)"
    )
    assert downloads_text([]) == ""


def test_a_terminal_shows_one_live_line_until_everything_has_ended(home: House, rows: Rows) -> None:
    meeting_id = home.simulator.control.hold_meeting(webhooks=False)["meeting_id"]
    home.command("ingest", meeting_id)

    with on_terminal(home, ["ingest", meeting_id, "--wait"]) as terminal:
        terminal.wait_for("0 of 4 done")
        lease = rows.run(recording_of(rows, meeting_id), **VIDEO, bytes_per_second=MIB)
        terminal.wait_for("10%  video, 50% of 60.0 MiB, 1.0 MiB/s, 30 seconds left")
        rows.end(lease, Done())
        end_everything(rows, meeting_id)
        terminal.wait_for("100%  5 of 5 done")
        code = terminal.ended()

    assert code == 0
    drawn = drawn_after(terminal, "will be ingested.")
    assert max(map(len, drawn)) < 80
    assert not any("\n" in each.strip() for each in drawn), "one line, drawn over again"


def test_what_webex_is_asked_for_later_is_named_and_not_waited_for(home: House, rows: Rows) -> None:
    meeting_id = home.simulator.control.hold_meeting(webhooks=False)["meeting_id"]
    home.command("ingest", meeting_id)
    again_at = utc_now().replace(microsecond=0) + timedelta(days=2)
    rows.ingest(
        meeting_of(rows, meeting_id),
        Resource.ATTENDEES,
        outcome=Wait(again_at, Reason.NOT_FINAL),
    )
    end_everything(rows, meeting_id)

    *_, last = home.command("ingest", meeting_id, "--wait").splitlines()

    later = f"attendees ({format_time(again_at)})"
    assert last == f"{meeting_id}: asked for again without being waited for: {later}"


def test_a_narrow_terminal_never_wraps_the_line_and_an_interrupt_says_that_the_work_goes_on(
    home: House, rows: Rows
) -> None:
    meeting = rows.failed_meeting("m_I_1", "It went wrong.")
    recording = rows.ingest(meeting, Resource.RECORDINGS, "r1")
    rows.run(recording, **VIDEO, bytes_per_second=MIB)

    with on_terminal(home, ["retry", "m_I_1", "--wait"], columns=60) as terminal:
        terminal.wait_for("25%  video, 50% of 60.0 MiB, 1.0")
        terminal.interrupt()
        terminal.wait_for("Stopped. The work goes on; `webex-ingest status` says how far it is.")
        assert terminal.ended() == 1

    said = terminal.said()
    assert said.rindex("\x1b[?25h") > said.rindex("\x1b[?25l"), "the cursor is there again"
    assert "Traceback" not in said
    assert max(map(len, drawn_after(terminal, "will be tried again.")[:-1])) < 60


def test_status_tells_running_transfers_and_what_waits_with_half_a_file(
    home: House, rows: Rows
) -> None:
    meeting = rows.meeting("m_I_1")
    due_at = rows.now
    for name in ("r1", "r2"):
        recording = rows.ingest(meeting, Resource.RECORDINGS, name, due_at=due_at)
        lease = rows.run(recording, **VIDEO, bytes_per_second=MIB)
    rows.end(lease, Wait(rows.now + timedelta(hours=1), Reason.SHUTDOWN))

    overall, one = home.command("status"), home.command("status", "m_I_1")
    as_json = home.status("m_I_1")["ingests"]

    assert "Transfers 1 running, 50% of 60.0 MiB, 1.0 MiB/s, 30 seconds left\n" in overall
    assert "downloading video, 50% of 60.0 MiB, 1.0 MiB/s, 30 seconds left" in one
    assert "shutdown; 50% of the video (60.0 MiB) is here" in one
    assert [each["bytes_per_second"] for each in as_json] == [MIB, None]
    assert [each["remaining_seconds"] for each in as_json] == [30, None]


def told(rows: Rows) -> MeetingStatus:
    """How the meeting stands."""
    status = meeting_status(rows.database, "m_I_1", now=rows.now, lease_seconds=30)
    assert status is not None
    return status


def recording_of(rows: Rows, meeting_id: str) -> int:
    """One more recording of a meeting, due now."""
    return rows.ingest(meeting_of(rows, meeting_id), Resource.RECORDINGS, "r1")


def meeting_of(rows: Rows, meeting_id: str) -> Meeting:
    """The row of a meeting."""
    with rows.database.reading() as session:
        meeting = find_meeting(session, meeting_id)
    assert meeting is not None
    return meeting


def end_everything(rows: Rows, meeting_id: str) -> None:
    """Let workers end all that is open, well."""
    with rows.database.reading() as session:
        meeting = find_meeting(session, meeting_id)
        assert meeting is not None
        assert meeting.id is not None
        found = ingests_of(session, meeting.id)
    leases = []
    for each in found:
        if each.resource in CORE_RESOURCES and not each.resource_id:
            assert each.id is not None
            leases.append(rows.run(each.id))
    # At once, as a worker does it: who sees the last one ended sees the meeting complete.
    with rows.database.transaction() as session:
        for lease in leases:
            end_attempt(session, lease, Done(), now=rows.now)
        settle_completeness(session, meeting.id, now=rows.now)


def drawn_after(terminal: "Terminal", answer: str) -> list[str]:
    """The lines that were drawn over each other after an answer, without what moves the cursor."""
    drawn = terminal.said().partition(answer)[2].strip().split("\r")
    return [re.sub(r"\x1b\[\S+?[a-zA-Z]", "", each) for each in drawn]


class Terminal:
    """What a command draws on a terminal."""

    def __init__(self, process: Any, screen: int) -> None:
        self._process = process
        self._screen = screen
        self._said = b""
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def said(self) -> str:
        """Everything so far, with what moves the cursor."""
        return self._said.decode()

    def wait_for(self, text: str) -> None:
        """Wait until the text has been drawn."""
        eventually(lambda: text in self.said(), message=lambda: f"{text!r} not in {self.said()!r}")

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        self._process.send_signal(signal.SIGINT)

    def ended(self) -> int:
        """Wait for the end of the command; its exit code."""
        code: int = self._process.wait(10)
        self._thread.join(10)
        return code

    def close(self) -> None:
        """End the command if it still runs."""
        if self._process.poll() is None:
            self._process.terminate()
        self.ended()
        os.close(self._screen)

    def _read(self) -> None:
        while True:
            try:
                more = os.read(self._screen, 65536)
            except OSError:  # Linux says so when nobody has the other end open any more
                return
            if not more:
                return
            self._said += more


@contextmanager
def on_terminal(home: House, words: list[str], *, columns: int = 80) -> Iterator[Terminal]:
    """Run a command of ours on a terminal of its own for the length of the block."""
    screen, line = pty.openpty()
    environment = home.environment | {"COLUMNS": str(columns), "TERM": "xterm"}
    argv = [*INTERRUPTIBLE, *words]
    with os.fdopen(line, "wb") as output:
        process = start(argv, output=output, environment=environment, cwd=home.folder)
    terminal = Terminal(process, screen)
    try:
        yield terminal
    finally:
        terminal.close()
