"""The queries that run every second use an index however many rows there are."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Connection, event, insert, select, text
from sqlmodel import col

from app.db.auto_record import claim_flip
from app.db.claims import claim_due, is_work_due
from app.db.due import due_work
from app.db.engine import Database
from app.db.figures import (
    count_deliveries,
    count_events,
    count_gaps,
    count_ingests,
    count_meetings,
    ingests_of_meetings,
    meetings_between,
    meetings_named,
    stock_of_kinds,
    stock_of_meetings,
    unfinished_bytes,
)
from app.db.inbox import new_events, newest_delivery_at
from app.db.listing import meeting_ids_from
from app.db.meetings import longest_unread, stale_manifests
from app.db.rechecks import claim_recheck
from app.db.search import search, terms_of
from app.db.tallies import put_together
from app.ingestion.listing import list_meetings, suggestions
from app.ingestion.status import overview
from app.models.listing import Filters
from app.models.planned import AutoRecord
from app.models.snippets import Snippet
from app.models.spoken import words_of
from app.models.tables import File, Meeting, WebhookEvent
from app.models.words import Queue, State
from app.web.happenings import happenings
from app.web.surroundings import beats
from tests.db.lasting import lasting_database
from tests.db.rows import LEASE_SECONDS, NOW, after, make_ingests, make_meeting, row_id_of

ROWS = 20_000
ACCOUNTS = ("account-0", "account-1", "account-2")

SMALL = (
    *("tally", "account", "tick", "anon_", "CONSTANT ROW"),
    *("snippet_search VIRTUAL TABLE INDEX", "webhook_event USING INDEX ix_webhook_event_put_aside"),
    "meeting USING INDEX ix_meeting_stale_manifest",
    *("walked", "found", "gathered", "different", "(subquery-", "page"),
    *(
        f"meeting USING {how} ix_meeting_{name}"
        for how in ("INDEX", "COVERING INDEX")
        for name in ("moment", "open", "complete", "in_progress")
    ),
)
"""What may be read in full: tables that stay small, what part of a question has found, what an
index has found, and indexes in whose order the list is read, as it ends after a page or more.
SQLite calls a question without a table CONSTANT ROW."""


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


SWEPT = (
    *(claim, look, read_inbox, read_on_in_inbox, find_stale, look_at_plans),
    *(compare_a_transcript, look_what_is_to_be_read),
)


def tell_the_status(database: Database) -> None:
    overview(database, now=NOW, lease_seconds=LEASE_SECONDS)


def list_some(database: Database, before: str | None = None) -> None:
    list_meetings(database, limit=51, now=NOW, lease_seconds=LEASE_SECONDS, before=before)


def list_more(database: Database) -> None:
    list_some(database, f"past{ROWS // 2 + 1}_I_1")


ASKED = {
    "ix_meeting_host": [{"host": "Host3@example.com"}, {"host": "host3@example.com", "site": "b"}],
    "ix_meeting_site": [{"site": "a"}, {"site": "b", "state": "complete"}],
    "ix_meeting_account": [{"account": "sales"}, {"account": "sales", "site": "a"}],
    "ix_meeting_moment": [{"since": "2025-11-02", "until": "2025-11-05"}],
    "ix_meeting_open": [{"state": "waiting"}],
    "ix_meeting_complete": [{"state": "complete"}],
    "ix_meeting_in_progress": [{"state": "in_progress"}],
    "ix_ingest_state": [
        {"state": "running"},
        {"state": "failed"},
        {"state": "failed", "site": "a"},
    ],
    "ix_ingest_reason": [
        *({"state": "left_out"}, {"reason": "not_recorded"}, {"reason": "no_permission"}),
        {"reason": "not_recorded", "host": "host3@example.com"},
    ],
    "ix_ingest_error": [{"reason": "link_refused"}, {"reason": "nobody_ever_said_so"}],
}
"""The index that each of these filters is answered by, of many and of few."""


def list_by(database: Database, filters: dict[str, str], before: str | None = None) -> None:
    list_meetings(
        database,
        filters=Filters.model_validate(filters),
        limit=50,
        now=NOW,
        lease_seconds=LEASE_SECONDS,
        before=before,
    )


def suggest(database: Database) -> None:
    told = suggestions(database, host="host1")
    assert (told.sites, told.accounts) == (["a", "b"], [*ACCOUNTS, "sales"])
    assert len(told.hosts) == 50


def complete_an_id(database: Database) -> None:
    with database.reading() as session:
        assert meeting_ids_from(session, "past1", limit=50)


def search_for_a_word(database: Database) -> None:
    with database.reading() as session:
        found = search(session, terms_of('zebra "the zebra"'), limit=10)
    assert len(found.hits) == 10
    with database.reading() as session:
        search(session, terms_of("zebra"), since=NOW, until=after(86400), after=found.next)


def report_a_day(database: Database) -> None:
    with database.reading() as session:
        # Not the one on which all were first heard of whose start nobody knows.
        meetings = meetings_between(session, after(-2 * 86400), after(-86400))
        assert len(meetings) == 24
        row_ids = [row_id_of(each) for each in meetings]
        stock_of_meetings(session, row_ids)
        ingests_of_meetings(session, row_ids)
        meetings_named(session, [each.meeting_id for each in meetings])


def count_the_gaps(database: Database) -> None:
    with database.reading() as session:
        count_gaps(session, since=after(-86400), now=NOW)
        count_deliveries(session)
        unfinished_bytes(session)


def tell_prometheus(database: Database) -> None:
    with database.reading() as session:
        due = due_work(session, now=NOW)
        list(happenings(session, ["account-1"]))
        list(beats(session, NOW))
        assert newest_delivery_at(session) == NOW
        for ask in (count_ingests, count_meetings, count_events, stock_of_kinds):
            ask(session)
    assert sum(due[Queue.TRANSFER].by_age.values()) == 60
    assert sum(due[Queue.CONTROL].by_age.values()) == 20


def test_what_is_due_is_counted_from_the_index_of_what_is_due(peopled: Database) -> None:
    with listening(peopled) as statements:
        tell_prometheus(peopled)

    plans = [line for each in statements for line in plan_of(peopled, *each)]
    assert sum("ix_ingest_due" in line for line in plans) == 2, plans
    assert any("ix_webhook_event_new" in line for line in plans)


def test_no_query_of_a_person_reads_a_whole_table(peopled: Database) -> None:
    every = (
        *(tell_the_status, list_some, list_more, suggest, complete_an_id),
        *(search_for_a_word, report_a_day, count_the_gaps),
        tell_prometheus,
    )
    with listening(peopled) as statements:
        for ask in every:
            ask(peopled)

    assert len(statements) > 20
    assert [plan for each in statements for plan in whole_reads(peopled, *each)] == []


def test_a_sweep_reads_no_whole_table_after_years(peopled: Database) -> None:
    with listening(peopled) as statements:
        for ask in SWEPT:
            ask(peopled)

    assert [plan for each in statements for plan in whole_reads(peopled, *each)] == []


def test_stale_manifests_are_found_by_their_own_index_after_years(peopled: Database) -> None:
    with listening(peopled) as statements:
        find_stale(peopled)

    plans = [line for each in statements for line in plan_of(peopled, *each)]
    assert any("ix_meeting_stale_manifest" in line for line in plans), plans
    assert not any("Sort" in line or "TEMP B-TREE" in line for line in plans)


def test_the_list_of_meetings_is_read_in_its_order(peopled: Database) -> None:
    with listening(peopled) as statements:
        list_some(peopled)
        list_more(peopled)

    plans = [line for each in statements for line in plan_of(peopled, *each)]
    indexed = [line for line in plans if "ix_meeting_moment" in line]
    assert len(indexed) == 2, plans


@pytest.mark.parametrize("index", ASKED)
def test_each_filter_of_the_list_has_its_index(peopled: Database, index: str) -> None:
    for filters in ASKED[index]:
        with listening(peopled) as statements:
            list_by(peopled, filters)
            list_by(peopled, filters, f"past{ROWS // 4 + 1}_I_1")

        plans = [plan_of(peopled, *each) for each in statements]
        assert any(index in line for plan in plans for line in plan), (filters, plans)
        assert [plan for each in statements for plan in whole_reads(peopled, *each)] == []
        assert len(statements) <= 20, filters


def test_no_query_reads_a_whole_table(crowded: Database) -> None:
    with listening(crowded) as statements:
        for ask in SWEPT:
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
    crowd(database)
    return database


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def peopled(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Database]:
    """The same with years of meetings, their files and what was said, as the program leaves it.

    One for all tests that ask it, as it takes long to fill.
    """
    with lasting_database(request, tmp_path_factory, "years") as database:
        crowd(database)
        people(database)
        yield database


def crowd(database: Database) -> None:
    for number, account in enumerate(ACCOUNTS):
        meeting = make_meeting(database, f"m{number}_I_1", account=account)
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


def people(database: Database) -> None:
    with database.transaction() as session:
        session.execute(insert(Meeting), past_meetings())
        session.execute(text(_PAST_INGESTS))
        ids = session.scalars(select(col(Meeting.id))).all()
        session.execute(insert(File), [stored(each) for each in ids])
        # Many in one statement, as SQLite's full-text index wants it.
        said = [spoken(each) for each in ids if each is not None]
        session.execute(insert(Snippet).returning(col(Snippet.id)), said)
    is_more = True
    while is_more:
        with database.transaction() as session:
            is_more = put_together(session)
    with database.transaction() as session:
        # The program never has SQLite gather statistics; Postgres does so by itself.
        forget = "DELETE FROM sqlite_stat1" if database.is_sqlite else "ANALYZE"
        session.execute(text(forget))
    database.dispose()


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


def past_meetings() -> list[dict[str, Any]]:
    """One in each hour, but some of which nobody knows when they began."""
    plain = meetings()[0]
    return [
        {
            **plain,
            "meeting_id": f"past{number}_I_1",
            "start_at": after((number - ROWS // 2) * 3600) if number % 50 else None,
            "completed_at": NOW if number % 5 else None,
            "host_email": f"Host{number % 200}@example.com",
            "site_url": "a" if number % 3 else "b",
            "account": "sales" if number % 7 == 0 else "",
            "webex_state": "ended" if number % 1_000 else "inProgress",
        }
        for number in range(ROWS)
    ]


_PAST_INGESTS = """
INSERT INTO ingest (meeting_row_id, resource, resource_id, account, queue, priority, state, stage,
    reason, error_code, attempt, looks, tries, lost, opened_at, patience_until, woken, bytes_done,
    bytes_synced, updated_at)
