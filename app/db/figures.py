"""Read-only questions about everything at once: one query each, however many rows there are."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import case, func, literal, select
from sqlalchemy.orm import Session
from sqlmodel import col

from app.db.meetings import began
from app.db.tallies import Subject, go_by_the_key, totals, totals_question
from app.models.snippets import Snippet
from app.models.status import seconds_left
from app.models.tables import File, Ingest, Meeting, WebhookEvent
from app.models.words import CORE_RESOURCES, Queue, State


@dataclass(frozen=True, slots=True)
class Stock:
    """How many files there are, how large they are together, and how many are damaged."""

    files: int
    bytes: int
    damaged: int = 0


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the running transfers are together.

    ``silent`` are those whose worker has not been heard of; nothing else counts them.
    ``without_total`` are those of which nobody knows how large they become, and
    ``longest_seconds`` is what the slowest one still takes, as far as that is known.
    """

    running: int
    silent: int
    without_total: int
    bytes_done: int
    bytes_total: int
    bytes_per_second: int | None
    longest_seconds: float | None

    @property
    def remaining_seconds(self) -> int | None:
        """What is left of all of them; None unless it is known of every one."""
        together = seconds_left(self.bytes_done, self.bytes_total, self.bytes_per_second)
        if self.without_total or together is None:
            return None
        # All of them together take at least as long as the slowest one.
        return math.ceil(max(together, self.longest_seconds or 0))


def count_ingests(session: Session) -> dict[tuple[str, str], int]:
    """How many ingests there are of each resource in each state."""
    return {key: number for key, (number, _) in totals(session, Subject.INGEST).items()}


def count_reasons(session: Session) -> dict[str, int]:
    """How many ingests failed with each error, or are absent for each reason."""
    why = func.coalesce(col(Ingest.error_code), col(Ingest.reason))
    ended = col(Ingest.state).in_((State.FAILED, State.ABSENT))
    rows = session.execute(select(why, func.count()).where(ended).group_by(why))
    return {reason: number for reason, number in rows if reason}


def count_failures(session: Session) -> list[tuple[str | None, int, datetime | None]]:
    """How many ingests failed with each error code, and since when; the most frequent first."""
    code, number = col(Ingest.error_code), func.count()
    rows = session.execute(
        select(code, number, func.min(col(Ingest.ended_at)))
        .where(col(Ingest.state) == State.FAILED)
        .group_by(code)
        .order_by(number.desc(), code)
    )
    return [(found, count, since) for found, count, since in rows]


def stored_of_late(session: Session, *, files: int) -> tuple[int, datetime | None]:
    """The bytes of so many files that were stored last, and since when they were."""
    size, stored_at = col(File.bytes), col(File.stored_at)
    last = select(size, stored_at).order_by(col(File.id).desc()).limit(files).subquery()
    found = session.execute(select(func.sum(last.c.bytes), func.min(last.c.stored_at))).one()
    return int(found[0] or 0), found[1]


def last_delivery_at(session: Session) -> datetime | None:
    """When the newest event was last delivered."""
    newest = select(col(WebhookEvent.last_received_at)).order_by(col(WebhookEvent.id).desc())
    return session.scalar(newest.limit(1))


def count_meetings(session: Session) -> dict[str, int]:
    """How many meetings have something that ``failed``, are ``complete``, or ``waiting`` still."""
    failed = select(col(Ingest.meeting_row_id)).where(col(Ingest.state) == State.FAILED)
    word = case((col(Meeting.completed_at).is_not(None), "complete"), else_="waiting")
    both = select(literal(1), word.label("word"), func.count()).where(col(Meeting.id).in_(failed))
    all_of_them = totals_question(Subject.MEETING).subquery()
    every = select(literal(0), all_of_them.c.word, all_of_them.c.number)
    counts = {"failed": 0, "complete": 0, "waiting": 0}
    go_by_the_key(session)
    for is_failed, state, number in session.execute(every.union_all(both.group_by("word"))):
        counts[state] += -number if is_failed else number
        counts["failed"] += number if is_failed else 0
    return {state: int(number) for state, number in counts.items() if number}


def count_events(session: Session) -> dict[str, int]:
    """How many events there are of each outcome; ``new`` are those nobody has worked through."""
    return {word: number for (word, _), (number, _) in totals(session, Subject.EVENT).items()}


def events_put_aside(session: Session, *, limit: int) -> list[WebhookEvent]:
    """The events that were put aside last, be they quarantined or unresolved."""
    return list(
        session.scalars(
            select(WebhookEvent)
            .where(col(WebhookEvent.error_code).is_not(None))
            .order_by(col(WebhookEvent.processed_at).desc())
            .limit(limit)
        )
    )


def oldest_due_at(
    session: Session, *, now: datetime, queue: Queue | None = None
) -> datetime | None:
    """Since when the longest waiting due row has been due, in one queue or in all."""
    question = select(func.min(col(Ingest.next_attempt_at))).where(
        col(Ingest.state) == State.WAITING, col(Ingest.next_attempt_at) <= now
    )
    return session.scalar(question.where(col(Ingest.queue) == queue) if queue else question)


def oldest_new_event_at(session: Session, *, now: datetime) -> datetime | None:
    """Since when the oldest event that nobody has worked through has been due."""
    return session.scalar(
        select(func.min(col(WebhookEvent.next_attempt_at))).where(
            col(WebhookEvent.outcome).is_(None), col(WebhookEvent.next_attempt_at) <= now
        )
    )


