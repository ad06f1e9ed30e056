"""Read-only questions about everything at once: one query each, however many rows there are."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import case, func, select, tuple_
from sqlalchemy.orm import Session
from sqlmodel import col

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
    which = (col(Ingest.resource), col(Ingest.state))
    rows = session.execute(select(*which, func.count()).group_by(*which))
    return {(resource, state): number for resource, state, number in rows}


def count_reasons(session: Session) -> dict[str, int]:
    """How many ingests failed with each error, or are absent for each reason."""
    why = func.coalesce(col(Ingest.error_code), col(Ingest.reason))
    ended = col(Ingest.state).in_((State.FAILED, State.ABSENT))
    rows = session.execute(select(why, func.count()).where(ended).group_by(why))
    return {reason: number for reason, number in rows if reason}


def count_meetings(session: Session) -> dict[str, int]:
    """How many meetings have something that ``failed``, are ``complete``, or ``waiting`` still."""
    failed = select(col(Ingest.meeting_row_id)).where(col(Ingest.state) == State.FAILED)
    state = case(
        (col(Meeting.id).in_(failed), "failed"),
        (col(Meeting.completed_at).is_not(None), "complete"),
        else_="waiting",
    )
    rows = session.execute(select(state.label("state"), func.count()).group_by("state"))
    return dict(rows.all())


def count_events(session: Session) -> dict[str, int]:
    """How many events there are of each outcome; ``new`` are those nobody has worked through."""
    outcome = func.coalesce(col(WebhookEvent.outcome), "new")
    rows = session.execute(select(outcome.label("outcome"), func.count()).group_by("outcome"))
    return dict(rows.all())


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


def oldest_due_at(session: Session, *, now: datetime) -> datetime | None:
    """Since when the longest waiting due row has been due."""
    return session.scalar(
        select(func.min(col(Ingest.next_attempt_at))).where(
            col(Ingest.state) == State.WAITING, col(Ingest.next_attempt_at) <= now
        )
    )


def oldest_new_event_at(session: Session, *, now: datetime) -> datetime | None:
    """Since when the oldest event that nobody has worked through has been due."""
    return session.scalar(
        select(func.min(col(WebhookEvent.next_attempt_at))).where(
            col(WebhookEvent.outcome).is_(None), col(WebhookEvent.next_attempt_at) <= now
        )
    )


def count_deliveries(session: Session) -> int:
    """How often Webex has delivered an event."""
    return int(session.scalar(select(func.sum(col(WebhookEvent.deliveries)))) or 0)


def stock_of_kinds(session: Session) -> dict[str, Stock]:
    """The stored files of each kind."""
    kind = col(File.kind)
    damaged = func.count(col(File.damage))
    sums = select(kind, func.count(), func.sum(col(File.bytes)), damaged).group_by(kind)
    return {kind: Stock(files, int(size), bad) for kind, files, size, bad in session.execute(sums)}


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


def meetings_before(session: Session, before: str | None, *, limit: int) -> list[Meeting]:
    """Meetings, newest start first, from the one after the meeting ``before`` on.

    A meeting whose start is not known stands where it was first heard of. An unknown
    ``before`` has nothing after it.
    """
    start_at = func.coalesce(col(Meeting.start_at), col(Meeting.first_seen_at))
    page = select(Meeting).order_by(start_at.desc(), col(Meeting.id).desc()).limit(limit)
    if before is None:
        return list(session.scalars(page))
    place = session.execute(
        select(start_at, col(Meeting.id)).where(col(Meeting.meeting_id) == before)
    ).one_or_none()
    if place is None:
        return []
    older = tuple_(start_at, col(Meeting.id)) < tuple(place)
    return list(session.scalars(page.where(older)))


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
        .where(col(Meeting.start_at) >= since, col(Ingest.resource).in_(CORE_RESOURCES), is_gap)
    )
    return session.scalar(question) or 0


def meetings_between(session: Session, since: datetime, until: datetime) -> list[Meeting]:
    """The meetings that began in a span of time."""
    start_at = col(Meeting.start_at)
    return list(session.scalars(select(Meeting).where(start_at >= since, start_at < until)))


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
