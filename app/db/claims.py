"""Claiming: which due or abandoned ingests are nudged next, fresh ones first, accounts in turn."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import chain, zip_longest

from sqlalchemy import and_, func, or_, select, update
from sqlalchemy.orm import Session
from sqlmodel import col

from app.db.suspects import is_suspect, is_suspect_running
from app.models.tables import Ingest
from app.models.words import Priority, Queue, State


def claim_due(
    session: Session,
    queue: Queue,
    *,
    limit: int,
    now: datetime,
    reserve_seconds: float,
    lease_seconds: float,
) -> list[int]:
    """Reserve up to ``limit`` rows of one queue; the caller commits, then nudges their ids.

    A reservation only keeps the next sweep from nudging the same row again at once. When
    the nudge is lost, the row is claimed again as soon as the reservation has run out.
    """
    if limit <= 0:
        return []
    before = now - timedelta(seconds=lease_seconds)
    free = and_(
        or_(col(Ingest.reserved_until).is_(None), col(Ingest.reserved_until) <= now),
        or_(~is_suspect(before), ~is_suspect_running(before)),
    )
    ids = _abandoned(session, queue, free, before, limit)
    for priority in Priority:
        if len(ids) >= limit:
            break
        ids += _due(session, queue, priority, free, now, limit - len(ids))
    session.execute(
        update(Ingest)
        .where(col(Ingest.id).in_(ids))
        .values(reserved_until=now + timedelta(seconds=reserve_seconds))
    )
    return ids


def is_work_due(session: Session, queue: Queue, *, now: datetime, lease_seconds: float) -> bool:
    """Whether a claim might find something; cheaper than a claim, and takes no lock."""
    due = select(col(Ingest.id)).where(
        col(Ingest.state) == State.WAITING,
        col(Ingest.queue) == queue,
        col(Ingest.next_attempt_at) <= now,
    )
    abandoned = select(col(Ingest.id)).where(
        col(Ingest.state) == State.RUNNING,
        col(Ingest.queue) == queue,
        col(Ingest.heartbeat_at) < now - timedelta(seconds=lease_seconds),
    )
    return any(session.scalar(each.limit(1)) is not None for each in (due, abandoned))


def _abandoned(
    session: Session, queue: Queue, free: object, before: datetime, limit: int
) -> list[int]:
    return _ids(
        session.scalars(
            select(col(Ingest.id))
            .where(
                col(Ingest.state) == State.RUNNING,
                col(Ingest.queue) == queue,
                col(Ingest.heartbeat_at) < before,
                free,  # type: ignore[arg-type]
            )
            .order_by(col(Ingest.heartbeat_at))
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
    )


def _due(
    session: Session, queue: Queue, priority: Priority, free: object, now: datetime, limit: int
) -> list[int]:
    waiting = [
        _ids(
            session.scalars(
                select(col(Ingest.id))
                .where(
                    col(Ingest.state) == State.WAITING,
                    col(Ingest.queue) == queue,
                    col(Ingest.account) == account,
                    col(Ingest.priority) == priority,
                    col(Ingest.next_attempt_at) <= now,
                    free,  # type: ignore[arg-type]
                )
                .order_by(col(Ingest.next_attempt_at))
                .limit(limit)
                .with_for_update(skip_locked=True)
            )
        )
        for account in _accounts(session, queue)
    ]
    return in_turn(waiting)[:limit]


def in_turn(lines: Iterable[list[int]]) -> list[int]:
    """One of each line, then the next of each: a long line never holds up a short one."""
    taken = chain.from_iterable(zip_longest(*lines))
    return [each for each in taken if each is not None]


def _accounts(session: Session, queue: Queue) -> list[str]:
    """The accounts with waiting work, one index look-up each however many rows they have."""
    accounts: list[str] = []
    waiting = (col(Ingest.state) == State.WAITING, col(Ingest.queue) == queue)
    account = session.scalar(select(func.min(col(Ingest.account))).where(*waiting))
    while account is not None:
        accounts.append(account)
        account = session.scalar(
            select(func.min(col(Ingest.account))).where(*waiting, col(Ingest.account) > account)
        )
    return accounts


def _ids(rows: Iterable[int | None]) -> list[int]:
    return [row for row in rows if row is not None]
