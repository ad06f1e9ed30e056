"""Backfill: what Webex lists and nobody told us of comes in by the same door as events."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog

from app.db.cursors import Feed, begin_cursors, cursors_of, move_cursor
from app.db.meetings import states_of
from app.db.standing import holders_of
from app.db.ticks import tick
from app.errors import PartialList, WebexError, WorkerStopping
from app.ingestion.news import News, tell_meetings
from app.ingestion.tokens import OF_SETTINGS
from app.ingestion.workbench import Workbench
from app.models.cursors import BackfillCursor
from app.models.times import format_time
from app.models.webex import Event, EventData, MeetingDetails, Recording, is_instance
from app.models.words import Priority, Resource, Role
from app.webex.history import (
    Listed,
    ListSpan,
    listed_between,
    past_meetings,
    past_recordings,
    past_transcripts,
    pieces,
)
from app.webex.resources import readable_sites

BEAT = "beat"
"""The purpose for which beat reads, again and again."""

_AT_ONCE = 100
_SECONDS_A_RUN = 30
_STUCK_AFTER = timedelta(minutes=10)

Refused = Callable[[Feed, WebexError], object]
Wait = Callable[[float], object]

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Span:
    """What is to be read: a span of time, of everybody's meetings or of one host's.

    It is read in pieces of so many days.
    """

    since: datetime
    until: datetime
    host_email: str | None = None
    piece_days: int = 7


@dataclass(frozen=True, slots=True)
class Step:
    """One window of one list that was read; ``new_bytes`` are those of the new recordings.

    ``meeting_ids`` are those that something new belongs to.
    """

    feed: Feed
    since: datetime
    reached: datetime
    listed: int
    new: int
    new_bytes: int
    meeting_ids: frozenset[str]


def backfill_due(bench: Workbench) -> None:
    """What beat asks for: begin again when it is time to, and read on for some seconds."""
    now, pace = bench.clock(), bench.pace
    with bench.database.reading() as session:
        cursors = cursors_of(session, BEAT)
    if _is_time(cursors, now, timedelta(seconds=pace.backfill_seconds)):
        span = Span(now - timedelta(days=pace.backfill_days), now)
        try:
            begin(bench, BEAT, span, _warn)
        except WorkerStopping:
            return
    until = time.monotonic() + _SECONDS_A_RUN
    # A piece begins again with each budget, since nothing waits here: it must end within one.
    steps = read_on(
        bench, BEAT, refused=_warn, is_over=lambda: time.monotonic() > until, piece_days=1
    )
    step = None
    for step in steps:
        if step.new:
            log.info("backfill.found", listed=step.listed, new=step.new, **_named(step.feed))
    if step is not None and not left_of(bench, BEAT):
        with bench.database.transaction() as session:
            tick(session, "backfill", now=bench.clock())


def _is_time(cursors: Sequence[BackfillCursor], now: datetime, period: timedelta) -> bool:
    """Whether to begin again: a list that nobody can read on for some time holds up no other."""
    if any(now < each.begun_at + period for each in cursors):
        return False
    is_moving = any(now < each.updated_at + _STUCK_AFTER for each in cursors)
    return not is_moving or all(each.is_finished for each in cursors)


def left_of(bench: Workbench, purpose: str) -> list[tuple[Feed, Span]]:
    """The lists that are left to be read for a purpose, and what is left of each."""
    with bench.database.reading() as session:
        cursors = [each for each in cursors_of(session, purpose) if not each.is_finished]
    return [(_feed_of(each), Span(each.reached, each.until)) for each in cursors]


def _feed_of(cursor: BackfillCursor) -> Feed:
    return cursor.account, cursor.resource, cursor.site_url


def begin(
    bench: Workbench, purpose: str, span: Span, refused: Refused, *, is_new: bool = True
) -> None:
    """Let every list of every account be read for a purpose, from the beginning.

    Where it is not new a list that was begun is read on; an account may have come since, or could
    not be asked then, and one that is no more is waited for no longer.
    """
    feeds = list(feeds_of(bench, span, refused))
    keep = [] if is_new else bench.accounts.names()
    times = {"since": span.since, "until": span.until, "now": bench.clock()}
    with bench.database.transaction() as session:
        begin_cursors(session, purpose, feeds, keep=keep, **times)


def feeds_of(bench: Workbench, span: Span, refused: Refused) -> Iterator[Feed]:
    """The lists that our accounts can read; accounts that cannot be asked are told."""
    # Without any account the one of the settings says what is missing.
    for name in bench.accounts.names() or [OF_SETTINGS]:
        try:
            client = bench.accounts.client(name).accompanied_by(bench.patience())
            sites = [site or "" for site in readable_sites(client)]
        except WebexError as error:
            refused((name, "", ""), error)
            continue
        yield name, Resource.MEETINGS, ""
        # For a user Webex lists recordings of all sites together.
        for site in [""] if bench.accounts.view(name).role == Role.USER else sites:
            yield name, Resource.RECORDINGS, site
        # Whose transcripts they are that list does not tell; their meetings stand in the first one.
        for site in sites if span.host_email is None else ():
            yield name, Resource.TRANSCRIPTS, site


def read_on(
    bench: Workbench,
    purpose: str,
    *,
    refused: Refused,
    host_email: str | None = None,
    is_over: Callable[[], bool] = lambda: False,
    wait: Wait | None = None,
    piece_days: int = 7,
) -> Iterator[Step]:
    """Read lists on from where they were left, and bring in what is new, window by window.

    Whoever is stopped at any moment has one window to read again. A list that is refused holds up
    no other: it is as far as it was, or over where Webex refuses it for good. ``wait`` waits until
    the budget of requests allows another; without it a list stops there.
    """
    with bench.database.reading() as session:
        cursors = [each for each in cursors_of(session, purpose) if not each.is_finished]
    for cursor in cursors:
        if is_over():
            return
        feed = _feed_of(cursor)
        span = Span(cursor.reached, cursor.until, host_email, piece_days)
        try:
            for step, news in _windows(bench, feed, span, refused, wait):
                _bring(bench, feed, news)
                _move(bench, cursor, step.reached)
                yield step
                if is_over():
                    return
        except WorkerStopping:
            return
        except WebexError as error:
            refused(feed, error)
            if not error.retryable:
                # It is the same until somebody has changed something, and then it begins again.
                _move(bench, cursor, cursor.until)


def _move(bench: Workbench, cursor: BackfillCursor, reached: datetime) -> None:
    with bench.database.transaction() as session:
        move_cursor(session, cursor, reached=reached, now=bench.clock())


def look_through(
    bench: Workbench,
    feeds: Sequence[Feed],
    span: Span,
    *,
    refused: Refused,
    wait: Wait | None = None,
) -> Iterator[Step]:
    """Read lists and change nothing: the steps that reading them on would be."""
    for feed in feeds:
        try:
            for step, _ in _windows(bench, feed, span, refused, wait):
                yield step
        except WebexError as error:
            refused(feed, error)


def _windows(
    bench: Workbench, feed: Feed, span: Span, refused: Refused, wait: Wait | None
) -> Iterator[tuple[Step, list[News]]]:
    """The windows of a list, the oldest first, each with what is new in it."""
    find = list_of(bench, feed, wait)
    for since, reached in pieces(span.since, span.until, days=span.piece_days):
        found: list[Listed] = []
        try:
            for some in listed_between(find, since, reached):
                found += [each for each in some if _is_of(each, span.host_email)]
        except PartialList as error:
            # What Webex could read is brought in; it is looked at again the next time.
            refused(feed, error)
        ids = _new_ids(bench, feed, found)
        new = [each for each in found if each.id in ids]
        sizes = [each.size_bytes or 0 for each in new if isinstance(each, Recording)]
        news = [_news(feed, each) for each in new]
        of = frozenset(each.meeting_id for each in news)
        yield Step(feed, since, reached, len(found), len(new), sum(sizes), of), news


def list_of(
    bench: Workbench, feed: Feed, wait: Wait | None, *, look: Callable[[], None] | None = None
) -> ListSpan:
    """How a list is asked for a span of time; ``look`` may end it, by what it raises."""
    account, resource, site = feed
    client = bench.accounts.client(account)
    client = client.accompanied_by(look or (lambda: _stop_if_asked(bench)), wait=wait)
    role = bench.accounts.view(account).role
    if resource == Resource.MEETINGS:
        return past_meetings(client, site)
    if resource == Resource.RECORDINGS:
        return past_recordings(client, site, of_everybody=role != Role.USER)
    return past_transcripts(client, site, of_everybody=role == Role.COMPLIANCE)


def _stop_if_asked(bench: Workbench) -> None:
    if bench.stopping():
        raise WorkerStopping("the worker stops; the list is read on later")


def _is_of(listed: Listed, host_email: str | None) -> bool:
    if host_email is None:
        return True
    return (listed.host_email or "").casefold() == host_email.casefold()


def _new_ids(bench: Workbench, feed: Feed, found: Sequence[Listed]) -> set[str]:
    """The ids of what nobody has told us of: a deletion, or an absence that we know, is no news."""
    resource, new = feed[1], set()
    for begin_at in range(0, len(found), 500):
        some = found[begin_at : begin_at + 500]
        with bench.database.reading() as session:
            if resource == Resource.MEETINGS:
                states = states_of(session, [each.id for each in some])
                # Of one that we believe to go on nobody told the end.
                new |= {each.id for each in some if states.get(each.id, "") in ("", "inProgress")}
                continue
            holders = holders_of(session, [(resource, each.id) for each in some])
        new |= {
            each.id
            for each in some
            if (resource, each.id) not in holders and is_instance(_meeting_of(each) or "")
        }
    return new


def _meeting_of(listed: Listed) -> str | None:
    return listed.id if isinstance(listed, MeetingDetails) else listed.meeting_id


def _news(feed: Feed, listed: Listed) -> News:
    """What an event would have said."""
    meeting_id = _meeting_of(listed) or ""
    hints: dict[str, Any] = {"siteUrl": listed.site_url, "hostEmail": listed.host_email}
    if isinstance(listed, MeetingDetails):
        times = {"start": listed.start, "end": listed.end}
        hints |= {name: format_time(each) for name, each in times.items() if each}
        hints["title"] = listed.title
    data = EventData.read({"id": listed.id, "meetingId": meeting_id, **hints})
    event = "ended" if isinstance(listed, MeetingDetails) else "created"
    return News(Event(resource=feed[1], event=event, data=data), meeting_id)


def _bring(bench: Workbench, feed: Feed, news: Sequence[News]) -> None:
    for begin_at in range(0, len(news), _AT_ONCE):
        with bench.database.transaction() as session:
            tell_meetings(
                session,
                news[begin_at : begin_at + _AT_ONCE],
                owner_of=lambda _event: feed[0],
                pace=bench.pace,
                now=bench.clock(),
                source="backfill",
                priority=Priority.BACKFILL,
            )


def _warn(feed: Feed, error: WebexError) -> None:
    log.warning("backfill.refused", error=str(error), **_named(feed))


def _named(feed: Feed) -> dict[str, str]:
    account, resource, site = feed
    return {"account": account, "resource": resource, "site": site}
