"""Files get their name only when they are whole, and what an attempt wrote is not lost."""

import hashlib
import json
import os
import resource
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.archive.part import SYNC_BYTES, Part
from app.archive.store import Archive, Stored, to_json
from app.errors import DiskFull, MediaBroken, WorkerStopping
from app.models.words import Kind
from simulator import mp4
from tests.processes import eventually

FOLDER = "example.webex.com/2021/05/14/m_I_1"
VIDEO = "recordings/r1.mp4"
MOVIE = b"".join(mp4.video("a movie", 3, 30_000).pieces())


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(tmp_path / "archive", reserve_bytes=0)


@contextmanager
def open_part(archive: Archive, *, ingest_id: int = 7, attempt: int = 1) -> Iterator[Part]:
    with archive.part(FOLDER, VIDEO, ingest_id=ingest_id, attempt=attempt) as part:
        yield part


def store(archive: Archive, content: bytes, path: str, kind: Kind) -> Stored:
    return archive.store_bytes(content, FOLDER, path, kind, ingest_id=7, attempt=1)


def files(archive: Archive) -> list[str]:
    return sorted(path.name for path in archive.root.rglob("*") if path.is_file())


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """Let the system refuse to write beyond a size, as a full disk does (EFBIG, not ENOSPC)."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)


@contextmanager
def unflushable(part: Part) -> Iterator[None]:
    """Put a pipe in the place of a part's file: no system flushes those."""
    kept = os.dup(part._descriptor)
    ends = os.pipe()
    os.dup2(ends[1], part._descriptor)
    try:
        yield
    finally:
        os.dup2(kept, part._descriptor)
        for descriptor in (kept, *ends):
            os.close(descriptor)


def test_a_part_knows_what_is_in_it(archive: Archive) -> None:
    with open_part(archive) as part:
        part.write(MOVIE[:100])
        part.write(MOVIE[100:])

        assert part.path.read_bytes() == MOVIE
        assert part.size == len(MOVIE)
        assert part.sha256 == hashlib.sha256(MOVIE).hexdigest()
        assert part.synced == 0
        part.sync()
        assert part.synced == len(MOVIE)


def test_a_restarted_part_is_empty(archive: Archive) -> None:
    with open_part(archive) as part:
        part.write(b"something else that was longer" * 2000)
        part.sync()
        part.restart()
        part.write(MOVIE)

        assert part.path.read_bytes() == MOVIE
        assert part.sha256 == hashlib.sha256(MOVIE).hexdigest()
        assert part.synced == 0


def test_a_part_survives_an_error(archive: Archive) -> None:
    def fail() -> None:
        with open_part(archive) as part:
            part.write(b"abc")
            raise MediaBroken("on purpose")

    with pytest.raises(MediaBroken):
        fail()

    assert files(archive) == [".r1.mp4.7-1.part"]


@pytest.mark.parametrize("alive", [True, False])
def test_a_later_attempt_takes_over_what_was_surely_written(archive: Archive, alive: bool) -> None:
    with ExitStack() as first_attempt:
        earlier = first_attempt.enter_context(open_part(archive))
        earlier.write(MOVIE)
        if not alive:
            first_attempt.close()
        part = first_attempt.enter_context(open_part(archive, attempt=2))
        file_before = earlier.path.stat().st_ino

        part.take_over(earlier.path, 20_000)

        assert (part.path.stat().st_ino == file_before) is not alive
        assert part.path.read_bytes() == MOVIE[:20_000]
        assert (part.size, part.synced) == (20_000, 20_000)
        assert part.sha256 == hashlib.sha256(MOVIE[:20_000]).hexdigest()
    assert files(archive) == [".r1.mp4.7-2.part"]


def test_a_part_that_is_shorter_than_was_told_gives_what_it_has(archive: Archive) -> None:
    with open_part(archive) as earlier:
        earlier.write(b"abc")

    with open_part(archive, attempt=2) as part:
        part.take_over(earlier.path, 20_000)

        assert part.path.read_bytes() == b"abc"
        assert part.size == 3