def count_deliveries(session: Session) -> int:
    """How often Webex has delivered an event."""
    return sum(amount for _, amount in totals(session, Subject.EVENT).values())


def stock_of_kinds(session: Session) -> dict[str, Stock]:
    """The stored files of each kind."""
    stock: dict[str, Stock] = {}
    for (kind, damage), (files, size) in totals(session, Subject.FILE).items():
        before = stock.get(kind, Stock(0, 0))
        damaged = before.damaged + (files if damage else 0)
        stock[kind] = Stock(before.files + files, before.bytes + size, damaged)
    return stock


def stock_of_meetings(session: Session, meeting_row_ids: Sequence[int]) -> dict[int, Stock]:
    """The stored files of each of these meetings."""
    meeting = col(File.meeting_row_id)
    sums = (
        select(meeting, func.count(), func.sum(col(File.bytes)))
        .where(meeting.in_(meeting_row_ids))
        .group_by(meeting)
    )
    return {row_id: Stock(files, int(size)) for row_id, files, size in session.execute(sums)}


def progress(session: Session, *, now: datetime, lease_seconds: float) -> Progress:
    """How far the running transfers are, and how fast."""
    done, total = col(Ingest.bytes_done), col(Ingest.bytes_total)
    speed = col(Ingest.bytes_per_second)
    fresh = col(Ingest.heartbeat_at) >= now - timedelta(seconds=lease_seconds)
    is_whole = total.is_not(None) & (done >= total)
    found = session.execute(
        select(
            func.count().filter(fresh).label("running"),
            func.count().filter(~fresh).label("silent"),
            func.count().filter(fresh, total.is_(None)).label("without_total"),
            func.sum(done).filter(fresh).label("done"),
            func.sum(total).filter(fresh).label("total"),
            func.sum(speed).filter(fresh, ~is_whole).label("speed"),
            func.max((total - done) / func.nullif(speed, 0)).filter(fresh).label("longest"),
        ).where(
            col(Ingest.state) == State.RUNNING,
            col(Ingest.stage) != "",
            col(Ingest.queue) == Queue.TRANSFER,
        )
    ).one()
    return Progress(
        running=found.running,
        silent=found.silent,
        without_total=found.without_total,
        bytes_done=int(found.done or 0),
        bytes_total=int(found.total or 0),
        bytes_per_second=None if found.speed is None else int(found.speed),
        longest_seconds=None if found.longest is None else float(found.longest),
    )


def unfinished_bytes(session: Session) -> int:
    """The bytes that are here of files that are not whole yet."""
    total = session.scalar(
        select(func.sum(col(Ingest.bytes_done))).where(
            col(Ingest.state).in_((State.WAITING, State.RUNNING)), col(Ingest.stage) != ""
        )
    )
    return int(total or 0)


def failed_ingests(session: Session, *, limit: int) -> list[tuple[Ingest, Meeting]]:
    """The ingests that failed last, with their meetings."""
    rows = session.execute(
        select(Ingest, Meeting)
        .join(Meeting, col(Meeting.id) == col(Ingest.meeting_row_id))
        .where(col(Ingest.state) == State.FAILED)
        .order_by(col(Ingest.ended_at).desc(), col(Ingest.id).desc())
        .limit(limit)
    )
    return [(ingest, meeting) for ingest, meeting in rows]


def count_stored(session: Session, meeting_ids: Sequence[str]) -> Stock:
    """The stored files of these meetings, or of all."""
    question = select(func.count(), func.coalesce(func.sum(col(File.bytes)), 0)).select_from(File)
    if meeting_ids:
        question = question.join(Meeting, col(Meeting.id) == col(File.meeting_row_id))
        question = question.where(col(Meeting.meeting_id).in_(meeting_ids))
    files, size = session.execute(question).one()
    return Stock(files, int(size))


def count_gaps(session: Session, *, since: datetime, now: datetime) -> int:
    """The meetings that began since then and have failed, or wait for longer than they should."""
    state = col(Ingest.state)
    is_open = state.in_((State.WAITING, State.RUNNING))
    is_gap = (state == State.FAILED) | (is_open & (col(Ingest.patience_until) < now))
    question = (
        select(func.count(col(Meeting.id).distinct()))
        .join(Ingest, col(Ingest.meeting_row_id) == col(Meeting.id))
        .where(began(since), col(Ingest.resource).in_(CORE_RESOURCES), is_gap)
    )
    return session.scalar(question) or 0


def meetings_between(session: Session, since: datetime, until: datetime) -> list[Meeting]:
    """The meetings that began in a span of time, or were first heard of without their start."""
    return list(session.scalars(select(Meeting).where(began(since, until))))


def meetings_named(session: Session, meeting_ids: Sequence[str]) -> list[Meeting]:
    """Those of these meetings that are known."""
    named = col(Meeting.meeting_id).in_(meeting_ids)
    return list(session.scalars(select(Meeting).where(named)))


def ingests_of_meetings(session: Session, meeting_row_ids: Sequence[int]) -> list[Ingest]:
    """All ingests of these meetings, in the order in which they were made."""
    return list(
        session.scalars(
            select(Ingest)
            .where(col(Ingest.meeting_row_id).in_(meeting_row_ids))
            .order_by(col(Ingest.id))
        )
    )


def count_snippets(session: Session, meeting_row_id: int) -> int:
    """How many snippets of a meeting are known."""
    which = col(Snippet.meeting_row_id) == meeting_row_id
    return session.scalar(select(func.count()).select_from(Snippet).where(which)) or 0
