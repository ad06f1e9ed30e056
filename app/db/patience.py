"""Questions that take no longer than somebody waits for their answer."""

import math
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from psycopg.errors import QueryCanceled
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

_STEPS = 10_000
"""So many instructions of SQLite take less than a hundredth of a second."""


class TookTooLong(Exception):
    """A question was ended because its answer would have come too late."""


@contextmanager
def at_most(session: Session, seconds: float) -> Iterator[Callable[[], None]]:
    """End what is asked in here after so many seconds; raises TookTooLong.

    Gives what is to be called for each row, where many of them are read one by one.
    """
    deadline = time.monotonic() + seconds

    def is_over() -> bool:
        return time.monotonic() >= deadline

    def go_on() -> None:
        if is_over():
            raise TookTooLong

    try:
        with _ended_by_the_database(session, seconds, is_over):
            yield go_on
    except DBAPIError as error:
        # What ends sooner was ended by somebody else.
        if is_over() and _was_ended(error.orig):
            raise TookTooLong from None
        raise


@contextmanager
def _ended_by_the_database(
    session: Session, seconds: float, is_over: Callable[[], bool]
) -> Iterator[None]:
    if seconds == math.inf:
        yield
        return
    connection = session.connection().connection.driver_connection
    if not isinstance(connection, sqlite3.Connection):
        # Of the transaction alone, and not before it is over; 0 would be for ever.
        milliseconds = max(1, math.ceil(seconds * 1000))
        session.execute(text(f"SET LOCAL statement_timeout = {milliseconds}"))
        yield
        return
    connection.set_progress_handler(is_over, _STEPS)
    try:
        yield
    finally:
        connection.set_progress_handler(None, 0)


def _was_ended(error: BaseException | None) -> bool:
    # What Python's own module finds wrong has no code.
    code = getattr(error, "sqlite_errorcode", None)
    return code == sqlite3.SQLITE_INTERRUPT or isinstance(error, QueryCanceled)
