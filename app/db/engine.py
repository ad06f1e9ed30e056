"""Connections to SQLite and Postgres, one engine per process, writers taken in turn."""

import os
import threading
from collections.abc import Callable, Iterator
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

_FROZEN_SECONDS = 30
"""After so long Postgres ends the transaction of a process that has stopped in the middle."""


class Database:
    """One database, used by any number of processes and threads.

    The engine is made on first use in each process: an SQLite or Postgres connection
    must never cross a fork.
    """

    def __init__(self, url: str) -> None:
        self.url: URL = make_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self._writers_place = Path(f"{self.url.database}.writer") if self.is_sqlite else None
        self._making = threading.Lock()
        self._engines: dict[int, Engine] = {}
        self._closing: list[tuple[int, Callable[[], None]]] = []

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
        with _translated_errors(), self.writers_turn():
            engine = self.engine.execution_options(write=True)
            with Session(engine, expire_on_commit=False) as session, session.begin():
                yield session

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Read: one consistent view; what is read may be used after it is closed."""
        engine = self.engine
        if not self.is_sqlite:
            # Postgres otherwise shows each statement another moment; SQLite never does.
            engine = engine.execution_options(isolation_level="REPEATABLE READ")
        with (
            _translated_errors(),
            Session(engine, expire_on_commit=False, autoflush=False) as session,
        ):
            yield session

    def dispose(self) -> None:
        """Close this process's connections."""
        for pid, close in self._closing:
            if pid == os.getpid():
                close()
        engine = self._engines.pop(os.getpid(), None)
        if engine is not None:
            engine.dispose()

    def on_dispose(self, close: Callable[[], None]) -> None:
        """Close a connection of this process that the engine does not know with the others."""
        self._closing.append((os.getpid(), close))

    def _make_engine(self) -> Engine:
        with self._making:
            if os.getpid() not in self._engines:
                self._engines = {os.getpid(): _create_engine(self.url)}
            return self._engines[os.getpid()]

    def writers_turn(self) -> Any:
        """What SQLite's writers hold while they write; nothing on Postgres."""
        if self._writers_place is not None:
            return WriterLock(self._writers_place, seconds=BUSY_SECONDS)
        return nullcontext()


@contextmanager
def _translated_errors() -> Iterator[None]:
    try:
        yield
    except PoolTimeout:
        raise DatabaseUnavailable("no database connection became free in time") from None
    except DBAPIError as error:
        reason = _keep_first_line(error)
        if error.connection_invalidated or type(error).__name__ in _UNAVAILABLE:
            raise DatabaseUnavailable(f"the database does not answer: {reason}") from error
        raise


def _keep_first_line(error: DBAPIError) -> str:
    """Cut an error down to what went wrong: Postgres goes on with the values of the row."""
    reason = (str(error.orig).strip().splitlines() or ["no reason was given"])[0]
    if error.orig is not None:
        error.orig.args = (reason,)
    error.args = (reason,)
    return reason


# SQLite's bare DatabaseError means that the file is damaged or is no database at all.
_UNAVAILABLE = {"OperationalError", "InterfaceError", "DatabaseError"}

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
            connect_args={**_POSTGRES_PATIENCE, "options": _postgres_options(url)},
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


def _postgres_options(url: URL) -> str:
    """Bounds for waiting behind a writer that is frozen; what the address says comes last."""
    given = url.query.get("options", "")
    return " ".join(
        [
            f"-c lock_timeout={BUSY_SECONDS}s",
            f"-c idle_in_transaction_session_timeout={_FROZEN_SECONDS}s",
            *([given] if isinstance(given, str) else given),
        ]
    ).strip()


def _set_pragmas(connection: Any, _record: Any) -> None:
    # A 204 means the event survives a power cut, so every commit is flushed (FULL).
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    # A reader that turns writer half-way meets "database is locked" without any waiting, so
    # writers say so at once; readers must not, or one forgotten reader stops every writer.
    write = connection.get_execution_options().get("write")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")
