"""Connections to SQLite and Postgres, one engine per process, writers taken in turn."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

from app.db.writers import WriterLock
from app.errors import DatabaseUnavailable

BUSY_SECONDS = 5
"""How long a writer waits for the others before the database counts as unavailable."""


class Database:
    """One database, used by any number of processes and threads.

    The engine is made on first use in each process: an SQLite or Postgres connection
    must never cross a fork.
    """

    def __init__(self, url: str) -> None:
        self.url: URL = make_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self._making = threading.Lock()
        self._engines: dict[int, Engine] = {}

    @property
    def engine(self) -> Engine:
        """This process's engine."""
        engine = self._engines.get(os.getpid())
        return engine if engine is not None else self._make_engine()

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """Write: everything inside is committed together, or nothing of it.

        Never hold one over the network or a file. Raises DatabaseUnavailable when the
        database cannot be reached, or other writers hold it for more than five seconds.
        """
        with _translated_errors(), self._writers_turn():
            engine = self.engine.execution_options(write=True)
            with Session(engine, expire_on_commit=False) as session, session.begin():
                yield session

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Read: one consistent view; what is read may be used after it is closed."""
        with (
            _translated_errors(),
            Session(self.engine, expire_on_commit=False, autoflush=False) as session,
        ):
            yield session

    def dispose(self) -> None:
        """Close this process's connections."""
        engine = self._engines.pop(os.getpid(), None)
        if engine is not None:
            engine.dispose()

    def _make_engine(self) -> Engine:
        with self._making:
            if os.getpid() not in self._engines:
                self._engines = {os.getpid(): _create_engine(self.url)}
            return self._engines[os.getpid()]

    def _writers_turn(self) -> Any:
        if self.is_sqlite and self.url.database:
            return WriterLock(Path(f"{self.url.database}.writer"), seconds=BUSY_SECONDS)
        return nullcontext()


@contextmanager
def _translated_errors() -> Iterator[None]:
    try:
        yield
    except PoolTimeout:
        raise DatabaseUnavailable("no database connection became free in time") from None
    except DBAPIError as error:
        if error.connection_invalidated or type(error).__name__ in _UNAVAILABLE:
            reason = str(error.orig).strip().splitlines()[:1]
            raise DatabaseUnavailable(f"the database does not answer: {reason}") from error
        raise


_UNAVAILABLE = {"OperationalError", "InterfaceError"}

# A lost network must not hold a worker for minutes, as TCP would by itself.
_POSTGRES_PATIENCE = {
    "connect_timeout": 3,
    "tcp_user_timeout": 10_000,
    "keepalives_idle": 5,
    "keepalives_interval": 3,
    "keepalives_count": 3,
}


def _create_engine(url: URL) -> Engine:
    if url.get_backend_name() != "sqlite":
        return create_engine(
            url,
            pool_pre_ping=True,
            pool_timeout=BUSY_SECONDS,
            hide_parameters=True,
            connect_args=_POSTGRES_PATIENCE,
        )
    engine = create_engine(
        url,
        hide_parameters=True,
        pool_timeout=BUSY_SECONDS,
        connect_args={"timeout": BUSY_SECONDS, "isolation_level": None},
    )
    event.listen(engine, "connect", _set_pragmas)
    event.listen(engine, "begin", _begin)
    return engine


def _set_pragmas(connection: Any, _record: Any) -> None:
    # A 204 means the event survives a power cut, so every commit is flushed (FULL).
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    # A reader that turns writer half-way meets "database is locked" without any waiting, so
    # writers say so at once; readers must not, or one forgotten reader stops every writer.
    write = connection.get_execution_options().get("write")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")
