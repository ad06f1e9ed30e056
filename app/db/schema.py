"""The schema: brought to the newest revision by ``migrate``, checked by everybody else."""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import inspect, text
from sqlalchemy.orm import Session

from app.db.engine import Database
from app.errors import SchemaMismatch

if TYPE_CHECKING:
    from alembic.config import Config

_MIGRATIONS = Path(__file__).parent.parent / "migrations"


def migrate(database: Database) -> tuple[str | None, str]:
    """Bring the database to the newest revision; the revision before and after.

    Any number of processes may do so at once: the first one works, the others wait for it.
    """
    # Every process checks the schema, one in a hundred migrates, and Alembic is large.
    from alembic import command

    config = _config()
    with database.transaction() as session:
        connection = session.connection()
        if not database.is_sqlite:
            # A migration may take long, and whoever comes second waits for its end.
            connection.execute(text("SET LOCAL lock_timeout = 0"))
            connection.execute(text("SELECT pg_advisory_xact_lock(20210514)"))
        before = _present(session)
        _refuse_unknown(before)
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    return before, _newest()


def check_schema(database: Database) -> None:
    """Raise SchemaMismatch unless the database is exactly as new as this program."""
    with database.reading() as session:
        found = _present(session)
    _refuse_unknown(found)
    if found != _newest():
        raise SchemaMismatch(
            f"the database is at revision {found or 'none'}, this program needs {_newest()}: "
            "run `webex-ingest migrate`"
        )


def _refuse_unknown(found: str | None) -> None:
    if found is not None and found not in _known():
        raise SchemaMismatch(
            f"the database is at revision {found}, which this program does not know: "
            "it was made by a newer webex-ingest; run that version"
        )


def _present(session: Session) -> str | None:
    if not inspect(session.connection()).has_table("alembic_version"):
        return None
    found: str | None = session.scalar(text("SELECT version_num FROM alembic_version"))
    return found


def _newest() -> str:
    return _known()[-1]


@cache
def _known() -> tuple[str, ...]:
    """The revisions of this program, oldest first: the numbers that the scripts' names begin with.

    Alembic would have to run every script to say so, in each process and at each probe.
    """
    names = (path.name for path in (_MIGRATIONS / "versions").glob("r*_*.py"))
    return tuple(sorted(name.partition("_")[0].removeprefix("r") for name in names))


def _config() -> "Config":
    from alembic.config import Config  # see migrate()

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.set_main_option("path_separator", "os")
    return config
