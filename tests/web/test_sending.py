"""One thread sends many files, and is held up by none of their readers."""

import os
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from app.web.sending import Body, Sender
from tests.processes import eventually

BYTES = os.urandom(1024**2)


@pytest.fixture
def content(tmp_path: Path) -> Path:
    """A file of a mebibyte, more than a connection takes at once."""
    (tmp_path / "file").write_bytes(BYTES)
    return tmp_path / "file"


@contextmanager
def sender(*, most: int = 512, patience_seconds: float = 30) -> Iterator[Sender]:
    """A sender that runs."""
    made = Sender(most, patience_seconds=patience_seconds)
    made.start()
    try:
        yield made
    finally:
        made.close()


class Reading:
    """One body on its way: the other end, and what the sender says of it at last."""

    def __init__(self, sending: Sender, place: Path, offset: int = 0, left: int = 0) -> None:
        self.here, self.there = socket.socketpair()
        self.there.settimeout(10)
        self.ended: list[bool] = []
        self.body = Body(os.open(place, os.O_RDONLY), offset, left or place.stat().st_size)
        sending.send(self.here, self.body, self._done)

    def _done(self, is_whole: bool) -> None:
        self.here.close()
        self.ended.append(is_whole)

    def rest(self) -> bytes:
        """All that still comes."""
        return b"".join(iter(lambda: self.there.recv(1024**2), b""))

    def outcome(self) -> bool:
        """Whether all of it went; waits for that."""
        with closing(self.there):
            eventually(lambda: self.ended)
        return self.ended[0]


def is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def test_a_body_is_sent_whole_and_its_file_closed(content: Path) -> None:
    with sender() as sending:
        reading = Reading(sending, content)

        assert reading.rest() == BYTES
        assert reading.outcome() is True
        assert not is_open(reading.body.descriptor)


def test_a_part_is_sent_as_that_part(content: Path) -> None:
    with sender() as sending:
        reading = Reading(sending, content, 1000, 300_000)

        assert reading.rest() == BYTES[1000:301_000]
        assert reading.outcome() is True


def test_a_reader_that_stalls_holds_up_no_other(content: Path) -> None:
    with sender() as sending:
        stalled = [Reading(sending, content) for _ in range(20)]
        quick = [Reading(sending, content) for _ in range(3)]

        assert [each.rest() == BYTES for each in quick] == [True] * 3
        assert [each.outcome() for each in quick] == [True] * 3
        assert [each.ended for each in stalled] == [[]] * 20
        assert [each.rest() == BYTES and each.outcome() for each in stalled] == [True] * 20


def test_a_reader_that_takes_nothing_for_long_is_left(content: Path) -> None:
    with sender(patience_seconds=0.05) as sending:
        reading = Reading(sending, content)
        eventually(lambda: reading.ended)

        assert BYTES.startswith(came := reading.rest())
        assert len(came) < len(BYTES)
        assert reading.outcome() is False
        assert not is_open(reading.body.descriptor)


def test_a_reader_that_vanishes_is_left(content: Path) -> None:
    with sender() as sending:
        reading = Reading(sending, content)
        reading.there.close()

        assert reading.outcome() is False
        assert not is_open(reading.body.descriptor)


def test_a_file_that_becomes_shorter_is_cut_and_not_filled_up(content: Path) -> None:
    with sender() as sending:
        reading = Reading(sending, content, 0, len(BYTES) + 1)

        assert reading.rest() == BYTES
        assert reading.outcome() is False


def test_a_file_system_without_sendfile_will_do() -> None:
    # Linux sends no such file by itself, and says that it is empty.
    place = Path("/proc/self/environ")
    environment = place.read_bytes()
    with sender() as sending:
        reading = Reading(sending, place, 0, len(environment))

        assert reading.rest() == environment
        assert reading.outcome() is True


def test_the_end_cuts_what_is_under_way(content: Path) -> None:
    with sender(most=1) as sending:
        reading = Reading(sending, content)
        eventually(lambda: sending.is_full)

    assert reading.outcome() is False
    assert not is_open(reading.body.descriptor)
    assert not sending.is_full
