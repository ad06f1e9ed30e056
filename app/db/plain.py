"""One connection that is kept, for one statement at a time that commits itself."""

import sqlite3
import threading
from contextlib import suppress
from typing import Any

import psycopg
from sqlalchemy import PoolProxiedConnection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from app.db.engine import Database
from app.errors import DatabaseUnavailable

_LOCK_SECONDS = 1
"""How long a statement waits for a row on Postgres: whoever waits behind it is not to blame."""

_FREE_SECONDS = 5
"""For how long a disposal waits for the statement that runs."""

_LOST = (
    sqlite3.OperationalError,
    psycopg.OperationalError,
    psycopg.InterfaceError,
    psycopg.errors.ReadOnlySqlTransaction,
)
_DRIVER_ERRORS = (sqlite3.Error, psycopg.Error)


class PlainConnection:
    """Used by one thread; connects when it is needed, and again after the database was away.

    Everything that SQLAlchemy does around a statement takes several times as long as the
    statement, which is too much for the door.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._pooled: PoolProxiedConnection | None = None
        self._driver: Any = None
        self._in_use = threading.Lock()
        database.on_dispose(self._close_when_free)

    @property
    def is_sqlite(self) -> bool:
        """Whether placeholders are question marks and times are texts."""
        return self._database.is_sqlite

    def run(self, statement: str, values: tuple[Any, ...]) -> None:
        """Run a statement that is committed when this returns; raises DatabaseUnavailable.

        The caller holds the writers' turn.
        On a connection that turns out to be dead it is run once more on a new one, though the
        first time may have been its last act: what it does must be harmless twice.
        """
        try:
            with self._in_use:
                self._run(statement, values)
        except _DRIVER_ERRORS as error:
            reason = _keep_first_line(error)
            if not isinstance(error, _LOST) and type(error) is not sqlite3.DatabaseError:
                raise
            if not self.is_sqlite:
                # It may lead to a server that is not the one to write to any more.
                self.close()
            raise DatabaseUnavailable(f"the database does not answer: {reason}") from error

    def close(self) -> None:
        """Close the connection; the next statement opens another one."""
        pooled, self._pooled, self._driver = self._pooled, None, None
        if pooled is not None:
            with suppress(*_DRIVER_ERRORS):
                pooled.close()

    def _close_when_free(self) -> None:
        # SQLite's library crashes the process when a connection is closed under a statement. One
        # that hangs keeps its connection; it ends with its thread.
        if self._in_use.acquire(timeout=_FREE_SECONDS):
            try:
                self.close()
            finally:
                self._in_use.release()

    def _run(self, statement: str, values: tuple[Any, ...]) -> None:
        was_open = self._driver is not None
        driver = self._connected()
        try:
            driver.execute(statement, values)
        except psycopg.OperationalError:
            if not was_open or not driver.closed:
                raise
            self.close()
            self._connected().execute(statement, values)

    def _connected(self) -> Any:
        if self._driver is None:
            self._connect()
        return self._driver

    def _connect(self) -> None:
        try:
            pooled = self._database.engine.raw_connection()
        except PoolTimeout:
            raise DatabaseUnavailable("no database connection became free in time") from None
        except DBAPIError as error:
            # What the pool raises is wrapped, and what the statement raises is not.
            raise (error.orig or error) from None
        self._pooled, self._driver = pooled, pooled.driver_connection
        # It is ours from here on, and is really closed when it is closed.
        pooled.detach()
        if not self.is_sqlite:
            self._driver.autocommit = True
            self._driver.execute(f"SET lock_timeout = '{_LOCK_SECONDS}s'")


def _keep_first_line(error: Exception) -> str:
    """Cut an error down to what went wrong: Postgres goes on with the values of the row."""
    reason = (str(error).strip().splitlines() or ["no reason was given"])[0]
    error.args = (reason,)
    return reason