SELECT id, 'recordings', '', account, 'poll', '0-fresh', CASE WHEN id % 500 = 0 THEN 'failed'
    WHEN id % 3 = 0 THEN 'absent' ELSE 'done' END, '', CASE WHEN id % 900 = 0 THEN 'no_permission'
    WHEN id % 11 = 0 THEN 'excluded_by_policy' WHEN id % 3 = 0 THEN 'not_recorded' END,
    CASE WHEN id % 500 = 0 THEN 'link_refused' END, 1, 0, 0, 0, first_seen_at, first_seen_at,
    FALSE, 0, 0, first_seen_at
FROM meeting WHERE start_at IS NOT NULL
"""
"""One of each: many that were not recorded or are left out, and a few that failed."""


def stored(meeting_row_id: int | None) -> dict[str, Any]:
    return {
        "meeting_row_id": meeting_row_id,
        "resource": "recordings",
        "resource_id": "",
        "kind": "video",
        "path": "a.mp4",
        "file_version": 1,
        "bytes": 9,
        "sha256": "0",
        "source": "",
        "stored_at": NOW,
    }


def spoken(meeting_row_id: int) -> dict[str, Any]:
    said = "the zebra" if meeting_row_id % 1_000 == 0 else f"word{meeting_row_id}"
    return {
        "meeting_row_id": meeting_row_id,
        "transcript_id": "t",
        "position": 0,
        "snippet_id": "s",
        "text": said,
        "words": words_of(said),
    }


def planned() -> list[dict[str, Any]]:
    plain = {"flip": "not_wanted", "tries": 0, "next_attempt_at": None, "updated_at": NOW}
    return [{**plain, "meeting_id": f"planned{number}"} for number in range(ROWS // 4)]


@contextmanager
def listening(database: Database) -> Iterator[list[tuple[str, Any]]]:
    """Every SELECT that is sent, with its parameters."""
    statements: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, values: Any, *_rest: Any) -> None:
        if statement.startswith(("SELECT", "WITH")):
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
    whole = "SCAN " if database.is_sqlite else "Seq Scan on "
    return [
        line
        for line in plan_of(database, statement, values)
        if whole in line and not line.partition(whole)[2].startswith(SMALL)
    ]
