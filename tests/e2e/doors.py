"""The door as `serve` runs it, a gunicorn of its own, and clients that do to it what they like."""

import json
import socket
import time
from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from statistics import median

import requests

from app.cli.programs import web_program
from app.webex.signature import sign
from tests.processes import Spawned, eventually, free_port, spawn

SECRET = "a-webhook-secret-for-doors"
PASSWORD = "let-me-in"
AUTHORIZATION = "Basic " + b64encode(f"operator:{PASSWORD}".encode()).decode()
PATH = "/webhooks/webex"
MEETING_ID = "a1b2_I_1"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, and how long that took."""

    status: int
    retry_after: str | None
    seconds: float


@dataclass(frozen=True, slots=True)
class Door:
    """A door that runs."""

    port: int
    process: Spawned

    def post(self, name: str = MEETING_ID) -> Answer:
        """Deliver one event on a connection of its own."""
        connection = self.http()
        body, headers = delivery(name)
        began = time.monotonic()
        try:
            connection.request("POST", PATH, body, headers)
            answer = connection.getresponse()
            answer.read()
            seconds = time.monotonic() - began
            return Answer(answer.status, answer.getheader("Retry-After"), seconds)
        finally:
            connection.close()

    def post_all(self, names: Sequence[str], *, at_once: int = 32) -> list[Answer]:
        """Deliver events, so many at once."""
        with ThreadPoolExecutor(at_once) as threads:
            return list(threads.map(self.post, names))

    def takes_events(self) -> bool:
        """Whether events are taken now, by each of the door's processes."""
        return {each.status for each in self.post_all(["again_I_1"] * 16)} == {204}

    def http(self) -> HTTPConnection:
        """A connection that speaks HTTP."""
        return HTTPConnection("127.0.0.1", self.port, timeout=30)

    def connect(self, *, receive_bytes: int | None = None) -> socket.socket:
        """A plain connection; with a small buffer the other side notices that nobody reads."""
        client = socket.socket()
        if receive_bytes is not None:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        client.settimeout(20)
        client.connect(("127.0.0.1", self.port))
        return client


def delivery(name: str) -> tuple[bytes, dict[str, str]]:
    """Body and headers of a signed event that a meeting has ended."""
    body = json.dumps({"resource": "meetings", "event": "ended", "data": {"id": name}}).encode()
    return body, {"X-Spark-Signature": sign(body, SECRET), "Content-Type": "application/json"}


def as_bytes(name: str) -> bytes:
    """The whole request of one delivery."""
    body, headers = delivery(name)
    told = headers | {"Host": "127.0.0.1", "Content-Length": str(len(body))}
    lines = "".join(f"{key}: {value}\r\n" for key, value in told.items())
    return f"POST {PATH} HTTP/1.1\r\n{lines}\r\n".encode() + body


@contextmanager
def door(
    folder: Path, database_url: str, broker_url: str, *options: str, most_open: int | None = None
) -> Iterator[Door]:
    """Run the door with the very command line of `serve`, and perhaps more options.

    ``most_open`` is how many files and connections each of its processes may have open.
    """
    port = free_port()
    program = web_program("127.0.0.1", port, {})
    environment = {
        "DATABASE_URL": database_url,
        "CELERY_BROKER_URL": broker_url,
        "WEBEX_WEBHOOK_SECRET": SECRET,
        "OPERATOR_PASSWORD": PASSWORD,
        "ARCHIVE_DIR": str(folder / "archive"),
    }
    argv = [*program.argv, *options]
    if most_open is not None:
        argv = ["sh", "-c", f'ulimit -n {most_open} && exec "$@"', "sh", *argv]
    with spawn(argv, environment, cwd=folder) as process:
        eventually(lambda: _lives(port), seconds=60, message=lambda: process.output())
        # Each process connects to the database with its first event.
        opened = Door(port, process)
        opened.post_all(["first_I_1"] * 16)
        yield opened


def _lives(port: int) -> bool:
    try:
        return requests.get(f"http://127.0.0.1:{port}/livez", timeout=5).ok
    except requests.ConnectionError:
        return False


@contextmanager
def held_open(make: Callable[[], socket.socket], count: int) -> Iterator[list[socket.socket]]:
    """So many connections until the block ends."""
    with ExitStack() as stack:
        yield [stack.enter_context(make()) for _ in range(count)]


@contextmanager
def black_hole() -> Iterator[int]:
    """A port where connections are accepted and nothing is ever answered."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(100)
        yield int(listener.getsockname()[1])


def assert_quick(answers: list[Answer]) -> None:
    """Hold that every event was taken, at once: generously, for a machine that does much else."""
    assert {answer.status for answer in answers} == {204}
    seconds = [answer.seconds for answer in answers]
    assert median(seconds) < 0.1
    assert max(seconds) < 1
