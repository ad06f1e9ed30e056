"""Claiming: which due or abandoned ingests are nudged next, fresh ones first, accounts in turn.

Each sweep asks all of this, so its statements are put together once.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from functools import cache
from itertools import chain, zip_longest
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Integer,
    Select,
    Update,
    bindparam,
    func,
    or_,
    select,
    update,
)
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
    told = {"queue": queue, "now": now, "before": now - timedelta(seconds=lease_seconds)}
    ids = _ids(session, _abandoned_to_claim(), told | {"limit": limit})
    accounts = _accounts(session, queue)
    for priority in Priority:
        if (left := limit - len(ids)) == 0:
            break
        these = told | {"priority": priority, "limit": left}
        lines = [_ids(session, _due_to_claim(), these | {"account": each}) for each in accounts]
        ids += in_turn(lines)[:left]
    if ids:
        until = now + timedelta(seconds=reserve_seconds)
        session.execute(_reservation(), {"ids": ids, "until": until})
    return ids


def is_work_due(session: Session, queue: Queue, *, now: datetime, lease_seconds: float) -> bool:
    """Whether a claim might find something; cheaper than a claim, and takes no lock."""
    told = {"queue": queue, "now": now, "before": now - timedelta(seconds=lease_seconds)}
    looks = (_due(), _abandoned())
    return any(session.scalar(each, told | {"limit": 1}) is not None for each in looks)


def in_turn(lines: Iterable[list[int]]) -> list[int]:
    """One of each line, then the next of each: a long line never holds up a short one."""
    taken = chain.from_iterable(zip_longest(*lines))
    return [each for each in taken if each is not None]


def _accounts(session: Session, queue: Queue) -> list[str]:
    """The accounts with waiting work, one index look-up each however many rows they have."""
    accounts: list[str] = []
    while True:
        after = accounts[-1] if accounts else None
        account = session.scalar(_next_account(after is None), {"queue": queue, "after": after})
        if account is None:
            return accounts
        accounts.append(account)


def _ids(session: Session, wanted: Select[int | None], told: Mapping[str, Any]) -> list[int]:
    return [row for row in session.scalars(wanted, told) if row is not None]


@cache
def _due() -> Select[int | None]:
    return _first(State.WAITING, col(Ingest.next_attempt_at) <= bindparam("now"))


@cache
def _abandoned() -> Select[int | None]:
    return _first(State.RUNNING, col(Ingest.heartbeat_at) < bindparam("before"))


@cache
def _due_to_claim() -> Select[int | None]:
    fair = (
        col(Ingest.account) == bindparam("account"),
        col(Ingest.priority) == bindparam("priority"),
    )
    return _claimable(_due().where(*fair).order_by(col(Ingest.next_attempt_at)))


@cache
def _abandoned_to_claim() -> Select[int | None]:
    return _claimable(_abandoned().order_by(col(Ingest.heartbeat_at)))


@cache
def _next_account(is_first: bool) -> Select[str]:
    account = col(Ingest.account)
    found = select(func.min(account)).where(*_of_queue(State.WAITING))
    return found if is_first else found.where(account > bindparam("after"))


@cache
def _reservation() -> Update:
    return (
        update(Ingest)
        .where(col(Ingest.id).in_(bindparam("ids", expanding=True)))
        .values(reserved_until=bindparam("until"))
        .execution_options(synchronize_session=False)
    )


def _first(state: State, condition: ColumnElement[bool]) -> Select[int | None]:
    found = select(col(Ingest.id)).where(*_of_queue(state), condition)
    return found.limit(bindparam("limit", type_=Integer))


def _claimable(wanted: Select[int | None]) -> Select[int | None]:
    before: BindParameter[Any] = bindparam("before")
    reserved = col(Ingest.reserved_until)
    return wanted.where(
        or_(reserved.is_(None), reserved <= bindparam("now")),
        or_(~is_suspect(before), ~is_suspect_running(before)),
    ).with_for_update(skip_locked=True)


def _of_queue(state: State) -> tuple[ColumnElement[bool], ...]:
    return col(Ingest.state) == state, col(Ingest.queue) == bindparam("queue")
