"""The state of an ingest: one lease at a time, and a worker that lost its lease changes nothing."""

import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlmodel import col

from app.db.engine import Database
from app.db.ingests import Lease, end_attempt, heartbeat, new_ingest, open_ingests, reopen, wake
from app.errors import LeaseLost
from app.models.outcomes import Absent, Done, Failed, Outcome, Wait
from app.models.tables import Ingest
from app.models.words import Priority, Reason, State
from tests.db.rows import (
    LEASE_SECONDS,
    NOW,
    PATIENCE,
    after,
    make_ingest,
    make_ingests,
    make_meeting,
    read_ingest,
    set_ingest,
    take,
    taken,
)
from tests.processes import spawn

OUTCOMES: list[Outcome] = [
    Done(),
    Absent(Reason.NOT_AVAILABLE),
    Failed("fault", "something broke"),
    Wait(after(600), Reason.STILL_PROCESSING, looked=True),
    Wait(after(600), Reason.RETRYING, error_code="webex_unavailable", error="no answer"),
]


@pytest.fixture
def row(database: Database) -> int:
    """One ingest that is due."""
    return make_ingest(database, make_meeting(database))


def test_of_sixteen_threads_exactly_one_gets_the_lease(database: Database, row: int) -> None:
    barrier = threading.Barrier(16)

    def try_it(_thread: int) -> Lease | None:
        barrier.wait(10)
        return take(database, row)

    with ThreadPoolExecutor(16) as threads:
        leases = [each for each in threads.map(try_it, range(16)) if each]

    assert leases == [Lease(row, 1)]


def test_of_four_processes_exactly_one_gets_each_lease(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    ids = make_ingests(database, make_meeting(database), 60)
    go = tmp_path / "go"
    words = ["lease", database_url, ",".join(map(str, ids)), str(go)]

    with ExitStack() as stack:
        running = [
            stack.enter_context(spawn([sys.executable, "-m", "tests.db.programs", *words]))
            for _ in range(4)
        ]
        for each in running:
            each.wait_for("ready")
        go.touch()
        said = [each.wait_for(".").split("got ")[1] for each in running]

    got = [int(each) for text in said for each in text.strip().rstrip(".").split(",") if each]
    assert sorted(got) == ids


def test_a_doubled_or_early_nudge_does_nothing(database: Database, row: int) -> None:
    set_ingest(database, row, next_attempt_at=after(60))
    before = read_ingest(database, row)

    assert take(database, row) is None
    assert take(database, 4711) is None
    assert read_ingest(database, row) == before
    taken(database, row, after(60))
    assert take(database, row, after(61)) is None


@pytest.mark.parametrize("state", [State.DONE, State.ABSENT, State.FAILED])
def test_ended_work_is_not_leased(database: Database, row: int, state: State) -> None:
    set_ingest(database, row, state=state)

    assert take(database, row, after(10_000)) is None


def test_abandoned_work_is_taken_over_and_counted(database: Database, row: int) -> None:
    taken(database, row)

    assert take(database, row, after(LEASE_SECONDS)) is None
    second = taken(database, row, after(LEASE_SECONDS + 1))

    assert second.attempt == 2
    assert read_ingest(database, row).lost == 1


def test_a_heartbeat_keeps_the_lease(database: Database, row: int) -> None:
    lease = taken(database, row)

    beat(database, lease, seconds=LEASE_SECONDS, bytes_done=7)

    assert take(database, row, after(2 * LEASE_SECONDS)) is None
    assert read_ingest(database, row).bytes_done == 7


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_a_worker_that_was_overtaken_changes_nothing(
    database: Database, row: int, outcome: Outcome
) -> None:
    stale = taken(database, row)
    fresh = taken(database, row, after(LEASE_SECONDS + 1))
    before = read_ingest(database, row)

    with pytest.raises(LeaseLost):
        beat(database, stale, seconds=60, bytes_done=999)
    with pytest.raises(LeaseLost):
        end(database, stale, outcome)

    assert read_ingest(database, row) == before
    end(database, fresh, Done())
    with pytest.raises(LeaseLost):
        end(database, fresh, outcome)
    assert read_ingest(database, row).state == State.DONE


def test_waking_makes_waiting_work_due_at_once(database: Database, row: int) -> None:
    set_ingest(database, row, next_attempt_at=after(3600), reserved_until=after(5), looks=3)

    wake_row(database, row, seconds=10)

    woken = read_ingest(database, row)
    assert (woken.next_attempt_at, woken.reserved_until, woken.looks) == (after(10), None, 0)
    assert woken.woken is False


def test_waking_never_makes_work_later_or_less_patient(database: Database, row: int) -> None:
    set_ingest(database, row, next_attempt_at=after(-5), patience_until=after(9000))

    wake_row(database, row, seconds=10, patience=60)

    woken = read_ingest(database, row)
    assert (woken.next_attempt_at, woken.patience_until) == (after(-5), after(9000))


def test_waking_work_that_is_due_already_gives_it_patience(database: Database, row: int) -> None:
    set_ingest(database, row, next_attempt_at=after(-5), patience_until=after(-60), looks=4)

    wake_row(database, row, seconds=0, patience=3600)

    woken = read_ingest(database, row)
    assert (woken.patience_until, woken.looks) == (after(3600), 0)


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_work_that_was_woken_while_it_ran_is_looked_at_once_more(
    database: Database, row: int, outcome: Outcome
) -> None:
    lease = taken(database, row)
    wake_row(database, row, seconds=5)

    end(database, lease, outcome, seconds=6)

    ended = read_ingest(database, row)
    assert (ended.state, ended.next_attempt_at) == (State.WAITING, after(6))
    assert ended.ended_at is None
    second = taken(database, row, after(6))
    end(database, second, Done(), seconds=7)
    assert read_ingest(database, row).state == State.DONE


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_work_that_was_not_woken_ends_as_it_says(
    database: Database, row: int, outcome: Outcome
) -> None:
    lease = taken(database, row)

    end(database, lease, outcome, seconds=6)

    ended = read_ingest(database, row)
    expected = {Done: State.DONE, Absent: State.ABSENT, Failed: State.FAILED, Wait: State.WAITING}
    assert ended.state == expected[type(outcome)]
    assert ended.heartbeat_at is None
    assert (ended.next_attempt_at is None) == (not isinstance(outcome, Wait))
    assert (ended.ended_at is None) == isinstance(outcome, Wait)


@pytest.mark.parametrize("state", [State.DONE, State.ABSENT, State.FAILED])
def test_ended_work_is_opened_again_as_if_it_were_new(
    database: Database, row: int, state: State
) -> None:
    set_ingest(
        database,
        row,
        state=state,
        reason="x",
        error_code="y",
        error="z",
        looks=9,
        tries=9,
        lost=9,
        ended_at=NOW,
    )

    assert reopen_row(database, row, (State.DONE, State.ABSENT, State.FAILED)) == 1

    opened = read_ingest(database, row)
    assert (opened.state, opened.next_attempt_at) == (State.WAITING, after(1))
    assert (opened.reason, opened.error_code, opened.error) == (None, None, None)
    assert (opened.looks, opened.tries, opened.lost, opened.ended_at) == (0, 0, 0, None)
    assert taken(database, row, after(1)).attempt == 1


def test_only_the_named_states_are_opened_again(database: Database, row: int) -> None:
    every = (State.DONE, State.ABSENT, State.FAILED)
    for state in every:
        set_ingest(database, row, state=state)
        others = tuple(each for each in every if each != state)
        assert reopen_row(database, row, others) == 0
    set_ingest(database, row, state=State.WAITING)
    taken(database, row)
    assert reopen_row(database, row, every) == 0


@pytest.mark.parametrize("outcome", OUTCOMES, ids=lambda each: type(each).__name__)
def test_an_attempt_that_ended_has_no_speed(database: Database, row: int, outcome: Outcome) -> None:
    lease = taken(database, row)
    beat(database, lease, seconds=1, bytes_done=5, bytes_per_second=7)
    running = read_ingest(database, row)

    end(database, lease, outcome, seconds=2)

    assert (running.bytes_done, running.bytes_per_second) == (5, 7)
    assert read_ingest(database, row).bytes_per_second is None


def test_an_attempt_that_takes_over_has_no_speed_yet(database: Database, row: int) -> None:
    beat(database, taken(database, row), seconds=1, bytes_done=5, bytes_per_second=7)

    taken(database, row, after(LEASE_SECONDS + 2))

    taken_over = read_ingest(database, row)
    assert (taken_over.bytes_done, taken_over.bytes_per_second) == (5, None)


def test_work_that_is_opened_again_has_no_speed(database: Database, row: int) -> None:
    set_ingest(database, row, state=State.FAILED, bytes_per_second=7)

    reopen_row(database, row, (State.FAILED,))

    assert read_ingest(database, row).bytes_per_second is None


def test_opening_the_same_work_twice_makes_one_row(database: Database) -> None:
    meeting = make_meeting(database)

    wanted = new_ingest(meeting, "recordings", due_at=NOW, patience_until=PATIENCE, now=NOW)

    def open_it(_thread: int) -> None:
        with database.transaction() as session:
            open_ingests(session, [wanted])

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(open_it, range(4)))

    with database.reading() as session:
        assert session.scalar(select(func.count()).select_from(Ingest)) == 1


