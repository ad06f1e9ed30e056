"""What is due and nobody has done yet, by queue and by how long it has been due."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Select, case, func, literal, select, union_all
from sqlalchemy.orm import Session
from sqlmodel import col

from app.models.tables import Ingest, WebhookEvent
from app.models.words import Queue, State


class Age(StrEnum):
    """How long something has been due."""

    FRESH = "under 1m"
    MINUTES = "1m to 5m"
    LATE = "5m to 1h"
    HOURS = "over 1h"


@dataclass(frozen=True, slots=True)
class Due:
    """How much is due in a queue, and since when the oldest of it is; None where nothing is."""

    by_age: dict[Age, int]
    since: datetime | None


def due_work(session: Session, *, now: datetime) -> dict[Queue, Due]:
    """All that is due, whatever waits for later; events are the work of ``control``.

    Reads the indexes of what is due only: takes longer with what is late, not with the years.
    """
    event_is_due = (col(WebhookEvent.outcome).is_(None), col(WebhookEvent.next_attempt_at) <= now)
    questions = [
        _counted(Queue.CONTROL, col(WebhookEvent.next_attempt_at), event_is_due, now),
        *(_counted(each, col(Ingest.next_attempt_at), _in_queue(each, now), now) for each in _WORK),
    ]
    found: dict[Queue, Due] = {queue: Due(dict.fromkeys(Age, 0), None) for queue in Queue}
    for queue, age, number, since in session.execute(union_all(*questions)):
        before = found[Queue(queue)]
        oldest = since if before.since is None else min(since, before.since)
        found[Queue(queue)] = Due(before.by_age | {Age(age): number}, oldest)
    return found


_WORK = (Queue.POLL, Queue.TRANSFER)


def _in_queue(queue: Queue, now: datetime) -> tuple[ColumnElement[bool], ...]:
    state, due_at = col(Ingest.state), col(Ingest.next_attempt_at)
    return col(Ingest.queue) == queue, state == State.WAITING, due_at <= now


def _counted(
    queue: Queue, due_at: Any, which: tuple[ColumnElement[bool], ...], now: datetime
) -> Select[*tuple[Any, ...]]:
    age = case(
        (due_at > now - timedelta(minutes=1), Age.FRESH),
        (due_at > now - timedelta(minutes=5), Age.MINUTES),
        (due_at > now - timedelta(hours=1), Age.LATE),
        else_=Age.HOURS,
    ).label("age")
    told = (literal(queue).label("queue"), age, func.count(), func.min(due_at))
    return select(*told).where(*which).group_by("age")
