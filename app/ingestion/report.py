"""The report: what Webex lists against what is here, in both directions."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

from app.db import figures
from app.errors import PartialList, WebexError
from app.ingestion.backfill import Wait, list_of
from app.ingestion.status import ingest_status
from app.ingestion.tokens import OF_SETTINGS
from app.ingestion.wording import missing_sentences, reason_sentence, resource_name
from app.ingestion.workbench import Workbench
from app.models.report import Report, ReportLine, Standing
from app.models.tables import Ingest, Meeting
from app.models.webex import MeetingDetails
from app.models.words import CORE_RESOURCES, Reason, Resource, State
from app.webex.history import ListSpan, listed_between, pieces

_AROUND = timedelta(days=1)
"""Webex's list is read so much further: what began in the span it may list by another time."""

_WEEK = timedelta(days=7)
_AT_ONCE = 500

T = TypeVar("T")


def span_of(
    since: datetime | None, until: datetime | None, now: datetime
) -> tuple[datetime, datetime]:
    """The span that a report is of: not beyond now, and the last week unless it is said."""
    end = min(until or now, now)
    week_ago = (now - _WEEK).replace(hour=0, minute=0, second=0, microsecond=0)
    return since or min(week_ago, end - _WEEK), end


def make_report(
    bench: Workbench,
    since: datetime,
    until: datetime,
    *,
    asks: bool = True,
    wait: Wait | None = None,
    look: Callable[[], None] | None = None,
) -> Report:
    """Compare all meetings that began in a span of time, as Webex lists them, with what is here.

    Accounts that could not be asked for all are named in ``unread``. ``wait`` waits until the
    budget of requests allows another one, ``look`` may end the asking by a WebexError. Without
    asking it is what is known here.
    """
    unread: dict[str, str] = {}

    listed: dict[str, MeetingDetails] = {}
    for name in (bench.accounts.names() or [OF_SETTINGS]) if asks else ():
        find = partial(list_of, bench, (name, Resource.MEETINGS, ""), wait, look=look)
        span = (since - _AROUND, min(until + _AROUND, bench.clock()))
        some, unread_of = _listed(find, *span)
        listed |= some
        unread |= {name: str(unread_of)} if unread_of else {}
    # One of which Webex's list tells no start may be of these days.
    theirs = [each for each in listed.values() if not each.start or since <= each.start < until]
    ours = _known(bench, since, until, [each.id for each in theirs])
    lines = [
        *(_unknown(each) for each in theirs if each.id not in ours),
        *_lines(bench, list(ours.values()), listed, is_whole=asks and not unread),
    ]
    lines.sort(key=lambda each: (each.day, each.start or since, each.meeting_id))
    said = [f"account {name or '(settings)'}: {error}" for name, error in unread.items()]
    return Report(since=since, until=until, lines=lines, asked=asks, unread=said)


def _listed(
    list_of_account: Callable[[], ListSpan], since: datetime, until: datetime
) -> tuple[dict[str, MeetingDetails], WebexError | None]:
    """What an account's list has, and why that is not all of it."""
    found: dict[str, MeetingDetails] = {}
    unread: WebexError | None = None
    try:
        find = list_of_account()
        for begin, end in pieces(since, until):
            try:
                for some in listed_between(find, begin, end):
                    found |= {each.id: each for each in some if isinstance(each, MeetingDetails)}
            except PartialList as error:
                unread = error
    except WebexError as error:
        unread = error
    return found, unread


def _known(
    bench: Workbench, since: datetime, until: datetime, listed: Sequence[str]
) -> dict[str, Meeting]:
    """The meetings here that began in the span or are listed, but those that still go on."""
    with bench.database.reading() as session:
        found = figures.meetings_between(session, since, until)
    for some in _parts(listed):
        with bench.database.reading() as session:
            found += figures.meetings_named(session, some)
    return {each.meeting_id: each for each in found if each.webex_state != "inProgress"}


def _unknown(details: MeetingDetails) -> ReportLine:
    return ReportLine(
        meeting_id=details.id,
        title=details.title,
        host_email=details.host_email,
        start=details.start,
        end=details.end,
        standing=Standing.UNKNOWN,
        is_listed=True,
        missing=["everything: nobody told of it, `webex-ingest backfill` fetches it"],
        absent=[],
        bytes=0,
        archived=None,
    )


def _lines(
    bench: Workbench,
    meetings: Sequence[Meeting],
    listed: Mapping[str, MeetingDetails],
    *,
    is_whole: bool,
) -> Iterator[ReportLine]:
    for some in _parts(meetings):
        row_ids = [each.id for each in some if each.id is not None]
        with bench.database.reading() as session:
            stock = figures.stock_of_meetings(session, row_ids)
            ingests: defaultdict[int, list[Ingest]] = defaultdict(list)
            for each in figures.ingests_of_meetings(session, row_ids):
                ingests[each.meeting_row_id].append(each)
        for row_id, meeting in zip(row_ids, some, strict=True):
            size = stock[row_id].bytes if row_id in stock else 0
            line = _line(bench, meeting, ingests[row_id], size)
            details = listed.get(meeting.meeting_id)
            if details is not None:
                # Whose details have not come yet is known by Webex's list at least.
                told = {"start": line.start or details.start, "end": line.end or details.end}
                line = line.model_copy(update={**told, "is_listed": True})
            elif is_whole and line.start:
                # Webex may list what has no start here among other days.
                line = line.model_copy(update={"is_listed": False})
            yield line


def _line(bench: Workbench, meeting: Meeting, ingests: Sequence[Ingest], size: int) -> ReportLine:
    now = bench.clock()
    core = [each for each in ingests if each.resource in CORE_RESOURCES]
    told = [ingest_status(each, now=now, lease_seconds=bench.pace.lease_seconds) for each in core]
    absent = [each for each in core if each.state == State.ABSENT and each.reason]
    names = (
        f"{resource_name(each.resource, each.resource_id)}: {reason_sentence(each.reason or '')}"
        for each in absent
    )
    return ReportLine(
        meeting_id=meeting.meeting_id,
        title=meeting.title,
        host_email=meeting.host_email,
        start=meeting.start_at,
        end=meeting.end_at,
        standing=_standing(meeting, core, now),
        is_listed=None,
        missing=missing_sentences(told, now),
        absent=list(dict.fromkeys(names)),
        bytes=size,
        archived=meeting.completed_at,
    )


def _standing(meeting: Meeting, core: Sequence[Ingest], now: datetime) -> Standing:
    if any(each.state == State.FAILED for each in core):
        return Standing.FAILED
    open_ones = [each for each in core if each.state in (State.WAITING, State.RUNNING)]
    if any(each.patience_until < now for each in open_ones):
        return Standing.OVERDUE
    if open_ones or meeting.completed_at is None:
        return Standing.WAITING
    lists = [each for each in core if not each.resource_id]
    is_left_out = all(each.reason == Reason.EXCLUDED_BY_POLICY for each in lists)
    return Standing.LEFT_OUT if is_left_out else Standing.HERE


def _parts(items: Sequence[T]) -> Iterable[Sequence[T]]:
    return (items[at : at + _AT_ONCE] for at in range(0, len(items), _AT_ONCE))
