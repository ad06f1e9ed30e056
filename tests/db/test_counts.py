"""Counts in memory: none is lost, none is written twice, and nobody waits for them."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app.db.counts import AccountMeter, Counts
from app.db.engine import Database
from app.db.tallies import Happening, totals
from app.errors import DatabaseUnavailable
from tests.processes import eventually


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """One kind is enough: what is written are rows like any other."""
    return f"sqlite:///{tmp_path / 'webex-ingest.db'}"


def written(database: Database, what: Happening = Happening.API_REQUEST) -> dict[str, int]:
    with database.reading() as session:
        return {word: number for (word, _), (number, _) in totals(session, what).items()}


def test_nothing_is_written_before_it_is_asked_for_and_then_all_of_it_once(
    database: Database,
) -> None:
    counts = Counts(database)
    for status in (200, 200, 404):
        AccountMeter(counts, "sales").answered(status)
    assert written(database) == {}

    counts.flush()
    counts.flush()

    assert written(database) == {"200": 2, "404": 1}


def test_what_many_threads_count_while_others_write_is_all_there(database: Database) -> None:
    counts = Counts(database)
    is_over = threading.Event()

    def write() -> None:
        while not is_over.is_set():
            counts.flush()

    with ThreadPoolExecutor(9) as pool:
        writer = pool.submit(write)
        adding = [pool.submit(add_many, counts, 2_000) for _ in range(8)]
        for each in adding:
            each.result(30)
        is_over.set()
        writer.result(30)
    counts.flush()

    assert written(database) == {"200": 16_000}


def add_many(counts: Counts, times: int) -> None:
    meter = AccountMeter(counts, "")
    for _ in range(times):
        meter.answered(200)


def test_a_child_does_not_write_again_what_its_parent_has_counted(database: Database) -> None:
    counts = Counts(database)
    add_many(counts, 3)
    database.dispose()
    child = os.fork()
    if child == 0:
        add_many(counts, 1)
        counts.flush()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0

    assert written(database) == {"200": 1}
    counts.flush()
    assert written(database) == {"200": 4}


def test_what_could_not_be_written_is_kept(database: Database, tmp_path: Path) -> None:
    path = tmp_path / "webex-ingest.db"
    counts = Counts(database)
    add_many(counts, 2)
    database.dispose()
    path.rename(tmp_path / "away")
    path.mkdir()
    with pytest.raises(DatabaseUnavailable):
        counts.flush()
    add_many(counts, 1)
    database.dispose()
    path.rmdir()
    (tmp_path / "away").rename(path)

    counts.flush()

    assert written(database) == {"200": 3}


def test_whoever_keeps_them_writes_them_by_itself(database: Database) -> None:
    counts = Counts(database, seconds=0.02)
    counts.keep()

    add_many(counts, 5)

    assert eventually(lambda: written(database) == {"200": 5}, seconds=5)


def test_a_word_of_webex_is_a_status_or_none(database: Database) -> None:
    counts = Counts(database)
    for status in (200, None, 999, 100, 599, 99):
        AccountMeter(counts, "").answered(status)
    AccountMeter(counts, "sales").closed(2.5)
    AccountMeter(counts, "sales").closed(0.25)

    counts.flush()

    assert written(database) == {"200": 1, "none": 1, "other": 2, "100": 1, "599": 1}
    with database.reading() as session:
        assert totals(session, Happening.GATE_CLOSED) == {("sales", ""): (2, 2750)}
