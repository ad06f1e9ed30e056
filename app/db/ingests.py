"""The state of every ingest: opened, leased, ended, each by one guarded UPDATE.

A worker owns a row only under the attempt number that its lease gave it. Every later write
repeats that number, so a worker that was frozen and overtaken changes nothing any more.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import (
    BindParameter,
    bindparam,
    case,
    func,
    null,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.orm import Session
from sqlalchemy.sql.dml import ReturningUpdate
from sqlmodel import col

from app.db.statements import insert_into
from app.db.suspects import is_suspect, is_suspect_running, one_by_one
from app.errors import LeaseLost
from app.models.outcomes import Absent, Done, Failed, Outcome, Wait
from app.models.tables import Ingest, Meeting
from app.models.words import Priority, Queue, Reason, State, queue_of

_STAGE_THAT_STAYS = case((col(Ingest.queue) == Queue.TRANSFER, col(Ingest.stage)), else_="")
"""A download goes on from its part, whose version is checked; texts might be of different ones."""

_KEY = ("meeting_row_id", "resource", "resource_id")


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to work on one ingest until its heartbeat is too old."""

    ingest_id: int
    attempt: int


def open_ingests(session: Session, wanted: Sequence[dict[str, Any]]) -> None:
    """Make those rows that are not there yet, of what ``new_ingest`` gave."""
    if wanted:
        insert = insert_into(session, Ingest).on_conflict_do_nothing(index_elements=_KEY)
        session.connection().execute(insert, wanted)


def new_ingest(
    meeting: Meeting,
    resource: str,
    resource_id: str = "",
    *,
    due_at: datetime,
    patience_until: datetime,
    priority: Priority = Priority.FRESH,
    reason: Reason | None = None,
    now: datetime,
) -> dict[str, Any]:
    """The values of a row that nobody has worked at, waiting until ``due_at``."""
    return {
        "meeting_row_id": meeting.id,
        "resource": resource,
        "resource_id": resource_id,
        "account": meeting.account,
        "queue": queue_of(resource, resource_id),
        "priority": priority,
        "state": State.WAITING,
        "reason": reason,
        "stage": "",
        "attempt": 0,
        "looks": 0,
        "tries": 0,
        "lost": 0,
        "next_attempt_at": due_at,
        "opened_at": now,
        "patience_until": patience_until,
        "woken": False,
        "bytes_done": 0,
        "bytes_synced": 0,
        "updated_at": now,
    }


def wake(session: Session, *which: Any, due_at: datetime, patience_until: datetime) -> None:
    """Make waiting rows due sooner; ask running ones to look once more when they end.

    A wake also gives a row more patience: a late event means that something is coming.
    """
    running = col(Ingest.state) == State.RUNNING
    later = ~running & (col(Ingest.next_attempt_at) > due_at)
    impatient = col(Ingest.patience_until) < patience_until
    # One statement for both states: between two, a row could end its attempt and be missed.
    session.execute(
        update(Ingest)
        .where(*which, col(Ingest.state).in_((State.WAITING, State.RUNNING)))
        .values(
            woken=case((running, true()), else_=col(Ingest.woken)),
            next_attempt_at=case((later, due_at), else_=col(Ingest.next_attempt_at)),
            reserved_until=case((later, null()), else_=col(Ingest.reserved_until)),
            looks=0,
            stage=_STAGE_THAT_STAYS,
            patience_until=case((impatient, patience_until), else_=col(Ingest.patience_until)),
        )
    )


def reopen(
    session: Session,
    *which: Any,
    states: tuple[State, ...],
    due_at: datetime,
    patience_until: datetime,
    priority: Priority,
    now: datetime,
) -> int:
    """Open ended rows again, as if they were new; how many there were."""
    result = session.execute(
        update(Ingest)
        .where(*which, col(Ingest.state).in_(states))
        .values(
            state=State.WAITING,
            priority=priority,
            reason=None,
            error_code=None,
            error=None,
            looks=0,
            tries=0,
            lost=0,
            stage=_STAGE_THAT_STAYS,
            next_attempt_at=due_at,
            reserved_until=None,
            opened_at=now,
            patience_until=patience_until,
            ended_at=None,
            bytes_per_second=None,
            updated_at=now,
        )
    )
    return int(result.rowcount)  # type: ignore[attr-defined]


def lease(
    session: Session, ingest_id: int, *, now: datetime, lease_seconds: float
) -> tuple[Lease, Ingest] | None:
    """Take one due or abandoned row; None if somebody else has it or it is not due.

    A doubled, late or forged nudge finds a row that is not due and stops here. A suspect is
    refused while another one is worked on.
    """
    one_by_one(session, ingest_id)
    before = now - timedelta(seconds=lease_seconds)
    told = {"leased_id": ingest_id, "now": now, "before": before}
    attempt = session.scalar(_leasing(), told)
    if attempt is None:
        return None
    row = session.scalars(select(Ingest).where(col(Ingest.id) == ingest_id)).one()
    return Lease(ingest_id, attempt), row


