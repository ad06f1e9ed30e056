"""The intake: many deliveries in one commit, none lost, none spoiled by another, nobody hangs."""

import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, ClassVar

import pytest
from sqlalchemy import select, text

from app.db.engine import Database
from app.db.inbox import Delivery, digest_of
from app.db.intake import Intake
from app.errors import DatabaseUnavailable
from app.models.tables import WebhookEvent
from tests.db.rows import NOW, after
from tests.processes import eventually, spawn

AT_ONCE = 12


def test_deliveries_that_wait_together_are_all_committed_and_equal_ones_counted(
    database: Database,
) -> None:
    intake = Intake(database)
    with ThreadPoolExecutor(AT_ONCE) as threads:
        with held(database):
            ended = [
                threads.submit(intake.take, make(f"event{number % 3}", seconds=number))
                for number in range(AT_ONCE)
            ]
            # The first one waits for the database, and all others for the first one.
            eventually(lambda: all(each.running() for each in ended))
        for each in ended:
            each.result(10)

    found = stored(database)
    assert {each.data_id: each.deliveries for each in found} == {
        "event0": 4,
        "event1": 4,
        "event2": 4,
    }
    assert {each.data_id: (each.first_received_at, each.last_received_at) for each in found} == {
        f"event{number}": (after(number), after(number + 9)) for number in range(3)
    }


def test_an_event_that_is_delivered_again_is_new_again(database: Database) -> None:
    intake = Intake(database)
    intake.take(make("again"))
    with database.transaction() as session:
        session.execute(text("UPDATE webhook_event SET outcome = 'processed', tries = 3"))

    intake.take(make("again", seconds=5))

    (event,) = stored(database)
    assert (event.outcome, event.tries, event.deliveries) == (None, 0, 2)
    assert (event.first_received_at, event.last_received_at) == (NOW, after(5))
    assert event.next_attempt_at == after(5)


def test_one_delivery_that_no_database_takes_spoils_no_other(database: Database) -> None:
    intake = Intake(database)
    with ThreadPoolExecutor(AT_ONCE) as threads:
        with held(database):
            first = threads.submit(intake.take, make("first"))
            poisoned = threads.submit(intake.take, make("poisoned", body="half a pair: \ud800"))
            others = [threads.submit(intake.take, make(f"other{each}")) for each in range(8)]
            eventually(lambda: all(each.running() for each in (first, poisoned, *others)))
        for each in (first, *others):
            each.result(10)
        with pytest.raises(UnicodeEncodeError):
            poisoned.result(10)

    assert len(stored(database)) == 9


def test_a_row_that_somebody_holds_delays_no_other_for_long(postgres_database: Database) -> None:
    intake = Intake(postgres_database)
    intake.take(make("held"))
    with postgres_database.transaction() as session, ThreadPoolExecutor(AT_ONCE) as threads:
        session.execute(text("UPDATE webhook_event SET tries = 1"))
        began = time.monotonic()
        blocked = threads.submit(intake.take, make("held"))
        others = [threads.submit(intake.take, make(f"other{each}")) for each in range(8)]
        for each in others:
            each.result(10)
        took = time.monotonic() - began
        with pytest.raises(DatabaseUnavailable):
            blocked.result(10)

    assert took < 5
    assert len(stored(postgres_database)) == 9


def test_a_database_that_hangs_holds_nobody_and_is_used_again_when_it_is_back(
    database: Database,
) -> None:
    intake = Intake(database, seconds=0.4)
    with held(database), ThreadPoolExecutor(AT_ONCE) as threads:
        began = time.monotonic()
        ended = [threads.submit(intake.take, make(f"lost{each}")) for each in range(AT_ONCE)]
        for each in ended:
            with pytest.raises(DatabaseUnavailable):
                each.result(10)
        waited = time.monotonic() - began
        began = time.monotonic()
        with pytest.raises(DatabaseUnavailable):
            intake.take(make("too late"))
        at_once = time.monotonic() - began

    assert waited < 2
    assert at_once < 0.3
    eventually(lambda: is_taken(intake, "back"), seconds=10)


def test_an_intake_that_got_no_turn_to_write_says_so_and_takes_the_next_delivery(
    database: Database, database_url: str
) -> None:
    class Unlucky(Database):
        errors: ClassVar = [MemoryError(), DatabaseUnavailable("others write")]

        def writers_turn(self) -> Any:
            if self.errors:
                raise self.errors.pop()
            return super().writers_turn()

    unlucky = Unlucky(database_url)
    intake = Intake(unlucky)

    with pytest.raises(DatabaseUnavailable, match="others write"):
        intake.take(make("first"))
    with pytest.raises(MemoryError):
        intake.take(make("second"))
    intake.take(make("third"))

    assert [each.data_id for each in stored(database)] == ["third"]
    unlucky.dispose()


def test_each_process_has_a_writer_of_its_own(database: Database, database_url: str) -> None:
    argv = [sys.executable, "-m", "tests.db.programs", "fork_at_the_door", database_url]
    with spawn(argv) as forked:
        forked.wait_for("child ended 0.")

    assert {each.data_id: each.deliveries for each in stored(database)} == {
        "before": 1,
        "child": 1,
        "after": 1,
    }


@pytest.fixture
def postgres_database(request: pytest.FixtureRequest) -> Iterator[Database]:
    """A database whose rows can be held one by one."""
    server = request.getfixturevalue("postgres")
    template = request.getfixturevalue("migrated_template")
    database = Database(server.create_database("intake_rows", template=template))
    yield database
    database.dispose()
    server.drop_database("intake_rows")


def make(data_id: str, *, seconds: float = 0, body: str = "{}") -> Delivery:
    """A delivery; equal ids make equal deliveries."""
    return Delivery(
        digest=digest_of(data_id.encode()),
        resource="meetings",
        event="ended",
        data_id=data_id,
        body=body,
        received_at=after(seconds),
    )


def is_taken(intake: Intake, data_id: str) -> bool:
    """Whether a delivery is committed."""
    try:
        intake.take(make(data_id))
    except DatabaseUnavailable:
        return False
    return True


def stored(database: Database) -> list[WebhookEvent]:
    """The inbox."""
    with database.reading() as session:
        return list(session.scalars(select(WebhookEvent)))


@contextmanager
def held(database: Database) -> Iterator[None]:
    """Let nobody else write an event until the block ends."""
    with database.transaction() as session:
        if not database.is_sqlite:
            session.execute(text("LOCK TABLE webhook_event IN EXCLUSIVE MODE"))
        yield


def test_a_connection_is_not_closed_under_the_statement_that_uses_it(database: Database) -> None:
    intake = Intake(database)

    def deliver() -> None:
        for number in range(80):
            intake.take(make(f"event{number}", seconds=0))

    with ThreadPoolExecutor() as threads:
        delivering = threads.submit(deliver)
        while not delivering.done():
            database.dispose()

    delivering.result()
    assert len(stored(database)) == 80
