"""The inbox: every event that Webex delivered, committed before it is acknowledged."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import chain
from operator import attrgetter
from typing import Any

from sqlalchemy import bindparam, func, select, tuple_, update
from sqlalchemy.orm import Session
from sqlmodel import col

from app.db.engine import Database
from app.db.plain import PlainConnection
from app.db.statements import insert_into
from app.db.tallies import Happening, add_tallies
from app.models.tables import WebhookEvent
from app.models.words import EventOutcome


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of an event as it was read; and why, where it was put aside.

    ``meeting_id`` is the meeting that it is about, where that is known.
    """

    event: WebhookEvent
    outcome: EventOutcome
    error_code: str | None = None
    error: str | None = None
    meeting_id: str | None = None


_COLUMNS = (
    *("digest", "resource", "event", "data_id", "body", "deliveries", "tries"),
    *("first_received_at", "last_received_at", "next_attempt_at"),
)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One delivery of an event: its JSON without secrets, and the digest of its raw bytes."""

    digest: str
    resource: str
    event: str
    data_id: str
    body: str
    received_at: datetime


def digest_of(raw: bytes) -> str:
    """What tells one delivery from another: equal bytes are the same event."""
    return hashlib.sha256(raw).hexdigest()


def store_deliveries(connection: PlainConnection, deliveries: Sequence[Delivery]) -> None:
    """Commit deliveries, all of them or none.

    An identical delivery counts up and makes the event new again, because two equal
    ``recordings.updated`` may mean two changes; working through an event twice is harmless.
    The caller holds the writers' turn. Raises DatabaseUnavailable.
    """
    connection.run(*_insert_or_count(deliveries, connection.is_sqlite))


def _insert_or_count(
    deliveries: Sequence[Delivery], is_sqlite: bool
) -> tuple[str, tuple[str | int | datetime, ...]]:
    rows = _rows(deliveries)
    values = chain.from_iterable(_values(row, is_sqlite) for row in rows)
    return _statement(len(rows), is_sqlite), tuple(values)


@cache
def _statement(rows: int, is_sqlite: bool) -> str:
    placeholder, least, greatest = ("?", "min", "max") if is_sqlite else ("%s", "least", "greatest")
    row = f"({', '.join([placeholder] * len(_COLUMNS))})"
    return f"""
        INSERT INTO webhook_event ({", ".join(_COLUMNS)}) VALUES {", ".join([row] * rows)}
        ON CONFLICT (digest) DO UPDATE SET
            deliveries = webhook_event.deliveries + excluded.deliveries,
            first_received_at =
                {least}(webhook_event.first_received_at, excluded.first_received_at),
            last_received_at =
                {greatest}(webhook_event.last_received_at, excluded.last_received_at),
            next_attempt_at = excluded.next_attempt_at,
            outcome = NULL,
            tries = 0
    """  # noqa: S608 -- nothing but names and placeholders


def _rows(deliveries: Sequence[Delivery]) -> list[list[Delivery]]:
    """Equal deliveries together, in the order of their digests.

    In one order, because two processes that wait for each other's rows would never end.
    """
    rows: dict[str, list[Delivery]] = {}
    for each in deliveries:
        rows.setdefault(each.digest, []).append(each)
    return [rows[digest] for digest in sorted(rows)]


def _values(equal: list[Delivery], is_sqlite: bool) -> tuple[str | int | datetime, ...]:
    """The values of one row, in the order of the columns."""
    # Threads that wait together come in any order.
    equal.sort(key=attrgetter("received_at"))
    first, last = equal[0], equal[-1]
    first_at: datetime | str = first.received_at
    last_at: datetime | str = last.received_at
    if is_sqlite:
        last_at = _text_for_sqlite(last.received_at)
        first_at = last_at if first is last else _text_for_sqlite(first.received_at)
    told = (first_at, last_at, last_at)
    return (
        first.digest,
        first.resource,
        first.event,
        first.data_id,
        first.body,
        len(equal),
        0,
        *told,
    )


def _text_for_sqlite(time: datetime) -> str:
    """A time as SQLAlchemy reads it from an SQLite column."""
    return time.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")


def quarantine_delivery(
    database: Database, delivery: Delivery, *, error_code: str, error: str
) -> None:
    """Commit a delivery that is no event, so that it can be looked at and replayed.

    What it does not name is an empty text. Raises DatabaseUnavailable.
    """
    now = delivery.received_at
    values = {
        "digest": delivery.digest,
        "resource": delivery.resource,
        "event": delivery.event,
        "data_id": delivery.data_id,
        "body": delivery.body,
        "first_received_at": now,
        "last_received_at": now,
        "next_attempt_at": now,
        "deliveries": 1,
        "tries": 0,
        "outcome": EventOutcome.QUARANTINED,
        "error_code": error_code,
        "error": error,
        "processed_at": now,
    }
    again = {"deliveries": col(WebhookEvent.deliveries) + 1, "last_received_at": now}
    with database.transaction() as session:
        insert = insert_into(session, WebhookEvent).values(values)
        kept = insert.on_conflict_do_update(index_elements=["digest"], set_=again)
        counted = session.connection().execute(kept.returning(col(WebhookEvent.deliveries)))
        is_new = counted.scalar_one() == 1
        # It is refused all the same, and must not be told as one that was taken as well.
        which = (Happening.DELIVERY, "kept", "new" if is_new else "again")
        add_tallies(session, {which: (1, 0)})


def new_events(
    session: Session, *, now: datetime, limit: int, after: WebhookEvent | None = None
) -> list[WebhookEvent]:
    """The events that nobody has worked through, oldest first; those behind ``after``."""
    place = (col(WebhookEvent.next_attempt_at), col(WebhookEvent.id))
    new = (
        select(WebhookEvent)
        .where(col(WebhookEvent.outcome).is_(None), col(WebhookEvent.next_attempt_at) <= now)
        .order_by(*place)
        .limit(limit)
    )
    if after is not None:
        new = new.where(tuple_(*place) > (after.next_attempt_at, after.id))
    return list(session.scalars(new))


def lock_new_events(session: Session, events: Sequence[WebhookEvent]) -> set[int]:
    """The ids of those that are still new and nobody else is at; locked until the end."""
    ids = [each.id for each in events]
    found = session.scalars(
        select(col(WebhookEvent.id))
        .where(col(WebhookEvent.id).in_(ids), col(WebhookEvent.outcome).is_(None))
        .with_for_update(skip_locked=True)
    )
    return {each for each in found if each is not None}


def mark_events(session: Session, verdicts: Sequence[Verdict], *, now: datetime) -> None:
    """Say what became of events, but of none that was delivered once more in the meantime."""
    table: Any = WebhookEvent.__table__  # type: ignore[attr-defined]
    seen = (table.c.id == bindparam("seen_id"), table.c.deliveries == bindparam("seen_deliveries"))
    marks = [
        {
            "seen_id": each.event.id,
            "seen_deliveries": each.event.deliveries,
            "outcome": each.outcome,
            "error_code": each.error_code,
            "error": each.error,
            "processed_at": now,
        }
        for each in verdicts
    ]
    if marks:
        # Not through the session, which updates many rows by their key alone.
        session.connection().execute(update(table).where(*seen), marks)


def renew_events(
    session: Session,
    *,
    since: datetime | None,
    until: datetime | None,
    put_aside: bool,
    after_id: int,
    limit: int,
    now: datetime,
) -> list[tuple[int, datetime]]:
    """Make stored events new again, behind ``after_id``; their ids, and when each came last.

    Those that came last from ``since`` on and before ``until``; with ``put_aside`` only those
    of which nothing came.
    """
    last = col(WebhookEvent.last_received_at)
    wanted = [col(WebhookEvent.id) > after_id]
    if since is not None:
        wanted.append(last >= since)
    if until is not None:
        wanted.append(last < until)
    if put_aside:
        outcomes = (EventOutcome.QUARANTINED, EventOutcome.UNRESOLVED)
        wanted.append(col(WebhookEvent.outcome).in_(outcomes))
    rows = session.execute(
        select(col(WebhookEvent.id), last)
        .where(*wanted)
        .order_by(col(WebhookEvent.id))
        .limit(limit)
        .with_for_update()
    )
    found = [(event_id, at) for event_id, at in rows if event_id is not None]
    session.execute(
        update(WebhookEvent)
        .where(col(WebhookEvent.id).in_([event_id for event_id, _ in found]))
        .values(
            outcome=None,
            error_code=None,
            error=None,
            processed_at=None,
            tries=0,
            next_attempt_at=now,
        )
    )
    return found


def newest_delivery_at(session: Session) -> datetime | None:
    """When the newest event was delivered last; None where there is none."""
    newest = select(func.max(col(WebhookEvent.id))).scalar_subquery()
    found = select(col(WebhookEvent.last_received_at)).where(col(WebhookEvent.id) == newest)
    return session.scalar(found)


def new_event_ids(session: Session) -> set[int]:
    """The ids of all events that nobody has worked through."""
    new = col(WebhookEvent.outcome).is_(None)
    return {each for each in session.scalars(select(col(WebhookEvent.id)).where(new)) if each}


def stored_bodies(session: Session, event_ids: Sequence[int]) -> list[str]:
    """What is stored of these events."""
    wanted = col(WebhookEvent.id).in_(event_ids)
    return [*session.scalars(select(col(WebhookEvent.body)).where(wanted))]


def put_off_events(
    session: Session, events: Sequence[WebhookEvent], *, seconds: float, now: datetime
) -> None:
    """Look at events again later, as if they had come then; those that are still new."""
    ids = [each.id for each in events]
    session.execute(
        update(WebhookEvent)
        .where(col(WebhookEvent.id).in_(ids), col(WebhookEvent.outcome).is_(None))
        .values(next_attempt_at=now + timedelta(seconds=seconds))
    )


def postpone_event(session: Session, event: WebhookEvent, *, seconds: float, now: datetime) -> None:
    """Look at an event again later, unless it was delivered once more in the meantime."""
    session.execute(
        update(WebhookEvent)
        .where(
            col(WebhookEvent.id) == event.id,
            col(WebhookEvent.outcome).is_(None),
            col(WebhookEvent.deliveries) == event.deliveries,
        )
        .values(tries=WebhookEvent.tries + 1, next_attempt_at=now + timedelta(seconds=seconds))
    )