def test_an_overtaken_attempt_writes_into_nothing(archive: Archive) -> None:
    with open_part(archive) as frozen, open_part(archive, attempt=2) as part:
        frozen.write(MOVIE[:10_000])
        part.take_over(frozen.path, 10_000)

        frozen.write(b"late" * 1000)
        part.write(MOVIE[10_000:])

        assert part.path.read_bytes() == MOVIE
        assert not frozen.path.exists()


def test_a_take_over_that_fails_leaves_the_earlier_part_in_charge(archive: Archive) -> None:
    with open_part(archive) as earlier:
        earlier.write(MOVIE)

        with (
            open_part(archive, attempt=2) as part,
            files_of_at_most(8192),
            pytest.raises(OSError, match="too large"),
        ):
            part.take_over(earlier.path, len(MOVIE))

    found = archive.earlier_part(FOLDER, VIDEO, ingest_id=7, attempt=3)
    assert found == earlier.path
    assert earlier.path.read_bytes() == MOVIE


@pytest.mark.parametrize("alive", [True, False])
def test_a_take_over_that_is_stopped_loses_nothing(archive: Archive, alive: bool) -> None:
    def stop() -> None:
        raise WorkerStopping("on purpose")

    with ExitStack() as first_attempt:
        earlier = first_attempt.enter_context(open_part(archive))
        earlier.write(MOVIE * 100)
        if not alive:
            first_attempt.close()
        with open_part(archive, attempt=2) as part, pytest.raises(WorkerStopping):
            part.take_over(earlier.path, 2_500_000, progress=stop)

        found = archive.earlier_part(FOLDER, VIDEO, ingest_id=7, attempt=3)
        assert found is not None
        with open_part(archive, attempt=3) as part:
            part.take_over(found, 2_500_000)
            assert part.path.read_bytes() == (MOVIE * 100)[:2_500_000]


def test_only_a_copy_needs_space(archive: Archive) -> None:
    asked: list[int] = []
    with open_part(archive) as earlier:
        earlier.write(MOVIE)
        with open_part(archive, attempt=2) as part:
            part.take_over(earlier.path, 20_000, check_space=asked.append)
    assert asked == [20_000]

    with open_part(archive, attempt=3) as later:
        later.take_over(part.path, 20_000, check_space=asked.append)
    assert asked == [20_000]


def test_pieces_written_ahead_count_once_their_turn_has_come(archive: Archive) -> None:
    with open_part(archive) as part:
        part.write_at(10_000, MOVIE[10_000:])
        assert part.size == 0
        part.write(MOVIE[:10_000])

        part.extend(len(MOVIE))

        assert part.path.read_bytes() == MOVIE
        assert (part.size, part.sha256) == (len(MOVIE), hashlib.sha256(MOVIE).hexdigest())


def test_after_a_failed_flush_nothing_more_counts_as_flushed(archive: Archive) -> None:
    with open_part(archive) as part:
        part.write(MOVIE[:10_000])
        part.sync()
        part.write(MOVIE[10_000:])
        with unflushable(part), pytest.raises(OSError, match="Invalid"):
            part.sync()

        # The system would say yes now.
        with pytest.raises(OSError, match="Invalid"):
            part.sync()
        assert part.synced == 10_000

        part.restart()
        part.write(MOVIE)
        part.sync()
        assert part.synced == len(MOVIE)


