"""A row that kills its worker again and again takes no other row along, and stops none."""

from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import select
from sqlmodel import col

from app.db.claims import claim_due
from app.db.engine import Database
from app.db.ingests import Lease, end_attempt
from app.db.suspects import SUSPECT_AFTER
from app.ingestion.retry import MOST_LOST
from app.models.outcomes import Done, Failed
from app.models.tables import Ingest
from app.models.words import Queue, State
from tests.db.rows import (
    LEASE_SECONDS,
    after,
    make_ingests,
    make_meeting,
    read_ingest,
    set_ingest,
    take,
    taken,
)


class Worker:
    """Eight threads of one process, which dies when it works on one of some rows."""

    def __init__(self, database: Database, deadly: list[int]) -> None:
        self.database = database
        self.deadly = deadly
        self.seconds = 0.0
        self.deaths = 0

    def live(self) -> None:
        """Take what is to be had; end all of it, or die over it and be missed."""
        leases = self._take()
        if any(lease.ingest_id in self.deadly for lease in leases):
            self.deaths += 1
        else:
            for lease in leases:
                self._end(lease, Done())
        self.seconds += LEASE_SECONDS + 1

    def _take(self) -> list[Lease]:
        with ThreadPoolExecutor(8) as threads:
            tried = threads.map(self._take_one, self._claim())
            leases = [lease for lease in tried if lease is not None]
        rows = {lease: read_ingest(self.database, lease.ingest_id) for lease in leases}
        for lease, row in rows.items():
            if row.lost >= MOST_LOST:
                self._end(lease, Failed("worker_lost", "five workers vanished"))
        return [lease for lease, row in rows.items() if row.lost < MOST_LOST]

    def _take_one(self, ingest_id: int) -> Lease | None:
        return take(self.database, ingest_id, after(self.seconds))

    def _claim(self) -> list[int]:
        with self.database.transaction() as session:
            return claim_due(
                session,
                Queue.TRANSFER,
                limit=8,
                now=after(self.seconds),
                reserve_seconds=1,
                lease_seconds=LEASE_SECONDS,
            )

    def _end(self, lease: Lease, outcome: Done | Failed) -> None:
        with self.database.transaction() as session:
            end_attempt(session, lease, outcome, now=after(self.seconds))


def states(database: Database) -> dict[int, tuple[str, int]]:
    with database.reading() as session:
        rows = session.scalars(select(Ingest).order_by(col(Ingest.id)))
        return {row.id: (row.state, row.lost) for row in rows if row.id is not None}


def test_neighbours_of_rows_that_kill_their_worker_all_end_well(database: Database) -> None:
    meeting = make_meeting(database)
    ids = make_ingests(database, meeting, 8)
    worker = Worker(database, deadly=ids[2:4])

    for number in range(40):
        worker.live()
        lost = [lost for row, (_, lost) in states(database).items() if row not in worker.deadly]
        assert max(lost) <= SUSPECT_AFTER < MOST_LOST
        if number < 12:
            make_ingests(database, meeting, 2, prefix=f"late{number}-")

    ended = states(database)
    assert {row for row, (state, _) in ended.items() if state != State.DONE} == set(worker.deadly)
    assert {ended[row] for row in worker.deadly} == {(State.FAILED, MOST_LOST)}
    # The first of them were two at once.
    assert worker.deaths <= MOST_LOST * len(worker.deadly)


def test_only_one_suspect_of_a_queue_is_worked_on_at_a_time(database: Database) -> None:
    first, second, fresh = make_ingests(database, make_meeting(database), 3)
    for row in (first, second):
        set_ingest(database, row, lost=SUSPECT_AFTER)
    (elsewhere,) = make_ingests(database, make_meeting(database, "b_I_2"), 1, queue=Queue.POLL)
    set_ingest(database, elsewhere, lost=SUSPECT_AFTER)

    lease = taken(database, first)

    assert take(database, second) is None
    taken(database, fresh)
    taken(database, elsewhere)
    with database.transaction() as session:
        end_attempt(session, lease, Done(), now=after(1))
    taken(database, second, after(1))


def test_suspects_that_have_to_wait_hold_up_no_claim(database: Database) -> None:
    meeting = make_meeting(database)
    suspects = make_ingests(database, meeting, 9, prefix="s", lost=SUSPECT_AFTER)
    fresh = make_ingests(database, meeting, 2, prefix="f", next_attempt_at=after(1))
    taken(database, suspects[0])
    worker = Worker(database, deadly=[])
    worker.seconds = 2

    assert worker._claim() == fresh
