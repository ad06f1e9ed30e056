"""The schema: brought to the newest revision by ``migrate``, checked by everybody else."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from app.db.engine import Database
from app.errors import SchemaMismatch


def migrate(database: Database) -> tuple[str | None, str]:
    """Bring the database to the newest revision; the revision before and after.

    Any number of processes may do so at once: the first one works, the others wait for it.
    """
    config = _config()
    with database.transaction() as session:
        connection = session.connection()
        if not database.is_sqlite:
            # A migration may take long, and whoever comes second waits for its end.
            connection.execute(text("SET LOCAL lock_timeout = 0"))
            connection.execute(text("SELECT pg_advisory_xact_lock(20210514)"))
        before = MigrationContext.configure(connection).get_current_revision()
        _refuse_unknown(before)
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    return before, _newest()


def check_schema(database: Database) -> None:
    """Raise SchemaMismatch unless the database is exactly as new as this program."""
    with database.reading() as session:
        found = MigrationContext.configure(session.connection()).get_current_revision()
    _refuse_unknown(found)
    if found != _newest():
        raise SchemaMismatch(
            f"the database is at revision {found or 'none'}, this program needs {_newest()}: "
            "run `webex-ingest migrate`"
        )


def _refuse_unknown(found: str | None) -> None:
    known = {script.revision for script in _scripts().walk_revisions()}
    if found is not None and found not in known:
        raise SchemaMismatch(
            f"the database is at revision {found}, which this program does not know: "
            "it was made by a newer webex-ingest; run that version"
        )


def _newest() -> str:
    newest = _scripts().get_current_head()
    assert newest is not None, "a release has at least one revision"
    return newest


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent.parent / "migrations"))
    config.set_main_option("path_separator", "os")
    return config
