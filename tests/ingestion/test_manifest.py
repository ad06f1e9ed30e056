"""The manifest on disk tells what the rows say, whoever writes it and whatever broke before."""

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from app.archive.store import Archive
from app.db.engine import Database
from app.db.meetings import ensure_meeting, find_meeting, fix_folder, tell, touch
from app.db.ticks import last_tick
from app.ingestion.storing import refresh_manifest
from app.ingestion.sweep import sweep
from app.ingestion.workbench import Workbench
from app.models.tables import Meeting
from tests.ingestion.benches import NOW, make_bench


@pytest.fixture
def bench(tmp_path: Path, database: Database) -> Iterator[Workbench]:
    made = make_bench(tmp_path, database.url.render_as_string(hide_password=False))
    yield made
    made.database.dispose()


@dataclass(frozen=True, slots=True)
class SlowArchive(Archive):
    """An archive on a disk that stops for a while before it writes a manifest."""

    reached: threading.Event = field(default_factory=threading.Event)
    go_on: threading.Event = field(default_factory=threading.Event)

    def write_manifest(self, folder: str, manifest: dict[str, Any]) -> None:
        self.reached.set()
        assert self.go_on.wait(20)
        Archive.write_manifest(self, folder, manifest)


@dataclass(frozen=True, slots=True)
class LateArchive(Archive):
    """An archive on which something happens while the turn is about to end."""

    at_last: list[Callable[[], None]] = field(default_factory=list)

    @contextmanager
    def manifest_turn(self, folder: str) -> Iterator[bool]:
        with Archive.manifest_turn(self, folder) as is_ours:
            yield is_ours
            while self.at_last:
                self.at_last.pop()()


def test_what_changes_while_a_turn_ends_is_told_at_once(bench: Workbench) -> None:
    row_id = make_meeting(bench, "a_I_1")
    disk = LateArchive(bench.archive.root, 0)

    def change() -> None:
        rename(bench, "a_I_1", "Newest")
        refresh_manifest(bench, row_id)
        assert on_disk(bench, "a_I_1")["title"] != "Newest", "the turn was taken"

    disk.at_last.append(change)
    refresh_manifest(replace(bench, archive=disk), row_id)

    assert on_disk(bench, "a_I_1")["title"] == "Newest"


def test_writers_at_the_same_time_end_with_the_newest_on_disk(bench: Workbench) -> None:
    row_id = make_meeting(bench, "a_I_1")
    barrier = threading.Barrier(6)

    def change(thread: int) -> None:
        barrier.wait(10)
        for number in range(5):
            rename(bench, "a_I_1", f"{thread}-{number}")
            refresh_manifest(bench, row_id)

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(change, range(6)))

    meeting = read(bench, "a_I_1")
    assert meeting.manifest_revision == meeting.revision
    assert on_disk(bench, "a_I_1")["title"] == meeting.title


def test_a_slow_writer_does_not_leave_its_old_manifest_over_a_newer_one(bench: Workbench) -> None:
    row_id = make_meeting(bench, "a_I_1")
    disk = SlowArchive(bench.archive.root, 0)
    slow = replace(bench, archive=disk)

    with ThreadPoolExecutor(1) as threads:
        late = threads.submit(refresh_manifest, slow, row_id)
        assert disk.reached.wait(10)
        rename(bench, "a_I_1", "Newest")
        refresh_manifest(bench, row_id)
        disk.go_on.set()
        late.result(20)

    assert on_disk(bench, "a_I_1")["title"] == "Newest"


def test_an_older_manifest_never_takes_the_place_of_one_that_is_noted(bench: Workbench) -> None:
    row_id = make_meeting(bench, "a_I_1")
    refresh_manifest(bench, row_id)
    rename(bench, "a_I_1", "Renamed")

    with bench.archive.manifest_turn("a_I_1") as is_ours:
        refresh_manifest(bench, row_id)

        assert is_ours
        assert on_disk(bench, "a_I_1")["title"] != "Renamed"
        assert read(bench, "a_I_1").manifest_revision < read(bench, "a_I_1").revision
    sweep(bench)

    assert on_disk(bench, "a_I_1")["title"] == "Renamed"


def test_a_manifest_that_a_crash_left_behind_is_mended_by_the_sweep(bench: Workbench) -> None:
    row_id = make_meeting(bench, "a_I_1")
    refresh_manifest(bench, row_id)
    rename(bench, "a_I_1", "Renamed")
    assert on_disk(bench, "a_I_1")["title"] != "Renamed"

    sweep(bench)

    assert on_disk(bench, "a_I_1")["title"] == "Renamed"


def test_a_manifest_that_says_everything_is_not_written_again(bench: Workbench) -> None:
    row_id = make_meeting(bench, "a_I_1")
    refresh_manifest(bench, row_id)
    path = bench.archive.locate("a_I_1", "manifest.json")
    written = path.stat().st_mtime_ns, path.stat().st_ino

    refresh_manifest(bench, row_id)
    sweep(bench)

    assert (path.stat().st_mtime_ns, path.stat().st_ino) == written


def test_one_folder_that_cannot_be_written_holds_up_no_other_and_not_the_sweep(
    bench: Workbench,
) -> None:
    make_meeting(bench, "a_I_1")
    make_meeting(bench, "b_I_2")
    bench.archive.root.mkdir(parents=True)
    (bench.archive.root / "a_I_1").write_text("a file where a folder should be")

    sweep(bench)

    assert on_disk(bench, "b_I_2")["meeting_id"] == "b_I_2"
    with bench.database.reading() as session:
        assert last_tick(session, "sweep") == NOW
    (bench.archive.root / "a_I_1").unlink()
    sweep(bench)
    assert on_disk(bench, "a_I_1")["meeting_id"] == "a_I_1"


def make_meeting(bench: Workbench, meeting_id: str) -> int:
    with bench.database.transaction() as session:
        meeting = ensure_meeting(session, meeting_id, source="webhook", now=NOW)
        fix_folder(session, meeting, meeting_id)
        assert meeting.id is not None
        touch(session, meeting.id)
        return meeting.id


def rename(bench: Workbench, meeting_id: str, title: str) -> None:
    meeting = read(bench, meeting_id)
    with bench.database.transaction() as session:
        tell(session, meeting, title=title)


def read(bench: Workbench, meeting_id: str) -> Meeting:
    with bench.database.reading() as session:
        meeting = find_meeting(session, meeting_id)
    assert meeting is not None
    return meeting


def on_disk(bench: Workbench, folder: str) -> dict[str, Any]:
    text = bench.archive.locate(folder, "manifest.json").read_text()
    manifest: dict[str, Any] = json.loads(text)
    return manifest