def test_errors_in_a_row_are_counted_and_an_answer_ends_the_count(
    database: Database, row: int
) -> None:
    error = Wait(NOW, Reason.RETRYING, error_code="webex_unavailable", error="no answer")
    for _ in range(3):
        end(database, taken(database, row), error)
    assert read_ingest(database, row).tries == 3

    end(database, taken(database, row), Wait(NOW, Reason.STILL_PROCESSING, looked=True))

    answered = read_ingest(database, row)
    assert (answered.tries, answered.looks, answered.error_code) == (0, 1, None)


def test_an_attempt_that_was_cut_short_counts_for_nothing(database: Database, row: int) -> None:
    set_ingest(database, row, tries=2, looks=1, lost=3)

    end(database, taken(database, row), Wait(NOW, Reason.SHUTDOWN, counts=False))

    ended = read_ingest(database, row)
    assert (ended.tries, ended.looks, ended.lost) == (2, 1, 3)


def beat(database: Database, lease: Lease, *, seconds: float, **progress: Any) -> None:
    with database.transaction() as session:
        heartbeat(session, lease, now=after(seconds), **progress)


def end(database: Database, lease: Lease, outcome: Outcome, *, seconds: float = 0) -> None:
    with database.transaction() as session:
        end_attempt(session, lease, outcome, now=after(seconds))


def wake_row(database: Database, row: int, *, seconds: float, patience: float = 3600) -> None:
    with database.transaction() as session:
        wake(session, col(Ingest.id) == row, due_at=after(seconds), patience_until=after(patience))


def reopen_row(database: Database, row: int, states: tuple[State, ...]) -> int:
    with database.transaction() as session:
        return reopen(
            session,
            col(Ingest.id) == row,
            states=states,
            due_at=after(1),
            patience_until=PATIENCE,
            priority=Priority.RETRY,
            now=NOW,
        )
