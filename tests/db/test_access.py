"""Sessions, tokens and tries, as both databases keep them."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select
from sqlmodel import col

from app.db.api_tokens import add_token, all_tokens, delete_token, find_token, note_used
from app.db.engine import Database
from app.db.operator_sessions import close_session, find_session, note_seen, open_session
from app.db.throttles import Allowance, give_back, take_tries
from app.models.access import OperatorSession, Scope, Throttle

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
THIS = "the fingerprint of a password"
THREE = {"peer:192.0.2.7": Allowance(tries=3, seconds=60)}


def open_one(
    database: Database, digest: str, *, password: str = THIS, now: datetime = NOON
) -> None:
    with database.transaction() as session:
        open_session(session, digest, password=password, now=now, expires_at=now + DAY)


def holds(database: Database, digest: str, *, password: str = THIS, now: datetime = NOON) -> bool:
    with database.reading() as session:
        found = find_session(session, digest, password=password, now=now, idle=HOUR)
    return found is not None


def test_a_session_holds_until_it_is_idle_over_closed_or_of_another_password(
    database: Database,
) -> None:
    open_one(database, "one")

    assert holds(database, "one")
    assert not holds(database, "two")
    assert not holds(database, "one", password="another")
    assert not holds(database, "one", now=NOON + HOUR)
    with database.transaction() as session:
        note_seen(session, "one", now=NOON + DAY - HOUR / 2)
    assert holds(database, "one", now=NOON + DAY - HOUR / 4)
    assert not holds(database, "one", now=NOON + DAY)
    with database.transaction() as session:
        close_session(session, "one")
        close_session(session, "one")
    assert not holds(database, "one", now=NOON + DAY - HOUR / 4)


def test_a_new_session_clears_away_what_is_over(database: Database) -> None:
    open_one(database, "over", now=NOON - DAY)
    open_one(database, "of another password", password="another")
    open_one(database, "one")

    with database.reading() as session:
        assert session.scalars(select(col(OperatorSession.digest))).all() == ["one"]


def test_a_name_has_one_token_which_is_found_by_its_digest_until_it_is_over(
    database: Database,
) -> None:
    with database.transaction() as session:
        for name, digest, expires_at in (("b", "2", None), ("a", "1", NOON + DAY)):
            assert add_token(
                session,
                name,
                digest,
                scopes=[Scope.READ, Scope.OPERATE],
                now=NOON,
                expires_at=expires_at,
            )
    with database.transaction() as session:
        assert not add_token(session, "a", "3", scopes=[Scope.READ], now=NOON, expires_at=None)
        found = find_token(session, "1", now=NOON)
        assert found is not None
        assert (found.name, found.scopes) == ("a", "operate read")
        note_used(session, found, now=NOON)
        assert find_token(session, "1", now=NOON + DAY) is None
        assert find_token(session, "3", now=NOON) is None
    with database.reading() as session:
        assert [(each.name, each.last_used_at) for each in all_tokens(session)] == [
            ("a", NOON),
            ("b", None),
        ]
    with database.transaction() as session:
        assert [delete_token(session, "b"), delete_token(session, "b")] == [True, False]


def test_tries_are_spent_come_back_one_by_one_and_are_given_back(database: Database) -> None:
    assert [take_tries(database, THREE, now=NOON) for _ in range(5)] == [0, 0, 0, 60, 60]
    later = NOON + timedelta(seconds=61)
    assert [take_tries(database, THREE, now=later) for _ in range(2)] == [0, 59]
    with database.transaction() as session:
        give_back(session, "peer:192.0.2.7")
    assert [take_tries(database, THREE, now=later) for _ in range(3)] == [0, 0, 0]


def test_a_try_that_one_name_has_not_got_costs_the_other_nothing(database: Database) -> None:
    both = THREE | {"all": Allowance(tries=1, seconds=2)}

    assert [take_tries(database, both, now=NOON) for _ in range(3)] == [0, 2, 2]
    assert [take_tries(database, THREE, now=NOON) for _ in range(3)] == [0, 0, 60]


def test_many_at_once_get_no_more_than_there_are(database: Database) -> None:
    with ThreadPoolExecutor(8) as threads:
        waits = list(threads.map(lambda _: take_tries(database, THREE, now=NOON), range(24)))

    assert waits.count(0) == 3


def test_tries_that_are_given_back_leave_nothing_behind(database: Database) -> None:
    for number in range(5):
        take_tries(database, {f"peer:{number}": Allowance(3, 60)}, now=NOON)
    take_tries(database, THREE, now=NOON + DAY)

    with database.reading() as session:
        assert session.scalar(select(func.count()).select_from(Throttle)) == 1
