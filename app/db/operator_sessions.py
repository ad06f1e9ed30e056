"""Sessions of the operator: every web process sees the same ones, so signing out ends them all."""

from datetime import datetime, timedelta

from sqlalchemy import delete, insert, or_, select, update
from sqlalchemy.orm import Session
from sqlmodel import col

from app.models.access import OperatorSession


def open_session(
    session: Session, digest: str, *, password: str, now: datetime, expires_at: datetime
) -> None:
    """Let a browser in; forgets sessions that are over, and those of another password."""
    session.execute(
        delete(OperatorSession).where(
            or_(
                col(OperatorSession.expires_at) <= now,
                col(OperatorSession.password) != password,
            )
        )
    )
    session.execute(
        insert(OperatorSession).values(
            digest=digest,
            password=password,
            created_at=now,
            last_seen_at=now,
            expires_at=expires_at,
        )
    )


def find_session(
    session: Session, digest: str, *, password: str, now: datetime, idle: timedelta
) -> OperatorSession | None:
    """A session that holds: of this password, not over, and not idle for so long."""
    return session.scalars(
        select(OperatorSession).where(
            col(OperatorSession.digest) == digest,
            col(OperatorSession.password) == password,
            col(OperatorSession.expires_at) > now,
            col(OperatorSession.last_seen_at) > now - idle,
        )
    ).one_or_none()


def note_seen(session: Session, digest: str, *, now: datetime) -> None:
    """Write down that a session is in use."""
    session.execute(
        update(OperatorSession)
        .where(col(OperatorSession.digest) == digest, col(OperatorSession.last_seen_at) < now)
        .values(last_seen_at=now)
    )


def close_session(session: Session, digest: str) -> None:
    """End a session; one that is over already harms nothing."""
    session.execute(delete(OperatorSession).where(col(OperatorSession.digest) == digest))
