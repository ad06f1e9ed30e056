"""The inbox: every event that Webex delivered, committed before it is acknowledged."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import chain

from sqlalchemy import select, update
from sqlalchemy.orm import Session
from sqlmodel import col

from app.db.engine import Database
from app.db.plain import PlainConnection
from app.models.tables import WebhookEvent

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
    """Commit one delivery; ``raw`` is only hashed, ``body`` (without secrets) is kept.

    Raises DatabaseUnavailable.
    """
    delivery = Delivery(digest_of(raw), resource, event, data_id, body, now)
    with database.transaction() as session:
        session.connection().exec_driver_sql(*_insert_or_count([delivery], database.is_sqlite))


def store_deliveries(connection: PlainConnection, deliveries: Sequence[Delivery]) -> None:
    """Commit deliveries, all of them or none.

    An identical delivery counts up and makes the event new again, because two equal
    ``recordings.updated`` may mean two changes; working through an event twice is harmless.
    Raises DatabaseUnavailable.
    """
    connection.run(*_insert_or_count(deliveries, connection.is_sqlite))


def _insert_or_count(
    deliveries: Sequence[Delivery], is_sqlite: bool
) -> tuple[str, tuple[str | int | datetime, ...]]:
    rows = _rows(deliveries)
    values = chain.from_iterable(_values(row, is_sqlite) for row in rows)
    return _statement(len(rows), "?" if is_sqlite else "%s"), tuple(values)


@cache
def _statement(rows: int, placeholder: str) -> str:
    row = f"({', '.join([placeholder] * len(_COLUMNS))})"
    return f"""
        INSERT INTO webhook_event ({", ".join(_COLUMNS)}) VALUES {", ".join([row] * rows)}
        ON CONFLICT (digest) DO UPDATE SET
            deliveries = webhook_event.deliveries + excluded.deliveries,
            last_received_at = excluded.last_received_at,
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


def new_events(session: Session, *, now: datetime, limit: int) -> list[WebhookEvent]:
    """The events that nobody has worked through, oldest first."""
    return list(
        session.scalars(
            select(WebhookEvent)
            .where(col(WebhookEvent.outcome).is_(None), col(WebhookEvent.next_attempt_at) <= now)
            .order_by(col(WebhookEvent.next_attempt_at), col(WebhookEvent.id))
            .limit(limit)
        )
    )


def mark_event(session: Session, event: WebhookEvent, outcome: str, *, now: datetime) -> None:
    """Say what became of an event, unless it was delivered once more in the meantime."""
    session.execute(
        update(WebhookEvent)
        .where(
            col(WebhookEvent.id) == event.id,
            col(WebhookEvent.deliveries) == event.deliveries,
        )
        .values(outcome=outcome, processed_at=now)
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
