"""The inbox: every event that Webex delivered, committed before it is acknowledged."""

import hashlib
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session
from sqlmodel import col

from app.db.engine import Database
from app.db.statements import insert_into
from app.models.tables import WebhookEvent


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

    An identical delivery counts up and makes the event new again, because two equal
    ``recordings.updated`` may mean two changes; working through an event twice is harmless.
    Raises DatabaseUnavailable.
    """
    values = {
        "digest": hashlib.sha256(raw).hexdigest(),
        "resource": resource,
        "event": event,
        "data_id": data_id,
        "body": body,
        "first_received_at": now,
        "last_received_at": now,
        "next_attempt_at": now,
        "deliveries": 1,
        "tries": 0,
    }
    again = {
        "deliveries": col(WebhookEvent.deliveries) + 1,
        "last_received_at": now,
        "next_attempt_at": now,
        "outcome": None,
        "tries": 0,
    }
    with database.transaction() as session:
        insert = insert_into(session, WebhookEvent).values(values)
        # Without the unit of work of a session: this is the door's hot path.
        session.connection().execute(
            insert.on_conflict_do_update(index_elements=["digest"], set_=again)
        )


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
