"""The schema: the same from models and migrations, made once by many, refused when it differs."""

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text
from sqlmodel import SQLModel

from app.db.engine import Database
from app.db.schema import _config, _known, check_schema, migrate
from app.errors import SchemaMismatch
from tests.db.revisions import to_revision
from tests.db.rows import make_ingest, make_meeting
from tests.processes import spawn


def is_in_models(name: str | None, _kind: str, _parents: Any) -> bool:
    """Leave out the full-text index, of which each database has its own kind."""
    return not str(name).startswith("snippet_search")


# Those indexes are compared on Postgres alone.
@pytest.mark.filterwarnings("ignore:autogenerate skipping metadata-specified expression-based")
def test_models_and_migrations_say_the_same(database: Database) -> None:
    with database.reading() as session:
        options = {"compare_type": True, "include_name": is_in_models}
        context = MigrationContext.configure(session.connection(), opts=options)
        differences = compare_metadata(context, SQLModel.metadata)

    assert differences == []


def test_migrating_again_changes_nothing(database: Database) -> None:
    make_ingest(database, make_meeting(database))

    before, after = migrate(database)

    assert before == after
    check_schema(database)
    with database.reading() as session:
        assert session.scalar(text("SELECT count(*) FROM ingest")) == 1


def test_many_processes_migrate_at_once_and_one_of_them_works(
    database_url: str, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    argv = [sys.executable, "-m", "tests.db.programs", "migrate_now", database_url, str(go)]

    with ExitStack() as stack:
        running = [stack.enter_context(spawn(argv)) for _ in range(4)]
        for each in running:
            each.wait_for("ready")
        go.touch()
        said = [each.wait_for("to 0014.") for each in running]
        codes = [each.process.wait(10) for each in running]

    assert codes == [0] * 4
    assert sum("from None" in each for each in said) == 1
    database = Database(database_url)
    check_schema(database)
    database.dispose()


def test_the_schema_goes_back_and_forth(database: Database) -> None:
    to_revision(database, "base", command.downgrade)
    with database.reading() as session:
        gone = MigrationContext.configure(session.connection()).get_current_revision()
    before, _ = migrate(database)

    assert gone is None
    assert before is None
    check_schema(database)
    make_ingest(database, make_meeting(database))


def test_the_names_of_the_scripts_tell_the_revisions_in_their_order() -> None:
    scripts = ScriptDirectory.from_config(_config()).walk_revisions()

    assert [script.revision for script in scripts] == list(reversed(_known()))


def test_an_empty_database_is_refused_with_what_to_do(database_url: str) -> None:
    database = Database(database_url)

    with pytest.raises(SchemaMismatch, match=r"revision none, .* needs .*: run `webex-ingest migr"):
        check_schema(database)

    database.dispose()


def test_a_newer_database_is_refused_and_never_migrated(database: Database) -> None:
    with database.transaction() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    for use in (check_schema, migrate):
        with pytest.raises(SchemaMismatch, match=r"9999, .* newer webex-ingest; run that version"):
            use(database)
    with database.reading() as session:
        assert session.scalar(text("SELECT version_num FROM alembic_version")) == "9999"


def test_a_migration_that_fails_leaves_nothing_behind(database_url: str) -> None:
    database = Database(database_url)
    with database.transaction() as session:
        session.execute(text("CREATE TABLE participant (id INTEGER)"))

    with pytest.raises(Exception, match="participant"):
        migrate(database)

    with pytest.raises(SchemaMismatch, match="revision none"):
        check_schema(database)
    with database.transaction() as session:
        session.execute(text("DROP TABLE participant"))
    migrate(database)
    check_schema(database)
    database.dispose()
