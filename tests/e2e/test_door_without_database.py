"""The door while its database is gone, frozen or locked, and the moment it is back."""

import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.db.engine import Database
from app.db.schema import migrate
from tests.e2e.doors import Answer, Door, door
from tests.processes import eventually, free_port
from tests.servers import PostgresServer

LONGEST_SECONDS = 8
"""Five seconds, and what a busy machine takes to get 32 clients to their threads."""


@pytest.fixture(scope="module")
def on_postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Door, PostgresServer]]:
    """A door on a Postgres of its own, which the tests harm."""
    server = PostgresServer()
    try:
        server.start()
        url = server.create_database("door")
        database = Database(url)
        migrate(database)
        database.dispose()
        folder = tmp_path_factory.mktemp("door")
        with door(folder, url, f"redis://127.0.0.1:{free_port()}/0") as running:
            yield running, server
    finally:
        server.close()


def test_a_frozen_postgres_makes_the_door_say_503_in_time(
    on_postgres: tuple[Door, PostgresServer],
) -> None:
    running, server = on_postgres

    server.freeze()
    try:
        first, second = burst(running, "frozen"), burst(running, "still frozen")
    finally:
        server.thaw()

    assert_refused_in_time(first)
    assert_refused_in_time(second)
    eventually(running.takes_events, seconds=10)
    assert_taken(running)


def test_a_postgres_that_died_makes_the_door_say_503_until_it_is_back(
    on_postgres: tuple[Door, PostgresServer],
) -> None:
    running, server = on_postgres

    server.kill()
    refused = burst(running, "dead")
    server.start()

    assert_refused_in_time(refused)
    assert_taken(running)


def test_a_postgres_that_was_restarted_costs_no_event(
    on_postgres: tuple[Door, PostgresServer],
) -> None:
    running, server = on_postgres

    server.stop()
    server.start()

    assert_taken(running)


def test_an_sqlite_file_that_somebody_locks_makes_the_door_say_503_in_time(
    tmp_path: Path, migrated_file: Path
) -> None:
    path = tmp_path / "webex-ingest.db"
    shutil.copyfile(migrated_file, path)
    stranger = sqlite3.connect(path, isolation_level=None)
    with door(tmp_path, f"sqlite:///{path}", f"redis://127.0.0.1:{free_port()}/0") as running:
        stranger.execute("BEGIN IMMEDIATE")
        refused = burst(running, "locked")
        stranger.execute("ROLLBACK")
        stranger.close()

        assert_refused_in_time(refused)
        eventually(running.takes_events, seconds=10)
        assert_taken(running)


def burst(running: Door, name: str) -> list[Answer]:
    return running.post_all([f"{name.replace(' ', '_')}{number}_I_1" for number in range(32)])


def assert_refused_in_time(answers: list[Answer]) -> None:
    assert {(answer.status, answer.retry_after) for answer in answers} == {(503, "5")}
    assert max(answer.seconds for answer in answers) < LONGEST_SECONDS


def assert_taken(running: Door) -> None:
    assert {answer.status for answer in burst(running, "taken")} == {204}
