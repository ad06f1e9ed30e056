"""Files over HTTP as `serve` runs it: many readers, readers that stall, files that change."""

import os
import random
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime
from http.client import HTTPConnection, HTTPResponse, IncompleteRead
from pathlib import Path
from typing import BinaryIO

import psutil
import pytest

from app.db.engine import Database
from app.models.words import Kind, Resource
from tests.e2e.doors import AUTHORIZATION, Door, assert_quick, door
from tests.processes import eventually, free_port
from tests.web.rows import Rows

SHORT = "/api/v1/meetings/m_I_1/files/recordings/short.mp4"
LONG = "/api/v1/meetings/m_I_1/files/recordings/long.mp4"
BYTES = random.Random(7).randbytes(8 * 1024**2)  # noqa: S311 -- no secret
LONG_BYTES = 2 * 1024**3
READ_BYTES = 128 * 1024**2
MARK = b"the last bytes of two gibibytes"
SIGNED_IN = {"Authorization": AUTHORIZATION}


class Shelf:
    """An archive with one meeting, and its database."""

    def __init__(self, folder: Path, migrated_file: Path) -> None:
        self.folder = folder
        self.url = f"sqlite:///{folder / 'webex-ingest.db'}"
        shutil.copyfile(migrated_file, folder / "webex-ingest.db")
        self.place = folder / "archive" / "example.com" / "m_I_1" / "recordings"
        self.place.mkdir(parents=True)
        self.put("short", len(BYTES)).write_bytes(BYTES)
        with self.put("long", LONG_BYTES).open("wb") as file:
            # A hole, that takes no room on the disk.
            file.truncate(LONG_BYTES)
            file.seek(LONG_BYTES - len(MARK))
            file.write(MARK)

    def put(self, name: str, size: int) -> Path:
        """The row of a video; return where it is to be."""
        database = Database(self.url)
        rows = Rows(database, datetime.now(UTC))
        meeting, path = rows.meeting("m_I_1"), f"recordings/{name}.mp4"
        rows.file(meeting, path, Kind.VIDEO, size, Resource.RECORDINGS)
        database.dispose()
        return self.place / f"{name}.mp4"

    @contextmanager
    def served(self, *options: str, most_open: int | None = None) -> Iterator[Door]:
        """The door in front of it."""
        broker = f"redis://127.0.0.1:{free_port()}/0"
        with door(self.folder, self.url, broker, *options, most_open=most_open) as running:
            yield running


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory, migrated_file: Path) -> Shelf:
    """An archive with a short and a long video."""
    return Shelf(tmp_path_factory.mktemp("files"), migrated_file)


@pytest.fixture(scope="module")
def running(shelf: Shelf) -> Iterator[Door]:
    """The door in front of it."""
    with shelf.served() as running:
        yield running


class Reader:
    """A reader of one file, on a connection of its own, who takes no more than is asked of it."""

    def __init__(self, running: Door, path: str, *, receive_bytes: int | None = None) -> None:
        self.socket = running.connect(receive_bytes=receive_bytes)
        self.socket.sendall(as_request(path))
        self._answer = HTTPResponse(self.socket)

    def __enter__(self) -> "Reader":
        return self

    def __exit__(self, *_: object) -> None:
        # Both have the socket open.
        self._answer.close()
        self.socket.close()

    def begin(self) -> HTTPResponse:
        """The answer, of which only the head has been read."""
        self._answer.begin()
        return self._answer


def as_request(path: str) -> bytes:
    """The whole request."""
    return f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: {AUTHORIZATION}\r\n\r\n".encode()


def get(connection: HTTPConnection, path: str, **headers: str) -> tuple[int, bytes]:
    """One answer, on a connection that is kept."""
    connection.request("GET", path, headers=SIGNED_IN | headers)
    answer = connection.getresponse()
    return answer.status, answer.read()


def read_answer(stream: BinaryIO) -> bytes:
    """The body of the next of several answers."""
    length = 0
    while (line := stream.readline()) != b"\r\n":
        name, _, value = line.partition(b":")
        length = int(value) if name.lower() == b"content-length" else length
    return stream.read(length)


def drain(stream: HTTPResponse) -> int:
    """How much still comes."""
    buffer, came = bytearray(1024**2), 0
    while piece := stream.readinto(buffer):
        came += piece
    return came


def workers(running: Door) -> list[psutil.Process]:
    return psutil.Process(running.process.pid).children()


def open_videos(running: Door) -> int:
    """How many videos the door has open."""
    return sum(name.endswith(".mp4") for each in workers(running) for name, *_ in each.open_files())


def memory(running: Door) -> int:
    """What the door has in memory of its own."""
    return sum(each.memory_info().rss for each in workers(running))


