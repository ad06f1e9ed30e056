"""How far each of Webex's lists was read: begun, moved on, finished."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session
from sqlmodel import col

from app.db.statements import insert_into
from app.models.cursors import BackfillCursor

Feed = tuple[str, str, str]
"""Account, resource and site of a list."""


def cursors_of(session: Session, purpose: str) -> list[BackfillCursor]:
    """All of one purpose, in the order in which they were made."""
    return list(
        session.scalars(
            select(BackfillCursor)
            .where(col(BackfillCursor.purpose) == purpose)
            .order_by(col(BackfillCursor.id))
        )
    )


def all_cursors(session: Session) -> list[BackfillCursor]:
    """All of all purposes, those that were moved last first."""
    newest_first = (col(BackfillCursor.updated_at).desc(), col(BackfillCursor.id))
    return list(session.scalars(select(BackfillCursor).order_by(*newest_first)))


def begin_cursors(
    session: Session,
    purpose: str,
    feeds: Collection[Feed],
    *,
    keep: Collection[str] = (),
    since: datetime,
    until: datetime,
    now: datetime,
) -> None:
    """Let these lists be read from the beginning, and no others for this purpose.

    Those of the accounts to ``keep`` stay as far as they are.
    """
    is_over = col(BackfillCursor.account).not_in(keep)
    session.execute(delete(BackfillCursor).where(col(BackfillCursor.purpose) == purpose, is_over))
    rows: list[dict[str, Any]] = [
        {
            "purpose": purpose,
            "account": account,
            "resource": resource,
            "site_url": site_url,
            "since": since,
            "until": until,
            "reached": since,
            "begun_at": now,
            "updated_at": now,
        }
        for account, resource, site_url in feeds
    ]
    if rows:
        # Who begins at the same time begins the same.
        session.connection().execute(
            insert_into(session, BackfillCursor).on_conflict_do_nothing(), rows
        )


def move_cursor(
    session: Session, cursor: BackfillCursor, *, reached: datetime, now: datetime
) -> None:
    """Note how far a list was read; never back, and not of one that was begun anew meanwhile."""
    session.execute(
        update(BackfillCursor)
        .where(
            col(BackfillCursor.id) == cursor.id,
            col(BackfillCursor.begun_at) == cursor.begun_at,
            col(BackfillCursor.reached) <= reached,
        )
        .values(reached=reached, updated_at=now)
    )
