"""The rows of planned meetings that may be set to be recorded: wanted, claimed, ended."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import case, func, select, update
from sqlalchemy.orm import Session
from sqlmodel import col

from app.db.statements import insert_into
from app.models.planned import AutoRecord
from app.models.words import Flip

_SWITCHED = (Flip.SWITCHING, Flip.SWITCHED_ON)


@dataclass(frozen=True, slots=True)
class Asked:
    """As which account a planned meeting is asked about, and whose it is said to be."""

    account: str
    host_email: str | None


def want_flips(
    session: Session, wanted: Mapping[str, Asked], *, now: datetime, again: bool = False
) -> None:
    """Make planned meetings due; those that were undone only ``again``."""
    row = {"flip": Flip.NEW, "tries": 0, "next_attempt_at": now, "updated_at": now}
    # In one order for everybody: who makes the same rows meanwhile is waited for.
    rows = [
        {
            **row,
            "meeting_id": each,
            "account": wanted[each].account,
            "host_email": wanted[each].host_email,
        }
        for each in sorted(wanted)
    ]
    if not rows:
        return
    insert = insert_into(session, AutoRecord)
    told = insert.excluded
    due: dict[str, Any] = {"next_attempt_at": now, "tries": 0, "account": told.account}
    due["host_email"] = func.coalesce(told.host_email, col(AutoRecord.host_email))
    if again:
        undone = col(AutoRecord.flip) == Flip.UNDONE
        due["flip"] = case((undone, Flip.NEW), else_=col(AutoRecord.flip))
        due["switched_at"] = None
    insert = insert.on_conflict_do_update(
        index_elements=["meeting_id"],
        set_=due,
        where=None if again else col(AutoRecord.flip) != Flip.UNDONE,
    )
    session.connection().execute(insert, rows)


def claim_flip(session: Session, *, now: datetime, hold_seconds: float) -> AutoRecord | None:
    """Take the one that is due for longest; nobody else does so while it is held."""
    due = col(AutoRecord.next_attempt_at) <= now
    first = select(col(AutoRecord.id)).where(due).order_by(col(AutoRecord.next_attempt_at)).limit(1)
    return session.scalars(
        update(AutoRecord)
        .where(col(AutoRecord.id) == first.scalar_subquery(), due)
        .values(next_attempt_at=now + timedelta(seconds=hold_seconds))
        .returning(AutoRecord)
    ).one_or_none()


def begin_flip(session: Session, held: AutoRecord, *, now: datetime) -> bool:
    """Note that Webex is about to be told; false if the row is not ours any more, or undone."""
    result = session.execute(
        update(AutoRecord)
        .where(_is_held(held), col(AutoRecord.flip) != Flip.UNDONE)
        .values(flip=Flip.SWITCHING, switched_at=now, updated_at=now)
    )
    return bool(result.rowcount)  # type: ignore[attr-defined]


def end_flip(
    session: Session, held: AutoRecord, *, due_at: datetime | None, now: datetime, **values: Any
) -> None:
    """Write down what came of it; a row that was wanted again meanwhile stays due."""
    due = case((_is_held(held), due_at), else_=col(AutoRecord.next_attempt_at))
    session.execute(
        update(AutoRecord)
        .where(col(AutoRecord.id) == held.id, col(AutoRecord.flip) != Flip.UNDONE)
        .values(next_attempt_at=due, updated_at=now, **values)
    )


def undo_flip(
    session: Session, meeting_id: str, *, now: datetime, hold_seconds: float
) -> AutoRecord | None:
    """Note that one is not to be recorded any more; None where we never switched it on.

    It is held until Webex has been told; whoever dies before that leaves it to the workers.
    """
    return session.scalars(
        update(AutoRecord)
        .where(
            col(AutoRecord.meeting_id) == meeting_id,
            col(AutoRecord.flip).in_((*_SWITCHED, Flip.UNDONE)),
        )
        .values(
            flip=Flip.UNDONE,
            next_attempt_at=now + timedelta(seconds=hold_seconds),
            undone_at=None,
            updated_at=now,
        )
        .returning(AutoRecord)
    ).one_or_none()


def end_undoing(
    session: Session, held: AutoRecord, why: str | None, *, due_at: datetime | None, now: datetime
) -> None:
    """Note what came of telling Webex: it is undone, or ``why`` not, and when to tell it again."""
    session.execute(
        update(AutoRecord)
        .where(_is_held(held), col(AutoRecord.flip) == Flip.UNDONE)
        .values(
            next_attempt_at=due_at, undone_at=now if why is None else None, why=why, updated_at=now
        )
    )


def is_undone(session: Session, row: AutoRecord) -> bool:
    """Whether somebody has undone it meanwhile."""
    found = session.scalar(select(col(AutoRecord.flip)).where(col(AutoRecord.id) == row.id))
    return found == Flip.UNDONE


def to_be_undone(session: Session) -> Sequence[str]:
    """What is recorded because of us: switched on, or an undoing that did not reach Webex."""
    ours = col(AutoRecord.flip).in_(_SWITCHED)
    half_undone = (col(AutoRecord.flip) == Flip.UNDONE) & col(AutoRecord.undone_at).is_(None)
    return session.scalars(select(col(AutoRecord.meeting_id)).where(ours | half_undone)).all()


def flips(session: Session, which: Collection[Flip]) -> Sequence[AutoRecord]:
    """The rows that stand so, latest first."""
    return session.scalars(
        select(AutoRecord)
        .where(col(AutoRecord.flip).in_(which))
        .order_by(col(AutoRecord.updated_at).desc(), col(AutoRecord.id))
    ).all()


def _is_held(held: AutoRecord) -> Any:
    return (col(AutoRecord.id) == held.id) & (
        col(AutoRecord.next_attempt_at) == held.next_attempt_at
    )
