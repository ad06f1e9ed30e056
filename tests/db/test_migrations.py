"""Upgrades: from every version there was, with its rows, on both databases."""

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import Insert, MetaData, Table, func, insert, inspect, select, text
from sqlalchemy.orm import Session
from sqlmodel import SQLModel

from app.db.engine import Database
from app.db.place import prepare_file
from app.db.schema import check_schema, migrate
from app.models.steps import Feed, Step
from app.models.tables import Meeting, WebhookEvent
from app.models.tallies import Tally
from tests.db.counting import counted, rows_of
from tests.db.revisions import MADE_SINCE, REVISIONS, ROWS, fill, to_revision
from tests.db.rows import read_ingest, set_ingest
from tests.e2e.house import APPLICATION, house
from tests.processes import eventually, spawn
from tests.servers import ValkeyServer


@pytest.mark.parametrize("revision", REVISIONS)
def test_every_row_of_every_table_of_an_earlier_version_is_there_after_an_upgrade(
    database_url: str, revision: str
) -> None:
    database = Database(database_url)
    to_revision(database, revision)
    filled = fill(database)

    before, _ = migrate(database)

    assert before == revision
    check_schema(database)
    assert counted(database) == rows_of(database)
    tables = {table.name for table in SQLModel.metadata.sorted_tables} - {"tally", "step", "feed"}
    assert set(filled) == tables - MADE_SINCE.get(revision, set())
    with database.reading() as session:
        for mapper in SQLModel._sa_registry.mappers:
            if mapper.class_ in (Tally, Step, Feed):
                continue
            put_in = filled.get(mapper.local_table.name)  # type: ignore[attr-defined]
            rows = list(session.scalars(select(mapper.class_)))
            assert len(rows) == (put_in is not None)
            assert {name: getattr(rows[0], name) for name in put_in or ()} == (put_in or {})
    set_ingest(database, 1, bytes_per_second=4_000_000_000)
    assert read_ingest(database, 1).bytes_per_second == 4_000_000_000
    database.dispose()


def test_an_upgrade_makes_no_table_anew(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'old.db'}")
    to_revision(database, "0002")
    fill(database)
    with database.transaction() as session:
        pages = {name: _root_page(session, name) for name in ("webhook_event", "ingest")}

    migrate(database)

    with database.transaction() as session:
        assert {name: _root_page(session, name) for name in pages} == pages
        assert session.scalar(select(func.count()).select_from(WebhookEvent)) == 1
    database.dispose()


def test_an_upgrade_knows_what_had_been_stored_though_it_is_open_just_now(
    database_url: str,
) -> None:
    database = Database(database_url)
    to_revision(database, "0005")
    filled = fill(database)

    migrate(database)

    assert filled["ingest"]["state"] == "waiting"
    assert read_ingest(database, 1).stored_at == filled["file"]["stored_at"]
    database.dispose()


def test_a_meeting_that_was_complete_before_an_upgrade_has_its_lag_behind_it(
    tmp_path: Path,
) -> None:
    database = Database(f"sqlite:///{tmp_path / 'old.db'}")
    to_revision(database, "0010")
    fill(database)
    with database.transaction() as session:
        session.execute(text("UPDATE meeting SET completed_at = first_seen_at"))

    migrate(database)

    with database.reading() as session:
        meeting = session.scalars(select(Meeting)).one()
    assert meeting.first_completed_at == meeting.completed_at is not None
    database.dispose()


def test_what_is_committed_in_the_middle_of_an_upgrade_is_counted_as_well(
    postgres_url: str,
) -> None:
    database, others = Database(postgres_url), Database(postgres_url)
    to_revision(database, "0009")
    with ThreadPoolExecutor(1) as pool:
        with others.transaction() as session:
            for table in ("meeting", "webhook_event", "file"):
                session.execute(_insert_of(others, table), [ROWS[table]])
            upgrade = pool.submit(migrate, database)
            eventually(lambda: _waits_for_a_lock(others))
        upgrade.result(20)

    assert counted(database) == rows_of(database)
    database.dispose()
    others.dispose()


def _insert_of(database: Database, table: str) -> Insert:
    return insert(Table(table, MetaData(), autoload_with=database.engine))


def _waits_for_a_lock(database: Database) -> bool:
    with database.reading() as session:
        return bool(session.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted")))


def _root_page(session: Session, table: str) -> int:
    question = text("SELECT rootpage FROM sqlite_master WHERE type = 'table' AND name = :name")
    return int(session.scalar(question, {"name": table}) or 0)


def test_going_back_by_one_revision_keeps_the_events(database: Database) -> None:
    fill(database)

    to_revision(database, "0002", command.downgrade)

    columns = {column["name"] for column in inspect(database.engine).get_columns("webhook_event")}
    assert "error_code" not in columns
    migrate(database)
    with database.reading() as session:
        event = session.scalars(select(WebhookEvent)).one()
    assert (event.outcome, event.error_code) == ("unresolved", None)


@pytest.mark.parametrize(
    ("found", "told"),
    [
        ("0002", "this program needs 0014: run `webex-ingest migrate`"),
        ("9999", "it was made by a newer webex-ingest; run that version"),
    ],
)
def test_no_program_runs_on_another_schema_and_each_says_what_to_do(
    tmp_path: Path, valkey: ValkeyServer, found: str, told: str
) -> None:
    path = tmp_path / "var" / "webex-ingest.db"
    prepare_file(str(path))
    database = Database(f"sqlite:///{path}")
    migrate(database)
    with database.transaction() as session:
        session.execute(text("UPDATE alembic_version SET version_num = :found"), {"found": found})
    database.dispose()
    with house(tmp_path) as home:
        home.environment["CELERY_BROKER_URL"] = valkey.url
        bind = ["--bind", f"127.0.0.1:{home.port}", "--no-control-socket"]
        programs = {
            "command": ["app.cli", "status"],
            "web": ["gunicorn", *bind, APPLICATION],
            "worker": ["celery", "-A", "workers", "worker", "-Q", "control", "-P", "solo"],
        }
        for name, argv in programs.items():
            with spawn([sys.executable, "-m", *argv], home.environment, cwd=home.folder) as run:
                assert run.process.wait(60) != 0, name
                said = [line for line in run.output().splitlines() if told in line]
            assert len(said) == 1, (name, run.output())
            assert said[0].startswith("webex-ingest: the database is at revision"), name
            assert "Traceback" not in run.output(), name
