"""Claims: reserved for a while, fresh before old, accounts in turn, never the same row twice."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import chain

from hypothesis import given
from hypothesis import strategies as st

from app.db.claims import claim_due, in_turn, is_work_due
from app.db.engine import Database
from app.models.words import Priority, Queue, State
from tests.db.rows import (
    LEASE_SECONDS,
    after,
    make_ingest,
    make_ingests,
    make_meeting,
    set_ingest,
    take,
    taken,
)

RESERVE_SECONDS = 10


def claim(
    database: Database, limit: int = 100, *, seconds: float = 0, queue: Queue = Queue.TRANSFER
) -> list[int]:
    with database.transaction() as session:
        return claim_due(
            session,
            queue,
            limit=limit,
            now=after(seconds),
            reserve_seconds=RESERVE_SECONDS,
            lease_seconds=LEASE_SECONDS,
        )


def test_a_claimed_row_is_claimed_again_only_when_its_reservation_has_run_out(
    database: Database,
) -> None:
    ids = make_ingests(database, make_meeting(database), 3)

    assert sorted(claim(database)) == ids
    assert claim(database, seconds=RESERVE_SECONDS - 1) == []
    assert sorted(claim(database, seconds=RESERVE_SECONDS)) == ids


def test_a_reservation_keeps_no_worker_from_the_row(database: Database) -> None:
    (row,) = make_ingests(database, make_meeting(database), 1)
    claim(database)

    assert take(database, row) is not None
    assert claim(database, seconds=RESERVE_SECONDS) == []


def test_claims_at_the_same_time_get_different_rows(database: Database) -> None:
    ids = make_ingests(database, make_meeting(database), 200)
    barrier = threading.Barrier(8)

    def claim_some(_thread: int) -> list[int]:
        barrier.wait(10)
        return claim(database, 10) + claim(database, 10)

    with ThreadPoolExecutor(8) as threads:
        claimed = list(chain.from_iterable(threads.map(claim_some, range(8))))

    assert [each for each, count in Counter(claimed).items() if count > 1] == []
    assert set(claimed) <= set(ids)
    assert len(claimed) > 80


def test_abandoned_work_goes_first_then_fresh_then_retries_then_backfill(
    database: Database,
) -> None:
    meeting = make_meeting(database)
    (backfill,) = make_ingests(database, meeting, 1, "a", priority=Priority.BACKFILL)
    (retry,) = make_ingests(database, meeting, 1, "b", priority=Priority.RETRY)
    (fresh,) = make_ingests(database, meeting, 1, "c", priority=Priority.FRESH)
    (lost,) = make_ingests(database, meeting, 1, "d", priority=Priority.BACKFILL)
    taken(database, lost)
    later = LEASE_SECONDS + 1

    assert claim(database, 2, seconds=later) == [lost, fresh]
    assert claim(database, 2, seconds=later) == [retry, backfill]


def test_an_account_with_a_thousand_rows_does_not_starve_one_with_two(database: Database) -> None:
    make_ingests(database, make_meeting(database, "a_I_1", account="a"), 1000)
    few = make_ingests(database, make_meeting(database, "b_I_1", account="b"), 2)

    claimed = claim(database, 6)

    assert len(claimed) == 6
    assert set(few) <= set(claimed[:4])


def test_backfill_of_one_account_waits_for_the_fresh_work_of_all(database: Database) -> None:
    old = make_meeting(database, "a_I_1", account="a")
    make_ingests(database, old, 50, priority=Priority.BACKFILL)
    fresh = make_ingests(database, make_meeting(database, "b_I_1", account="b"), 20)

    assert claim(database, 20) == fresh


def test_the_longest_waiting_row_of_an_account_goes_first(database: Database) -> None:
    meeting = make_meeting(database)
    (second,) = make_ingests(database, meeting, 1, "b", next_attempt_at=after(-10))
    (first,) = make_ingests(database, meeting, 1, "a", next_attempt_at=after(-20))

    assert claim(database, 1) == [first]
    assert claim(database, 1) == [second]


def test_only_due_rows_of_the_queue_are_claimed(database: Database) -> None:
    meeting = make_meeting(database)
    make_ingests(database, meeting, 1, "later", next_attempt_at=after(1))
    make_ingests(database, meeting, 1, "done", state=State.DONE, next_attempt_at=None)
    running = make_ingests(database, meeting, 1, "running")
    taken(database, running[0])
    poll = make_ingest(database, meeting)

    assert claim(database) == []
    assert claim(database, queue=Queue.POLL) == [poll]
    assert claim(database, 0, seconds=9) == claim(database, -3, seconds=9) == []


def test_work_is_seen_as_due_when_a_claim_would_find_it(database: Database) -> None:
    meeting = make_meeting(database)
    (row,) = make_ingests(database, meeting, 1, next_attempt_at=after(5))

    assert not due(database, seconds=4)
    assert due(database, seconds=5)
    taken(database, row, now=after(5))
    assert not due(database, seconds=5 + LEASE_SECONDS)
    assert due(database, seconds=6 + LEASE_SECONDS)
    set_ingest(database, row, state=State.FAILED)
    assert not due(database, seconds=6 + LEASE_SECONDS)


@given(st.lists(st.lists(st.integers(), max_size=8), max_size=8))
def test_taking_in_turn_loses_nothing_and_favours_nobody(lines: list[list[int]]) -> None:
    named = [
        [place * 1000 + number for number in range(len(line))] for place, line in enumerate(lines)
    ]

    taken = in_turn(named)

    assert sorted(taken) == sorted(chain.from_iterable(named))
    for line in named:
        assert [each for each in taken if each in line] == line
        for position, each in enumerate(line):
            before = taken[: taken.index(each)]
            assert all(sum(other in one for other in before) <= position + 1 for one in named)


def due(database: Database, *, seconds: float) -> bool:
    with database.reading() as session:
        return is_work_due(session, Queue.TRANSFER, now=after(seconds), lease_seconds=LEASE_SECONDS)
