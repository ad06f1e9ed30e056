"""Counts are those of the rows, whoever changes them, however many at once."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import delete, func, select, text, update
from sqlmodel import col

from app.db.engine import Database
from app.db.figures import count_deliveries, count_meetings
from app.db.files import add_file
from app.db.schema import migrate
from app.db.tallies import Subject, go_by_the_key, put_together, totals_question
from app.models.tables import File, Ingest, Meeting, WebhookEvent
from app.models.tallies import Tally
from app.models.words import State
from tests.db.counting import counted, differences, rows_of
from tests.db.rows import NOW, make_ingest, make_ingests, make_meeting, row_id_of, store_event


def a_file(meeting: Meeting, size: int) -> File:
    return File(
        meeting_row_id=row_id_of(meeting),
        resource="recordings",
        kind="video",
        path="a.mp4",
        bytes=size,
        sha256="0",
        stored_at=NOW,
    )


@pytest.fixture
def database_of_postgres(postgres_url: str) -> Iterator[Database]:
    """A migrated database of Postgres."""
    database = Database(postgres_url)
    migrate(database)
    yield database
    database.dispose()


def deliver(database: Database, raw: bytes) -> None:
    store_event(database, raw, resource="meetings", event="ended", data_id="x", body="{}", now=NOW)


def test_every_change_of_a_row_changes_its_counts(database: Database) -> None:
    meeting = make_meeting(database)
    make_ingests(database, meeting, 5, "r")
    for raw in (b"1", b"1", b"2"):
        deliver(database, raw)
    with database.transaction() as session:
        add_file(session, a_file(meeting, 5_000_000_000))
        add_file(session, a_file(meeting, 7))
    assert differences(database) == []
    changes = (
        update(Ingest).where(col(Ingest.id) == 1).values(state=State.FAILED),
        update(Ingest).values(tries=3),
        update(Meeting).values(completed_at=NOW),
        update(WebhookEvent).where(col(WebhookEvent.id) == 1).values(outcome="processed"),
        update(File).values(bytes=9),
        update(File).values(damage="changed"),
        delete(Ingest).where(col(Ingest.id) == 2),
        delete(Meeting),
    )

    for change in changes:
        with database.transaction() as session:
            session.execute(change)
        assert differences(database) == [], change

    with database.reading() as session:
        assert count_deliveries(session) == 3


def test_what_is_rolled_back_is_not_counted(database: Database) -> None:
    meeting = make_meeting(database)
    before = counted(database)

    try:
        with database.transaction() as session:
            session.execute(update(Meeting).values(completed_at=NOW))
            add_file(session, a_file(meeting, 9))
            raise RuntimeError
    except RuntimeError:
        pass

    assert counted(database) == before == rows_of(database)


def test_a_meeting_with_a_failure_counts_as_failed_whatever_else_it_is(database: Database) -> None:
    for number, completed_at in enumerate((None, NOW, NOW)):
        meeting = make_meeting(database, f"m{number}_I_1")
        make_ingest(database, meeting)
        with database.transaction() as session:
            which = col(Meeting.id) == meeting.id
            session.execute(update(Meeting).where(which).values(completed_at=completed_at))
    with database.transaction() as session:
        failed = col(Ingest.meeting_row_id).in_((1, 2))
        session.execute(update(Ingest).where(failed).values(state=State.FAILED))

    with database.reading() as session:
        assert count_meetings(session) == {"failed": 2, "complete": 1}


def test_tallies_are_put_together_and_say_the_same(database: Database) -> None:
    make_ingests(database, make_meeting(database), 300, "r")
    before = counted(database)

    with database.transaction() as session:
        assert put_together(session) is False
    with database.reading() as session:
        left = session.scalar(select(func.count()).select_from(Tally))

    assert left is not None
    assert left < 10
    assert counted(database) == before


def test_few_tallies_are_left_as_they_are(database: Database) -> None:
    make_ingests(database, make_meeting(database), 3, "r")
    ids = select(col(Tally.id))
    with database.reading() as session:
        before = session.scalars(ids).all()

    with database.transaction() as session:
        put_together(session)

    with database.reading() as session:
        assert session.scalars(ids).all() == before


def test_counts_never_differ_from_the_rows_while_many_change_them(database: Database) -> None:
    meetings = [make_meeting(database, f"m{number}_I_1") for number in range(4)]
    for meeting in meetings:
        make_ingests(database, meeting, 40, "r")
    is_over = threading.Event()

    def work(number: int) -> None:
        mine = col(Ingest.meeting_row_id) == meetings[number].id
        for turn in range(25):
            state = (State.DONE, State.WAITING, State.FAILED)[turn % 3]
            with database.transaction() as session:
                session.execute(update(Ingest).where(mine).values(state=state))
                add_file(session, a_file(meetings[number], turn + 1))
            deliver(database, b"%d" % (turn % 7))

    def gather(_: int) -> None:
        while not is_over.is_set():
            with database.transaction() as session:
                put_together(session)

    def look(_: int) -> None:
        while not is_over.is_set():
            assert differences(database) == []

    together(is_over, [work] * 4, [gather, gather, look])

    assert differences(database) == []
    with database.reading() as session:
        assert count_deliveries(session) == 100


def together(
    is_over: threading.Event,
    workers: list[Callable[[int], None]],
    beside: list[Callable[[int], None]],
) -> None:
    """Run all at once; those beside the workers end with them."""
    with ThreadPoolExecutor(len(workers) + len(beside)) as pool:
        others = [pool.submit(each, 0) for each in beside]
        try:
            for each in [pool.submit(work, number) for number, work in enumerate(workers)]:
                each.result(60)
        finally:
            is_over.set()
        for each in others:
            each.result(60)


def test_on_postgres_counts_are_found_by_the_key_whatever_room_is_left_in_the_table(
    database_of_postgres: Database,
) -> None:
    make_ingests(database_of_postgres, make_meeting(database_of_postgres), 300, "r")
    with database_of_postgres.transaction() as session:
        session.execute(text("ANALYZE tally"))

    asked: list[str] = []
    for before in (lambda _: None, go_by_the_key):
        with database_of_postgres.reading() as session:
            before(session)
            question = totals_question(Subject.INGEST).compile(
                session.connection(), compile_kwargs={"literal_binds": True}
            )
            plan = session.execute(text(f"EXPLAIN {question}"))
            asked.append(" ".join(line for (line,) in plan))

    assert "Seq Scan" in asked[0], "the key matters"
    assert "Seq Scan" not in asked[1]
    assert "tally_pkey" in asked[1]


def test_on_postgres_two_who_change_the_same_count_do_not_wait_for_each_other(
    postgres_url: str,
) -> None:
    database = Database(postgres_url)
    migrate(database)
    first, second = (make_meeting(database, f"m{number}_I_1") for number in range(2))
    with database.transaction() as session:
        session.execute(update(Meeting).where(col(Meeting.id) == first.id).values(completed_at=NOW))
        with database.transaction() as other:
            other.execute(text("SET LOCAL lock_timeout = '100ms'"))
            other.execute(
                update(Meeting).where(col(Meeting.id) == second.id).values(completed_at=NOW)
            )
            put_together(other)

    assert differences(database) == []
    database.dispose()
