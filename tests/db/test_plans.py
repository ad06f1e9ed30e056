"""The queries that run every second use an index however many rows there are."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Connection, event, insert, text

from app.db.auto_record import claim_flip
from app.db.claims import claim_due, is_work_due
from app.db.engine import Database
from app.db.inbox import new_events
from app.db.meetings import longest_unread, stale_manifests
from app.db.rechecks import claim_recheck
from app.models.planned import AutoRecord
from app.models.tables import Meeting, WebhookEvent
from app.models.words import Queue, State
from tests.db.rows import LEASE_SECONDS, NOW, after, make_ingests, make_meeting

ROWS = 20_000


def claim(database: Database) -> None:
    with database.transaction() as session:
        claim_due(
            session,
            Queue.TRANSFER,
            limit=16,
            now=NOW,
            reserve_seconds=2,
            lease_seconds=LEASE_SECONDS,
        )


def look(database: Database) -> None:
    with database.reading() as session:
        is_work_due(session, Queue.POLL, now=NOW, lease_seconds=LEASE_SECONDS)


def read_inbox(database: Database) -> None:
    with database.reading() as session:
        new_events(session, now=NOW, limit=200)


def read_on_in_inbox(database: Database) -> None:
    with database.reading() as session:
        (first,) = new_events(session, now=NOW, limit=1)
        new_events(session, now=NOW, limit=200, after=first)


def find_stale(database: Database) -> None:
    with database.reading() as session:
        stale_manifests(session, limit=50)


def look_at_plans(database: Database) -> None:
    with database.transaction() as session:
        claim_flip(session, now=NOW, hold_seconds=60)


def compare_a_transcript(database: Database) -> None:
    with database.transaction() as session:
        claim_recheck(session, now=NOW, since=after(-7 * 86400))


def look_what_is_to_be_read(database: Database) -> None:
    with database.reading() as session:
        longest_unread(session)


def test_no_query_reads_a_whole_table(crowded: Database) -> None:
    every = (claim, look, read_inbox, read_on_in_inbox, find_stale, look_at_plans)
    with listening(crowded) as statements:
        for ask in (*every, compare_a_transcript, look_what_is_to_be_read):
            ask(crowded)

    assert len(statements) > 8
    assert [plan for each in statements for plan in whole_reads(crowded, *each)] == []


def test_looking_for_due_work_reads_no_row_that_waits_for_later(crowded: Database) -> None:
    with listening(crowded) as statements:
        look(crowded)

    plans = [line for each in statements for line in plan_of(crowded, *each)]
    assert any("ix_ingest_due" in line for line in plans)
    assert not any("ix_ingest_waiting" in line for line in plans)


def test_the_inbox_is_read_in_order_without_sorting_what_waits_in_it(crowded: Database) -> None:
    with listening(crowded) as statements:
        read_on_in_inbox(crowded)

    plans = [line for each in statements for line in plan_of(crowded, *each)]
    assert any("ix_webhook_event_new" in line for line in plans)
    assert not any("Sort" in line or "TEMP B-TREE" in line for line in plans)


def test_what_was_read_longest_ago_is_found_without_sorting(crowded: Database) -> None:
    with crowded.transaction() as session:
        session.execute(text("UPDATE meeting SET folder = meeting_id WHERE id > 100"))
        session.execute(text("UPDATE meeting SET verified_at = first_seen_at WHERE id > 2000"))
    with crowded.transaction() as session:
        session.execute(text("ANALYZE"))

    with listening(crowded) as statements:
        look_what_is_to_be_read(crowded)

    plans = [line for each in statements for line in plan_of(crowded, *each)]
    assert sum("ix_meeting_verified" in line for line in plans) == 2
    assert not any("Sort" in line or "TEMP B-TREE" in line for line in plans), plans


@pytest.fixture
def crowded(database: Database) -> Database:
    """A database with a long history, a backlog that is not due, and a little due work."""
    for number in range(3):
        meeting = make_meeting(database, f"m{number}_I_1", account=f"account-{number}")
        make_ingests(database, meeting, ROWS // 4, "old", state=State.DONE, next_attempt_at=None)
        make_ingests(database, meeting, ROWS // 15, "later", next_attempt_at=after(600))
        make_ingests(database, meeting, 20, "now")
    with database.transaction() as session:
        session.execute(insert(WebhookEvent), inbox())
        session.execute(insert(Meeting), meetings())
        session.execute(insert(AutoRecord), planned())
        session.execute(text("UPDATE meeting SET manifest_revision = revision"))
    with database.transaction() as session:
        session.execute(text("ANALYZE"))
    return database


def inbox() -> list[dict[str, Any]]:
    plain = {
        "resource": "meetings",
        "event": "ended",
        "data_id": "x",
        "body": "{}",
        "first_received_at": NOW,
        "last_received_at": NOW,
        "deliveries": 1,
        "tries": 0,
        "next_attempt_at": NOW,
    }
    return [
        {**plain, "digest": str(number), "outcome": None if number % 500 == 0 else "processed"}
        for number in range(ROWS // 2)
    ]


def meetings() -> list[dict[str, Any]]:
    plain = {
        "account": "",
        "details_known": True,
        "folder": None,
        "source": "webhook",
        "revision": 3,
        "manifest_revision": 3,
        "first_seen_at": NOW,
    }
    return [{**plain, "meeting_id": f"old{number}_I_1"} for number in range(ROWS // 4)]


def planned() -> list[dict[str, Any]]:
    plain = {"flip": "not_wanted", "tries": 0, "next_attempt_at": None, "updated_at": NOW}
    return [{**plain, "meeting_id": f"planned{number}"} for number in range(ROWS // 4)]


@contextmanager
def listening(database: Database) -> Iterator[list[tuple[str, Any]]]:
    """Every SELECT that is sent, with its parameters."""
    statements: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, values: Any, *_rest: Any) -> None:
        if statement.startswith("SELECT"):
            statements.append((statement, values))

    event.listen(database.engine, "before_cursor_execute", note)
    yield statements
    event.remove(database.engine, "before_cursor_execute", note)


def plan_of(database: Database, statement: str, values: Any) -> list[str]:
    """How the database would go about it."""
    word = "EXPLAIN QUERY PLAN" if database.is_sqlite else "EXPLAIN"
    with database.reading() as session:
        connection: Connection = session.connection()
        return [str(row[-1]) for row in connection.exec_driver_sql(f"{word} {statement}", values)]


def whole_reads(database: Database, statement: str, values: Any) -> list[str]:
    """What the database says it would read in full, one line each."""
    whole = "SCAN" if database.is_sqlite else "Seq Scan"
    # SQLite calls a question without a table "SCAN CONSTANT ROW".
    return [
        line
        for line in plan_of(database, statement, values)
        if whole in line and "CONSTANT" not in line
    ]
