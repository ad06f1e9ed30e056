"""The door under load, as `serve` runs it: many clients, equal events, clients that are slow."""

import selectors
import shutil
import socket
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest
from sqlalchemy import select
from sqlmodel import col

from app.config import load_settings
from app.db.engine import Database
from app.db.meetings import find_meeting
from app.db.standing import ingests_of
from app.ingestion.sweep import sweep
from app.models.tables import Meeting, WebhookEvent
from app.runtime import build_runtime
from tests.e2e.doors import (
    AUTHORIZATION,
    Door,
    as_bytes,
    assert_quick,
    black_hole,
    door,
    held_open,
)
from tests.processes import alive, eventually, free_port
from tests.servers import PostgresServer, ValkeyServer

LARGE_PAGE = 50
READ_PAGE = f"GET / HTTP/1.1\r\nHost: x\r\nAuthorization: {AUTHORIZATION}\r\n\r\n".encode()


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def opened(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, migrated_file: Path
) -> Iterator[tuple[Door, Database]]:
    """A door on each kind of database in turn, with pages that are large."""
    folder = tmp_path_factory.mktemp("door")
    if request.param == "sqlite":
        url = f"sqlite:///{folder / 'webex-ingest.db'}"
        shutil.copyfile(migrated_file, folder / "webex-ingest.db")
    else:
        server: PostgresServer = request.getfixturevalue("postgres")
        template: str = request.getfixturevalue("migrated_template")
        url = server.create_database(f"door_{free_port()}", template=template)
    database = Database(url)
    with database.transaction() as session:
        for number in range(LARGE_PAGE):
            now = datetime.now(UTC)
            meeting = Meeting(meeting_id=f"x_I_{number}", start_at=now, first_seen_at=now)
            meeting.title = "a long title " * 8_000
            session.add(meeting)
    with door(folder, url, f"redis://127.0.0.1:{free_port()}/0") as running:
        yield running, database
    database.dispose()


def test_a_thousand_copies_at_once_make_one_event_and_one_piece_of_work(
    opened: tuple[Door, Database], tmp_path: Path
) -> None:
    running, database = opened

    answers = running.post_all(["copy_I_1"] * 1000, at_once=40)

    assert {answer.status for answer in answers} == {204}
    url = database.url.render_as_string(hide_password=False)
    told = {"database_url": url, "celery_broker_url": "redis://127.0.0.1:1/0"}
    settings = load_settings(**told, archive_dir=tmp_path, extra_resources=())
    bench = build_runtime(settings).bench
    sweep(bench)
    with database.reading() as session:
        (event,) = session.scalars(
            select(WebhookEvent).where(col(WebhookEvent.data_id) == "copy_I_1")
        )
        meeting = find_meeting(session, "copy_I_1")
        assert meeting is not None
        assert meeting.id is not None
        assert event.deliveries == 1000
        assert len(ingests_of(session, meeting.id)) == 4
    bench.database.dispose()


def test_256_clients_at_once_meet_no_error(opened: tuple[Door, Database]) -> None:
    running, _ = opened

    with held_open(running.connect, 256) as clients:
        first = exchange(clients, lambda number: as_bytes(f"client{number}_I_1"))
        second = exchange(clients, lambda number: as_bytes(f"client{number}_I_2"))

    assert first == second == [b"204"] * 256


def test_a_door_with_a_dead_process_goes_on(opened: tuple[Door, Database]) -> None:
    running, _ = opened
    worker = psutil.Process(running.process.pid).children()[0]

    worker.kill()
    eventually(lambda: not alive(worker.pid), message="the worker lives on")

    eventually(lambda: len(psutil.Process(running.process.pid).children()) == 2, seconds=40)
    eventually(running.takes_events)
    answers = running.post_all([f"after{number}_I_1" for number in range(64)], at_once=16)
    assert {answer.status for answer in answers} == {204}


def test_stalled_readers_of_large_pages_do_not_hold_up_the_door(
    opened: tuple[Door, Database],
) -> None:
    running, _ = opened

    with held_open(lambda: running.connect(receive_bytes=4096), 40) as readers:
        for reader in readers:
            reader.sendall(READ_PAGE)
        busy = eventually(lambda: [each for each in readers if refused(each)], seconds=30)
        answers = [running.post(f"stalled{number}_I_1") for number in range(50)]

    assert busy
    assert_quick(answers)


def test_trickling_requests_do_not_hold_up_the_door(opened: tuple[Door, Database]) -> None:
    running, _ = opened
    whole = as_bytes("trickle_I_1")

    with held_open(running.connect, 80) as clients:
        for number, client in enumerate(clients):
            # Half of them are in the middle of the head, and half in the middle of the body.
            client.sendall(whole[: 30 if number % 2 else -20])
        answers = [running.post(f"beside{number}_I_1") for number in range(50)]
        for number, client in enumerate(clients):
            client.sendall(whole[30:] if number % 2 else whole[-20:])
        ended = [status_of(client) for client in clients]

    assert_quick(answers)
    assert ended == [b"204"] * 80


DOOR = b"POST /webhooks/webex HTTP/1.1\r\nHost: x\r\n"
IN_CHUNKS = DOOR + b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    "beginning",
    [
        DOOR + b"Content-Length: " + b"0" * 20 + b"50000\r\n\r\nx",
        IN_CHUNKS + b"0" * 16 + b"a000\r\n\r\n\r\n",
        IN_CHUNKS + b"1\r\nx\r\n" * 11_000,
    ],
)
def test_bodies_that_only_seem_to_have_come_do_not_hold_up_the_door(
    opened: tuple[Door, Database], beginning: bytes
) -> None:
    running, _ = opened

    with held_open(running.connect, 100) as clients:
        for client in clients:
            client.sendall(beginning)
        answers = [running.post(f"honest{number}_I_1") for number in range(20)]

    assert_quick(answers)


@pytest.mark.parametrize("state", ["frozen", "silent"])
def test_a_broker_that_does_not_answer_delays_no_event(
    state: str, tmp_path: Path, migrated_file: Path
) -> None:
    shutil.copyfile(migrated_file, tmp_path / "webex-ingest.db")
    url = f"sqlite:///{tmp_path / 'webex-ingest.db'}"
    valkey = ValkeyServer()
    try:
        valkey.start()
        with black_hole() as silent:
            port = valkey.port if state == "frozen" else silent
            with door(tmp_path, url, f"redis://127.0.0.1:{port}/0") as running:
                valkey.freeze()
                assert_quick([running.post(f"event{number}_I_1") for number in range(50)])
    finally:
        valkey.close()


def exchange(clients: list[socket.socket], request: Callable[[int], bytes]) -> list[bytes]:
    """Send one request on every connection, and only then read the answers."""
    for number, client in enumerate(clients):
        client.sendall(request(number))
    return [status_of(client) for client in clients]


def status_of(client: socket.socket) -> bytes:
    """The status of the next answer, which has no body."""
    came = b""
    while not came.endswith(b"\r\n\r\n"):
        piece = client.recv(4096)
        assert piece, f"hung up after {came!r}"
        came += piece
    return came.split()[1]


def refused(reader: socket.socket) -> bool:
    """Whether a reader was told to come again, looking at what has come without taking it."""
    with selectors.DefaultSelector() as selector:
        selector.register(reader, selectors.EVENT_READ)
        if not selector.select(0):
            return False
    came = reader.recv(256, socket.MSG_PEEK)
    return came.startswith(b"HTTP/1.1 503") and b"Retry-After: 5" in came