def test_two_hundred_readers_that_stall_hold_up_nobody(running: Door) -> None:
    with ExitStack() as stack:
        readers = [
            stack.enter_context(Reader(running, LONG, receive_bytes=4096)) for _ in range(200)
        ]
        begun = [each.begin().status for each in readers]
        answers = [running.post(f"stalled{number}_I_1") for number in range(50)]
        connection = stack.enter_context(closing(running.http()))
        others = [get(connection, "/")[0], *[get(connection, SHORT)[1] == BYTES] * 3]
        videos = open_videos(running)

    assert begun == [200] * 200
    assert videos == 200
    assert_quick(answers)
    assert others == [200, True, True, True]
    eventually(lambda: open_videos(running) == 0, message="videos stay open without readers")


def test_many_parts_at_once_have_the_right_bytes(running: Door) -> None:
    def read_parts(seed: int) -> list[bool]:
        choice = random.Random(seed)  # noqa: S311 -- no secret
        with closing(running.http()) as connection:
            parts = [sorted(choice.sample(range(len(BYTES)), 2)) for _ in range(10)]
            return [
                get(connection, SHORT, Range=f"bytes={first}-{last}")
                == (206, BYTES[first : last + 1])
                for first, last in parts
            ]

    with ThreadPoolExecutor(8) as threads:
        right = [each for some in threads.map(read_parts, range(8)) for each in some]

    assert right == [True] * 80


def test_requests_that_follow_each_other_at_once_are_answered_in_turn(running: Door) -> None:
    asked = as_request(SHORT) + as_request("/livez") + as_request(SHORT)
    with running.connect() as client:
        client.sendall(asked)
        stream = client.makefile("rb")
        bodies = [read_answer(stream) for _ in range(3)]

    assert bodies == [BYTES, b"ok\n", BYTES]


def test_the_end_of_a_long_file_comes_at_once_and_reading_it_takes_no_memory(
    running: Door,
) -> None:
    with closing(running.http()) as connection:
        assert get(connection, LONG, Range=f"bytes=-{len(MARK)}") == (206, MARK)
        before = memory(running)
        connection.request("GET", LONG, headers=SIGNED_IN | {"Range": f"bytes=0-{READ_BYTES - 1}"})
        assert drain(connection.getresponse()) == READ_BYTES

    assert memory(running) - before < 16 * 1024**2


def test_a_file_that_is_replaced_meanwhile_is_sent_as_it_was(shelf: Shelf, running: Door) -> None:
    with Reader(running, SHORT, receive_bytes=4096) as reader:
        answer = reader.begin()
        other = shelf.place / "other"
        other.write_bytes(BYTES[::-1])
        other.replace(shelf.place / "short.mp4")
        try:
            assert answer.read() == BYTES
        finally:
            (shelf.place / "short.mp4").write_bytes(BYTES)


def test_a_file_that_becomes_shorter_meanwhile_is_never_filled_up(
    shelf: Shelf, running: Door
) -> None:
    with Reader(running, SHORT, receive_bytes=4096) as reader:
        answer = reader.begin()
        os.truncate(shelf.place / "short.mp4", len(BYTES) - 1)
        try:
            with pytest.raises(IncompleteRead) as caught:
                answer.read()
            assert caught.value.partial == BYTES[:-1]
        finally:
            (shelf.place / "short.mp4").write_bytes(BYTES)


def test_more_readers_than_there_is_room_for_are_told_to_come_again(shelf: Shelf) -> None:
    with shelf.served("--workers", "1", most_open=160) as small, ExitStack() as stack:
        readers = [stack.enter_context(Reader(small, LONG, receive_bytes=4096)) for _ in range(60)]
        answers = [each.begin() for each in readers]
        told = {each.getheader("Retry-After") for each in answers if each.status == 503}
        statuses = [each.status for each in answers]
        assert_quick([small.post(f"full{number}_I_1") for number in range(20)])

    assert 40 <= statuses.count(200) < 60
    assert set(statuses) == {200, 503}
    assert told == {"5"}


def test_a_process_that_stops_ends_what_is_read_and_cuts_what_is_not(shelf: Shelf) -> None:
    with (
        shelf.served("--workers", "1", "--graceful-timeout", "2") as stopping,
        Reader(stopping, SHORT, receive_bytes=4096) as reader,
        Reader(stopping, LONG, receive_bytes=4096) as stalled,
    ):
        answers = [reader.begin(), stalled.begin()]
        (worker,) = workers(stopping)
        # As after --max-requests: another one takes its place.
        worker.terminate()

        assert answers[0].read() == BYTES
        assert worker.wait(10) is None
        assert drain(answers[1]) < LONG_BYTES
        with closing(stopping.http()) as connection:
            assert get(connection, SHORT) == (200, BYTES)
