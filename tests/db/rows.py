"""Rows for the tests of the database, at one fixed moment unless a test says another."""

import contextlib
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import insert, select, update
from sqlmodel import col

from app.db.engine import Database
from app.db.inbox import Delivery, digest_of, store_deliveries
from app.db.ingests import Lease, lease, new_ingest, open_ingests
from app.db.meetings import ensure_meeting
from app.db.plain import PlainConnection
from app.models.tables import Ingest, Meeting
from app.models.words import Priority, Queue, State

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
LEASE_SECONDS = 30.0
PATIENCE = NOW + timedelta(hours=48)


def after(seconds: float) -> datetime:
    """A moment so long after NOW."""
    return NOW + timedelta(seconds=seconds)


def store_event(
    database: Database,
    raw: bytes,
    *,
    resource: str,
    event: str,
    data_id: str,
    body: str,
    now: datetime,
) -> None:
    """Commit one delivery as the door does, and leave no connection behind."""
    delivery = Delivery(digest_of(raw), resource, event, data_id, body, now)
    with contextlib.closing(PlainConnection(database)) as connection, database.writers_turn():
        store_deliveries(connection, [delivery])


def make_meeting(database: Database, meeting_id: str = "a1_I_1", account: str = "") -> Meeting:
    """A meeting that belongs to an account."""
    with database.transaction() as session:
        meeting = ensure_meeting(session, meeting_id, source="webhook", now=NOW)
        session.execute(
            update(Meeting).where(col(Meeting.id) == meeting.id).values(account=account)
        )
        session.refresh(meeting)
        return meeting


def row_id_of(meeting: Meeting) -> int:
    """The key of a stored meeting."""
    assert meeting.id is not None
    return meeting.id


def make_ingest(
    database: Database, meeting: Meeting, resource: str = "recordings", resource_id: str = ""
) -> int:
    """One row that is due now."""
    with database.transaction() as session:
        wanted = new_ingest(
            meeting, resource, resource_id, due_at=NOW, patience_until=PATIENCE, now=NOW
        )
        open_ingests(session, [wanted])
        found = session.scalars(
            select(col(Ingest.id)).where(
                col(Ingest.meeting_row_id) == meeting.id,
                col(Ingest.resource) == resource,
                col(Ingest.resource_id) == resource_id,
            )
        ).one()
        assert found is not None
        return found


def plain_ingest(meeting: Meeting, **values: Any) -> dict[str, Any]:
    """The columns of a row that nobody has worked at, and these."""
    plain = {
        "meeting_row_id": meeting.id,
        "resource_id": "",
        "account": meeting.account,
        "stage": "",
        "attempt": 0,
        "looks": 0,
        "tries": 0,
        "lost": 0,
        "opened_at": NOW,
        "patience_until": PATIENCE,
        "woken": False,
        "bytes_done": 0,
        "bytes_synced": 0,
        "updated_at": NOW,
    }
    return plain | values


def make_ingests(
    database: Database, meeting: Meeting, count: int, prefix: str = "r", **values: Any
) -> list[int]:
    """Many rows at once, due now unless the values say otherwise; their ids in order."""
    plain = plain_ingest(
        meeting,
        resource="recordings",
        queue=Queue.TRANSFER,
        priority=Priority.FRESH,
        state=State.WAITING,
        next_attempt_at=NOW,
    )
    rows = [{**plain, **values, "resource_id": f"{prefix}{number}"} for number in range(count)]
    with database.transaction() as session:
        session.execute(insert(Ingest), rows)
        wanted = col(Ingest.meeting_row_id) == meeting.id
        named = col(Ingest.resource_id).startswith(prefix)
        ids = session.scalars(select(col(Ingest.id)).where(wanted, named).order_by(col(Ingest.id)))
        return [each for each in ids if each is not None]


def set_ingest(database: Database, ingest_id: int, **values: Any) -> None:
    """Bring a row into a state that would take long to reach."""
    with database.transaction() as session:
        session.execute(update(Ingest).where(col(Ingest.id) == ingest_id).values(**values))


def read_ingest(database: Database, ingest_id: int) -> Ingest:
    """The row as it is now."""
    with database.reading() as session:
        return session.get_one(Ingest, ingest_id)


def read_meeting(database: Database, meeting: Meeting) -> Meeting:
    """The row as it is now."""
    with database.reading() as session:
        return session.get_one(Meeting, meeting.id)


def take(database: Database, ingest_id: int, now: datetime = NOW) -> Lease | None:
    """Lease a row as a worker does; None if it is not to be had."""
    with database.transaction() as session:
        taken = lease(session, ingest_id, now=now, lease_seconds=LEASE_SECONDS)
    return taken[0] if taken else None


def taken(database: Database, ingest_id: int, now: datetime = NOW) -> Lease:
    """Lease a row that must be free."""
    lease = take(database, ingest_id, now)
    assert lease is not None, f"ingest {ingest_id} could not be leased"
    return lease