@cache
def _leasing() -> ReturningUpdate[int]:
    """The statement of every lease, which takes long to put together."""
    now: BindParameter[Any] = bindparam("now")
    before: BindParameter[Any] = bindparam("before")
    abandoned = (col(Ingest.state) == State.RUNNING) & (col(Ingest.heartbeat_at) < before)
    due = (col(Ingest.state) == State.WAITING) & (col(Ingest.next_attempt_at) <= now)
    return (
        update(Ingest)
        .where(
            col(Ingest.id) == bindparam("leased_id"),
            or_(due, abandoned),
            or_(~is_suspect(before), ~is_suspect_running(before)),
        )
        .values(
            state=State.RUNNING,
            attempt=Ingest.attempt + 1,
            lost=case((abandoned, Ingest.lost + 1), else_=col(Ingest.lost)),
            heartbeat_at=now,
            bytes_per_second=None,
            updated_at=now,
        )
        .returning(col(Ingest.attempt))
        .execution_options(synchronize_session=False)
    )


def heartbeat(session: Session, lease: Lease, *, now: datetime, **progress: Any) -> None:
    """Say that the work goes on, and how far it is; raises LeaseLost."""
    _write(session, lease, heartbeat_at=now, updated_at=now, **progress)


def end_attempt(session: Session, lease: Lease, outcome: Outcome, *, now: datetime) -> None:
    """Write down how an attempt ended and give the lease back; raises LeaseLost.

    A row that was woken meanwhile is due again at once, whatever the outcome was.
    """
    values = _values_of(outcome, now)
    again: dict[str, Any] = {"next_attempt_at": now, "stage": _STAGE_THAT_STAYS}
    values.setdefault("stage", col(Ingest.stage))
    if values["state"] != State.WAITING:
        again |= {"state": State.WAITING, "ended_at": null()}
    for name, value in again.items():
        values[name] = case((col(Ingest.woken).is_(True), value), else_=values[name])
    _write(
        session,
        lease,
        woken=False,
        reserved_until=None,
        heartbeat_at=None,
        bytes_per_second=None,
        updated_at=now,
        **values,
    )


def _values_of(outcome: Outcome, now: datetime) -> dict[str, Any]:
    match outcome:
        case Done(reason):
            counts = {"tries": 0, "lost": 0}
            stored = {"stored_at": now, "gone_at": _gone_at(reason, now)}
            return _ended(State.DONE, now, reason=reason, stage="", **counts, **stored)
        case Absent(reason, detail):
            counts = {"tries": 0, "lost": 0}
            gone = {"gone_at": _gone_at(reason, now)}
            return _ended(
                State.ABSENT, now, reason=reason, error=detail, stage="", **counts, **gone
            )
        case Failed(code, error):
            return _ended(State.FAILED, now, error_code=code, error=error)
        case Wait():
            return _waiting(outcome)


def _gone_at(reason: Reason | None, now: datetime) -> Any:
    """Since when Webex has deleted it; a deletion that was told meanwhile is looked into next."""
    gone_at = col(Ingest.gone_at)
    if reason is Reason.DELETED_AT_SOURCE:
        return func.coalesce(gone_at, now)
    return case((col(Ingest.woken).is_(True), gone_at), else_=null())


def _ended(state: State, now: datetime, **values: Any) -> dict[str, Any]:
    nothing: dict[str, Any] = {"reason": None, "error_code": None, "error": None}
    return nothing | {"state": state, "next_attempt_at": None, "ended_at": now} | values


def _waiting(wait: Wait) -> dict[str, Any]:
    values: dict[str, Any] = {
        "state": State.WAITING,
        "next_attempt_at": wait.until,
        "reason": wait.reason,
        "error_code": wait.error_code,
        "error": wait.error,
    }
    if wait.looked:
        values["looks"] = Ingest.looks + 1
    if wait.counts:
        values |= {"lost": 0, "tries": Ingest.tries + 1 if wait.error_code else 0}
    return values


def _write(session: Session, lease: Lease, **values: Any) -> None:
    result = session.execute(
        update(Ingest)
        .where(
            col(Ingest.id) == lease.ingest_id,
            col(Ingest.attempt) == lease.attempt,
            col(Ingest.state) == State.RUNNING,
        )
        .values(**values)
    )
    if not result.rowcount:  # type: ignore[attr-defined]
        raise LeaseLost(f"ingest {lease.ingest_id} was taken over after attempt {lease.attempt}")
