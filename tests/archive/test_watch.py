"""A watch looks while nothing comes, ends reads that would last for ever, and says why, once."""

import threading
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest
import requests
from urllib3.exceptions import ProtocolError

from app.archive.media import media_session, open_link
from app.archive.watch import Watch
from app.errors import TransferOverdue
from tests.processes import eventually
from tests.webex.host import Answer, Host

EVERY_SECONDS = 0.01
STALLED = Answer(body=b"abcdef", has_length=False, piece_bytes=3, pause_seconds=60)


class Looks:
    """What a watch is given: counts, acts, and raises what a test has put there, once."""

    def __init__(self) -> None:
        self.count = 0
        self.act: Callable[[], None] = lambda: None
        self.error: Exception | None = None

    def __call__(self) -> None:
        self.count += 1
        self.act()
        error, self.error = self.error, None
        if error is not None:
            raise error

    def await_two(self) -> None:
        """Return when a whole look has passed, with everything that follows from it."""
        seen = self.count
        eventually(lambda: self.count >= seen + 2)


@pytest.fixture
def looks() -> Looks:
    return Looks()


@pytest.fixture
def watch(looks: Looks) -> Iterator[Watch]:
    with Watch(looks, every_seconds=EVERY_SECONDS) as watch:
        yield watch


@pytest.fixture
def host() -> Iterator[Host]:
    with Host(STALLED) as host:
        yield host


@pytest.fixture
def ask(host: Host) -> Iterator[Callable[[], requests.Response]]:
    """Ask for a body of which the first half comes, and then nothing more."""
    session = media_session()

    def asked() -> requests.Response:
        return open_link(session, host.url, {}, (host.url,))

    yield asked
    session.close()


@pytest.fixture
def response(ask: Callable[[], requests.Response]) -> Iterator[requests.Response]:
    with closing(ask()) as response:
        yield response


def read(response: requests.Response) -> bytes:
    """Read to the end; what no watch ends runs into the timeout and is no ProtocolError."""
    body: bytes = response.raw.read(decode_content=False)
    return body


def test_looks_go_on_while_nothing_comes(
    host: Host, looks: Looks, watch: Watch, response: requests.Response
) -> None:
    looks.act = lambda: host.stopping.set() if looks.count == 5 else None

    with watch.over(response.raw.shutdown):
        body = read(response)

    assert body == b"abc"
    assert looks.count >= 5


def test_a_look_that_raises_ends_a_blocked_read_and_check_says_why(
    looks: Looks, watch: Watch, response: requests.Response
) -> None:
    error = TransferOverdue("it is another file's turn")

    with watch.over(response.raw.shutdown):
        assert response.raw.read(3) == b"abc"
        looks.error = error
        ended = response.raw.read(3)

    assert ended == b""
    with pytest.raises(TransferOverdue) as raised:
        watch.check()
    assert raised.value is error


def test_a_promised_body_that_is_hung_up_on_breaks_off(
    host: Host, looks: Looks, watch: Watch, ask: Callable[[], requests.Response]
) -> None:
    host.answers = [Answer(body=b"abcdef", piece_bytes=3, pause_seconds=60)]

    with closing(ask()) as response, watch.over(response.raw.shutdown):
        looks.error = TransferOverdue("it is another file's turn")
        with pytest.raises(ProtocolError):
            read(response)


def test_an_error_is_raised_once(looks: Looks, watch: Watch) -> None:
    looks.error = TransferOverdue("it is another file's turn")
    looks.await_two()

    with pytest.raises(TransferOverdue):
        watch.check()

    watch.check()


def test_looks_go_on_after_one_that_raised(looks: Looks, watch: Watch) -> None:
    for _ in range(2):
        looks.error = TransferOverdue("it is another file's turn")
        looks.await_two()
        with pytest.raises(TransferOverdue):
            watch.check()


def test_an_error_from_before_an_answer_is_watched_is_raised_at_once(
    looks: Looks, watch: Watch, response: requests.Response
) -> None:
    looks.error = TransferOverdue("it is another file's turn")
    looks.await_two()

    with pytest.raises(TransferOverdue), watch.over(response.raw.shutdown):
        pytest.fail("the answer is being read")


def test_hanging_up_ends_every_blocked_read(
    looks: Looks, watch: Watch, ask: Callable[[], requests.Response]
) -> None:
    with (
        closing(ask()) as one,
        closing(ask()) as other,
        watch.over(one.raw.shutdown),
        watch.over(other.raw.shutdown),
    ):
        looks.act = watch.hang_up

        bodies = [read(one)[:3], read(other)[:3]]

    assert set(bodies) <= {b"abc", b""}
    watch.check()


def test_an_answer_that_is_watched_no_more_is_not_hung_up_on(
    host: Host, watch: Watch, response: requests.Response
) -> None:
    with watch.over(response.raw.shutdown):
        pass

    watch.hang_up()
    host.stopping.set()

    assert read(response) == b"abc"


def test_hanging_up_on_an_answer_that_has_ended_harms_nothing(
    host: Host, watch: Watch, response: requests.Response
) -> None:
    host.stopping.set()

    with watch.over(response.raw.shutdown):
        body = read(response)
        response.close()
        watch.hang_up()

    assert body == b"abc"


def test_nothing_looks_any_more_when_the_watch_is_over(looks: Looks) -> None:
    with Watch(looks, every_seconds=EVERY_SECONDS):
        looks.await_two()

    assert "transfer-watch" not in {thread.name for thread in threading.enumerate()}
