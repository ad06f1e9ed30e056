"""Questions are ended in time on both databases, and nothing of that is left behind."""

import math

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app.db.engine import Database
from app.db.patience import TookTooLong, at_most
from app.errors import DatabaseUnavailable

LONG = text(
    "WITH RECURSIVE series(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM series "
    "WHERE n < 100000000) SELECT count(*) FROM series"
)
TWO_MILLION = text(
    "WITH RECURSIVE series(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM series WHERE n < 2000000) "
    "SELECT count(*) FROM series"
)


def test_a_question_that_takes_too_long_is_ended(database: Database) -> None:
    with pytest.raises(TookTooLong), database.reading() as session, at_most(session, 0.05):
        session.execute(LONG)


def test_the_next_one_on_the_same_connection_has_all_its_time(database: Database) -> None:
    with pytest.raises(TookTooLong), database.reading() as session, at_most(session, 0.001):
        session.execute(LONG)

    with database.reading() as session:
        assert session.scalar(TWO_MILLION) == 2_000_000


def test_many_rows_are_ended_between_two_of_them(database: Database) -> None:
    with pytest.raises(TookTooLong), database.reading() as session, at_most(session, 0) as go_on:
        go_on()


def test_what_is_in_time_is_answered(database: Database) -> None:
    with database.reading() as session, at_most(session, 60) as go_on:
        go_on()
        assert session.scalar(text("SELECT 1")) == 1


def test_another_error_stays_what_it_is(database: Database) -> None:
    asked = text("SELECT nothing FROM nowhere")

    with (
        pytest.raises((DBAPIError, DatabaseUnavailable)),
        database.reading() as session,
        at_most(session, 60),
    ):
        session.execute(asked)


# Python's module finds it out, and not SQLite, which gives its errors a code.
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_database_that_is_damaged_is_told_as_such(database: Database) -> None:
    damaged = text("SELECT CAST(x'ff80' AS TEXT)")

    with (
        pytest.raises(DatabaseUnavailable, match="UTF-8"),
        database.reading() as session,
        at_most(session, 60),
    ):
        session.execute(damaged).all()


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize("seconds", [60, math.inf])
def test_what_somebody_else_has_ended_did_not_take_too_long(
    database: Database, seconds: float
) -> None:
    with (
        pytest.raises(DatabaseUnavailable, match="canceling statement"),
        database.reading() as session,
        at_most(session, seconds),
    ):
        session.execute(text("SELECT pg_cancel_backend(pg_backend_pid()), pg_sleep(60)"))
