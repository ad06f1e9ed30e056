"""Workers that are asked to stop in the middle of work stop soon, and cost next to nothing."""

import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from signal import SIGTERM

from sqlalchemy import select

from app.db.engine import Database
from app.models.tables import Ingest
from app.models.words import State
from tests.e2e.house import House, house
from tests.processes import Spawned, eventually
from tests.servers import PostgresServer

MIB = 1024**2
BYTES = 10 * MIB
RECORDINGS = 4
STOPS_WITHIN_SECONDS = 15


def bytes_sent(home: House) -> int:
    asked = home.simulator.control.requests(origin="media")
    return sum(each["bytes_sent"] for each in asked)


def rows(database: Database) -> list[Ingest]:
    with database.reading() as session:
        return list(session.scalars(select(Ingest)))


def bytes_done(database: Database) -> int:
    return sum(row.bytes_done for row in rows(database))


def has_moved(database: Database, before: int) -> bool:
    return bytes_done(database) > before + 3 * MIB


def stop(worker: Spawned) -> None:
    """Ask a program to end, and let it take no longer than is promised."""
    began = time.monotonic()
    worker.process.send_signal(SIGTERM)
    assert worker.process.wait(STOPS_WITHIN_SECONDS) == 0, worker.output()
    assert time.monotonic() - began < STOPS_WITHIN_SECONDS


def test_workers_are_replaced_in_turn_while_they_transfer(
    tmp_path: Path, postgres: PostgresServer, migrated_template: str, broker_url: str
) -> None:
    url = postgres.create_database("rolling", template=migrated_template)
    database = Database(url)
    # No lease runs out here: what another worker goes on with was given back.
    told = {"DATABASE_URL": url, "CELERY_BROKER_URL": broker_url, "LEASE_SECONDS": "600"}
    pools = {"control": "prefork", "poll": "threads"}
    slow = {"media_bytes_per_second": 2 * MIB}
    with (
        house(tmp_path, told, simulator_settings=slow) as home,
        home.scaled_out(pools) as running,
        ExitStack() as stack,
    ):
        stack.callback(database.dispose)
        home.register()
        control = home.simulator.control
        recordings = [{"bytes": BYTES, "audio": False}] * RECORDINGS
        meeting_id = control.hold_meeting(recordings=recordings, transcripts=1)["meeting_id"]
        kinds = ["threads", "prefork"]
        workers = [stack.enter_context(home.worker("transfer", kind)) for kind in kinds]
        for number in range(3):
            eventually(partial(has_moved, database, bytes_done(database)), seconds=40)
            stop(workers[number % 2])
            workers[number % 2] = stack.enter_context(home.worker("transfer", kinds[number % 2]))
        control.change_settings(media_bytes_per_second=0)
        home.wait_until_complete(meeting_id)

        assert home.differences(meeting_id) == []
        assert bytes_sent(home) < 1.1 * RECORDINGS * BYTES
        assert {row.lost for row in rows(database)} == {0}

        stall(home)
        for program in (*workers, *running.values()):
            stop(program)
        ended = [row for row in rows(database) if row.state == State.RUNNING or row.lost]
        assert ended == []


def stall(home: House) -> None:
    """Let both kinds of workers wait for answers that do not come."""
    control = home.simulator.control
    control.add_fault(origin="media", delay_seconds=60, times=None)
    control.hold_meeting(recordings=1, transcripts=0)
    eventually(lambda: bytes_sent_is_awaited(home), seconds=40)
    control.add_fault(origin="api", delay_seconds=60, times=None)
    held = control.hold_meeting(recordings=0, transcripts=0)["meeting_id"]
    eventually(lambda: control.requests(path_contains=held), seconds=40)


def bytes_sent_is_awaited(home: House) -> bool:
    """Whether somebody asked for a file and has been told nothing yet."""
    return any(not each["bytes_sent"] for each in home.simulator.control.requests(origin="media"))