def test_a_part_is_flushed_beside_the_writing(archive: Archive) -> None:
    with open_part(archive) as part:
        piece = bytes(SYNC_BYTES // 4)
        for _ in range(9):
            part.write(piece)
            assert part.size - part.synced < 2 * SYNC_BYTES
        assert part.synced >= SYNC_BYTES

        part.sync()
        assert part.synced == part.size
        part.restart()
        assert part.synced == part.size == 0


def test_what_comes_slowly_is_flushed_all_the_same(tmp_path: Path) -> None:
    with Part(tmp_path / "a.part", sync_seconds=0) as part:
        part.write(b"slowly")

        eventually(lambda: part.synced == part.size)


def test_what_could_not_be_written_does_not_count(archive: Archive) -> None:
    with open_part(archive) as part:
        part.write(MOVIE[:4096])
        with files_of_at_most(8192), pytest.raises(OSError, match="too large"):
            part.write(MOVIE[4096:])

        assert part.size == 4096
        assert part.sha256 == hashlib.sha256(MOVIE[:4096]).hexdigest()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_is_told_as_such(tmp_path: Path) -> None:
    with Part(tmp_path / "part") as part:
        full = os.open("/dev/full", os.O_WRONLY)
        os.dup2(full, part._descriptor)
        os.close(full)

        with pytest.raises(DiskFull, match="full"):
            part.write(b"abc")
        assert part.size == 0


def test_the_longest_earlier_part_is_found(archive: Archive) -> None:
    for attempt, content in ((2, b"ab"), (10, b"abcd"), (9, b"abc"), (8, b"abc"), (12, b"abcdef")):
        with open_part(archive, attempt=attempt) as part:
            part.write(content)
    with open_part(archive, ingest_id=77, attempt=10) as part:
        part.write(MOVIE)

    def found(attempt: int) -> str | None:
        part = archive.earlier_part(FOLDER, VIDEO, ingest_id=7, attempt=attempt)
        return part.name if part else None

    assert found(12) == ".r1.mp4.7-10.part"
    assert found(10) == ".r1.mp4.7-8.part"
    assert archive.earlier_part(FOLDER, VIDEO, ingest_id=7, attempt=2) is None
    assert archive.earlier_part(FOLDER, "recordings/r2.mp4", ingest_id=7, attempt=99) is None
    assert archive.earlier_part("nowhere", VIDEO, ingest_id=7, attempt=99) is None


def test_the_parts_of_an_ended_ingest_are_removed_and_no_others(archive: Archive) -> None:
    for path in (VIDEO, "recordings/r1.mp3", "recordings/a.7-1.mp4"):
        for ingest_id in (7, 77, 1):
            with archive.part(FOLDER, path, ingest_id=ingest_id, attempt=2):
                pass

    archive.remove_parts(FOLDER, {7: 2})

    left = files(archive)
    assert len(left) == 6
    assert not [name for name in left if name.endswith(".7-2.part")]


def test_the_part_of_a_later_attempt_is_left_alone(archive: Archive) -> None:
    for attempt in (1, 2, 3):
        with open_part(archive, attempt=attempt):
            pass

    archive.remove_parts(FOLDER, {7: 2})

    assert files(archive) == [".r1.mp4.7-3.part"]


def test_removing_parts_where_nothing_is_harms_nothing(archive: Archive) -> None:
    archive.remove_parts(FOLDER, {7: 2})


def test_a_whole_part_gets_its_name(archive: Archive) -> None:
    with open_part(archive) as part:
        part.write(MOVIE)
        stored = archive.publish(part, FOLDER, VIDEO, Kind.VIDEO)

    assert stored == Stored(VIDEO, len(MOVIE), hashlib.sha256(MOVIE).hexdigest())
    assert files(archive) == ["r1.mp4"]
    assert archive.locate(FOLDER, VIDEO).read_bytes() == MOVIE
    assert archive.locate(FOLDER, VIDEO).stat().st_mode & 0o027 == 0


def test_a_broken_part_never_gets_its_name(archive: Archive) -> None:
    with open_part(archive) as part:
        part.write(MOVIE[:-1])
        with pytest.raises(MediaBroken):
            archive.publish(part, FOLDER, VIDEO, Kind.VIDEO)

    assert files(archive) == [".r1.mp4.7-1.part"]


def test_a_file_in_place_is_replaced_only_by_a_whole_one(archive: Archive) -> None:
    with open_part(archive) as part:
        part.write(MOVIE)
        archive.publish(part, FOLDER, VIDEO, Kind.VIDEO)

    with open_part(archive, attempt=2) as part:
        part.write(b"<html>")
        with pytest.raises(MediaBroken):
            archive.publish(part, FOLDER, VIDEO, Kind.VIDEO)

    assert archive.locate(FOLDER, VIDEO).read_bytes() == MOVIE


def test_a_part_is_on_the_disk_before_it_gets_its_name(archive: Archive) -> None:
    with open_part(archive) as part:
        part.write(MOVIE)
        archive.publish(part, FOLDER, VIDEO, Kind.VIDEO)

        assert part.synced == len(MOVIE)


def test_storing_the_same_bytes_twice_changes_nothing(archive: Archive) -> None:
    first = store(archive, b"{}\n", "meeting.json", Kind.MEETING)
    before = archive.locate(FOLDER, "meeting.json").stat()

    second = store(archive, b"{}\n", "meeting.json", Kind.MEETING)

    after = archive.locate(FOLDER, "meeting.json").stat()
    assert first == second == Stored("meeting.json", 3, hashlib.sha256(b"{}\n").hexdigest())
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


def test_storing_other_bytes_replaces_the_file_as_a_whole(archive: Archive) -> None:
    store(archive, b"[1]\n", "meeting.json", Kind.MEETING)

    store(archive, b"[2]\n", "meeting.json", Kind.MEETING)

    assert archive.locate(FOLDER, "meeting.json").read_bytes() == b"[2]\n"
    assert files(archive) == ["meeting.json"]


def test_bytes_that_are_not_of_their_kind_leave_nothing_behind(archive: Archive) -> None:
    with pytest.raises(MediaBroken):
        store(archive, b"WEBVTT\n", "transcripts/t1.vtt", Kind.VTT)

    assert files(archive) == []


def test_what_is_in_place_is_found_with_its_checksum(archive: Archive) -> None:
    store(archive, b"{}\n", "meeting.json", Kind.MEETING)

    assert archive.find(FOLDER, "meeting.json") is not None
    assert archive.find(FOLDER, "participants.json") is None
    assert archive.find(FOLDER, "") is None


def test_the_reserve_of_the_disk_is_never_touched(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "archive", reserve_bytes=2**62)

    with pytest.raises(DiskFull, match="DISK_RESERVE_BYTES"):
        archive.check_space()
    with pytest.raises(DiskFull):
        store(archive, b"{}\n", "meeting.json", Kind.MEETING)
    assert files(archive) == []


def test_a_file_that_would_not_fit_is_refused(archive: Archive) -> None:
    archive.check_space()

    with pytest.raises(DiskFull):
        archive.check_space(2**62)


@pytest.mark.parametrize(
    "value",
    [
        {"topic": "Grüße 👋"},
        {"topic": "half \ud83d of a pair"},
        {"\udc00": ["\x00", "\u2028"]},
    ],
)
def test_whatever_webex_sent_can_be_written_and_read(value: dict[str, Any]) -> None:
    written = to_json(value)

    assert json.loads(written) == value
    assert written.decode().endswith("}\n")


def test_a_manifest_that_a_dead_writer_left_half_written_is_removed_and_no_other(
    archive: Archive,
) -> None:
    archive.write_manifest(FOLDER, {"version": 1})
    place = archive.locate(FOLDER, "manifest.json")
    place.with_name(".manifest.json.0123456789abcdef.part").write_text("half of")
    with Part(place.with_name(".manifest.json.fedcba9876543210.part")):
        archive.write_manifest(FOLDER, {"version": 1})

        assert files(archive) == [".manifest.json.fedcba9876543210.part", "manifest.json"]
    archive.write_manifest(FOLDER, {"version": 1})
    assert files(archive) == ["manifest.json"]


def test_json_is_written_for_people(archive: Archive) -> None:
    archive.write_manifest(FOLDER, {"version": 1, "title": "Grüße"})

    text = archive.locate(FOLDER, "manifest.json").read_text()
    assert text == '{\n  "version": 1,\n  "title": "Grüße"\n}\n'
    assert files(archive) == ["manifest.json"]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.binary(max_size=50), max_size=10))
def test_a_parts_checksum_is_that_of_all_its_pieces(pieces: list[bytes]) -> None:
    with Part(Path(os.devnull)) as part:
        for piece in pieces:
            part.write(piece)

        assert part.sha256 == hashlib.sha256(b"".join(pieces)).hexdigest()
