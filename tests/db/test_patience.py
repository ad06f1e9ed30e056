"""Questions are ended in time on both databases, and nothing of that is left behind."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app.db.engine import Database
from app.db.patience import TookTooLong, at_most
from app.errors import DatabaseUnavailable

WITHOUT_END = text(
    "WITH RECURSIVE series(n) AS (SELECT 1 UNION ALL SELECT n % 1000 + 1 FROM series) "
    "SELECT count(*) FROM series"
)
TWO_MILLION = text(
    "WITH RECURSIVE series(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM series WHERE n < 2000000) "
    "SELECT count(*) FROM series"
)


def test_a_question_without_end_is_ended(database: Database) -> None:
    with pytest.raises(TookTooLong), database.reading() as session, at_most(session, 0.05):
        session.execute(WITHOUT_END)


def test_the_next_one_on_the_same_connection_has_all_its_time(database: Database) -> None:
    with pytest.raises(TookTooLong), database.reading() as session, at_most(session, 0.001):
        session.execute(WITHOUT_END)

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
