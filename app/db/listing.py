"""Pages of the list of meetings: by host, site, account, days, state and reason, in their order.

A meeting has its place by when it began, or was first heard of where that is not known, then by
its row. Every index of meetings below has them in this order, so a page of any depth is read
from where it begins. What an ingest decides is in no such order, and there are two ways to it:

- Walk the places and look at the ingests of each meeting. It ends soon where many are wanted.
- Gather all that are wanted and sort them. It ends soon where few are.

How many there are the indexes tell, if one looks no further than it matters. Many of them may
still lie far from where a walk begins, so it is given up for the other way after a while.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Select,
    and_,
    case,
    exists,
    func,
    literal,
    or_,
    select,
    tuple_,
    union_all,
)
from sqlalchemy.orm import Session
from sqlmodel import col

from app.models.listing import Filters
from app.models.status import MeetingState
from app.models.tables import Ingest, Meeting
from app.models.words import Reason, Resource, State

Place = tuple[datetime, int]

_FEW = 500
"""So many are sorted in less time than a walk may take."""

_MANY, _MOST = 50_000, 500_000
"""So many are sorted where a walk has found too few, as it may have a million still to go: the
former where it goes along the meetings of a host, a site or an account, which are fewer."""

_STRIDES = (2, 16, 64)
"""How many pages are walked through, one walk after the other, before it is given up."""

_MOMENT: ColumnElement[datetime] = func.coalesce(col(Meeting.start_at), col(Meeting.first_seen_at))
_HOST: ColumnElement[str] = func.lower(col(Meeting.host_email))
_COLUMNS = (
    col(Meeting.id),
    _MOMENT.label("moment"),
    _HOST.label("host"),
    col(Meeting.site_url),
    col(Meeting.account),
    col(Meeting.completed_at),
    col(Meeting.webex_state),
)

_OPEN = (State.WAITING, State.RUNNING)
_WHY = (col(Ingest.reason), col(Ingest.error_code))

_MEETINGS_IN = {
    MeetingState.COMPLETE: col(Meeting.completed_at).is_not(None),
    MeetingState.IN_PROGRESS: col(Meeting.webex_state) == "inProgress",
    MeetingState.WAITING: col(Meeting.completed_at).is_(None),
}
"""What an index has of all meetings in a state, and of some others."""

_INGESTS_IN = {
    MeetingState.FAILED: col(Ingest.state) == State.FAILED,
    MeetingState.LEFT_OUT: col(Ingest.reason) == Reason.EXCLUDED_BY_POLICY,
    MeetingState.RUNNING: col(Ingest.state) == State.RUNNING,
}
"""What at least one ingest is in all meetings in a state, and in some others."""


@dataclass(frozen=True, slots=True)
class _Source:
    """Questions for the ids of meetings, which may come more than once, and their index's order."""

    ids: list[Select[Any]]
    order: tuple[Any, ...]


def place_of(meeting: Meeting) -> Place:
    """Where a meeting stands in the list."""
    return meeting.start_at or meeting.first_seen_at, meeting.id or 0


def meetings_listed(
    session: Session,
    filters: Filters,
    *,
    before: Place | None = None,
    after: Place | None = None,
    limit: int,
) -> list[Meeting]:
    """Meetings, newest first: the newest before a place, or else the oldest after one."""
    span = _Span(filters, before, after)
    found = _find(session, filters, span, limit)
    return sorted(found, key=place_of, reverse=True)


def meeting_ids_from(session: Session, begun: str, *, limit: int) -> list[str]:
    """Ids of meetings that begin so, as they are ordered; the newest meetings of all that do."""
    if not begun:
        return [each.meeting_id for each in meetings_listed(session, Filters(), limit=limit)]
    # Read from the index of ids, which no LIKE could be on both databases.
    meeting_id = col(Meeting.meeting_id)
    page = select(meeting_id).where(meeting_id >= begun).order_by(meeting_id).limit(limit)
    return [each for each in session.scalars(page) if each.startswith(begun)]


def sites_known(session: Session, *, limit: int) -> list[str]:
    """The first sites that meetings took place at."""
    return _different(session, col(Meeting.site_url), "", limit)


def accounts_known(session: Session, *, limit: int) -> list[str]:
    """The first accounts that have meetings and a name."""
    return _different(session, col(Meeting.account), "", limit)


def hosts_known(session: Session, prefix: str, *, limit: int) -> list[str]:
    """The first hosts whose email begins so, in lower case."""
    prefix = prefix.lower()
    hosts = _different(session, _HOST, prefix, limit)
    # A database may sort letters in its own way, and have others in between.
    return [each for each in hosts if each.startswith(prefix)]


def _different(session: Session, what: Any, least: str, limit: int) -> list[str]:
    """The first different values from one on, each by one look into their index."""

    def first(beyond: ColumnElement[bool]) -> ColumnElement[Any]:
        some = select(what.label("value")).where(beyond)
        return some.order_by(what).limit(1).scalar_subquery()

    # The empty text is none, and there may be millions of it.
    begins = what >= least if least else what > ""
    columns = (first(begins).label("value"), literal(1).label("number"))
    found = select(*columns).cte("different", recursive=True)
    value, number = found.c.value, found.c.number
    more = select(first(what > value), number + 1).where(value.is_not(None), number < limit)
    found = found.union_all(more)
    question = select(found.c.value).where(found.c.value.is_not(None)).order_by(found.c.number)
    return [*session.scalars(question)]


class _Span:
    """Between which places meetings are looked for, and from which end."""

    def __init__(self, filters: Filters, before: Place | None, after: Place | None) -> None:
        # No row has the number 0: it stands before all that began at a moment.
        begin, end = (moment and (moment, 0) for moment in (filters.begin, filters.end))
        # One bound at each end: of two the database might go by the wrong one.
        self.low = max((each for each in (begin, after) if each), default=None)
        self.high = min((each for each in (end, before) if each), default=None)
        self.newest_first = before is not None or after is None

    def has(self, moment: Any, row_id: Any) -> list[ColumnElement[bool]]:
        """Whether a place is within."""
        within: list[ColumnElement[bool]] = []
        both: Any = tuple_(moment, row_id)
        # By the moment too, since SQLite has no use for an index of an expression in a pair.
        if self.low:
            within += [moment >= self.low[0], both > self.low]
        if self.high:
            within += [moment <= self.high[0], both < self.high]
        return within

    def order(self, moment: Any, row_id: Any) -> list[Any]:
        """From the end that a page begins at."""
        both = (moment, row_id)
        return [each.desc() if self.newest_first else each for each in both]


def _find(session: Session, filters: Filters, span: _Span, limit: int) -> Sequence[Meeting]:
    sources = _sources(filters)
    gathered = _gathered(session, sources, span, _FEW)
    if gathered is not None:
        return _page(session, gathered, filters, span, limit)
    for stride in _STRIDES:
        walked = _walked(filters, span, stride * limit)
        found = _page(session, walked, filters, span, limit)
        if len(found) == limit or _are_all_wanted(filters):
            return found
        if _count(session, walked) < stride * limit:
            return found
    gathered = _gathered(session, sources, span, _MANY if _names(filters) else _MOST)
    rest = _walked(filters, span, None) if gathered is None else gathered
    return _page(session, rest, filters, span, limit)


def _page(
    session: Session, rows: FromClause, filters: Filters, span: _Span, limit: int
) -> Sequence[Meeting]:
    """Those of some rows that are wanted, from the end that a page begins at."""
    order = span.order(rows.c.moment, rows.c.id)
    page = select(rows.c.id).where(*_wanted(rows, filters)).order_by(*order).limit(limit)
    ids = page.subquery("page")
    return session.scalars(select(Meeting).join(ids, ids.c.id == col(Meeting.id))).all()


def _count(session: Session, rows: FromClause) -> int:
    return session.scalar(select(func.count()).select_from(rows)) or 0


def _walked(filters: Filters, span: _Span, reach: int | None) -> FromClause:
    """So many meetings in their order, by the index that leaves out most of the others."""
    row_id = col(Meeting.id)
    walk = select(*_COLUMNS).where(*_way(filters), *span.has(_MOMENT, row_id))
    walk = walk.order_by(*span.order(_MOMENT, row_id))
    # Without an end a database would look for a way of its own.
    return walk.limit(2**31 if reach is None else reach).subquery("walked")


def _are_all_wanted(filters: Filters) -> bool:
    """Whether the way decides already which meetings are wanted."""
    is_by_ingests = filters.state is not None or filters.reason is not None
    return not is_by_ingests and len(_names(filters)) <= 1


def _names(filters: Filters) -> list[str]:
    return [each for each in (filters.host, filters.account, filters.site) if each]


def _way(filters: Filters) -> list[ColumnElement[bool]]:
    """What the rows of one index have in common; of several, SQLite takes any."""
    if filters.host:
        return [func.lower(filters.host) == _HOST]
    if filters.account:
        return [col(Meeting.account) == filters.account]
    if filters.site:
        return [col(Meeting.site_url) == filters.site]
    return [_MEETINGS_IN[filters.state]] if filters.state in _MEETINGS_IN else []


def _gathered(
    session: Session, sources: Sequence[_Source], span: _Span, most: int
) -> FromClause | None:
    """All meetings of a source that has no more than so many; None if there is no such source."""
    for source in sources:
        # In the order of the index, lest a database reads its way through all that is in none.
        some = (each.order_by(*source.order).limit(most + 1).subquery() for each in source.ids)
        if _count(session, union_all(*map(select, some)).subquery()) <= most:
            which = col(Meeting.id).in_(union_all(*source.ids))
            # Apart from what else is asked of them, lest the index of that is taken instead.
            rows = select(*_COLUMNS).where(which).cte("gathered").prefix_with("MATERIALIZED")
            return select(rows).where(*span.has(rows.c.moment, rows.c.id)).subquery("found")
    return None


def _sources(filters: Filters) -> list[_Source]:
    """Where the meetings with a reason can be had, and where those in a state."""
    sources: list[_Source] = []
    if filters.reason:
        sources.append(_of_ingests(*(each == filters.reason for each in _WHY)))
    if filters.state in _MEETINGS_IN:
        meetings = select(col(Meeting.id)).where(_MEETINGS_IN[filters.state])
        sources.append(_Source([meetings], (_MOMENT, col(Meeting.id))))
    elif filters.state:
        sources.append(_of_ingests(_INGESTS_IN[filters.state]))
    return sources


def _of_ingests(*which: ColumnElement[bool]) -> _Source:
    meeting = col(Ingest.meeting_row_id)
    return _Source([select(meeting).where(each) for each in which], (meeting,))


def _wanted(rows: FromClause, filters: Filters) -> list[ColumnElement[bool]]:
    """All that is asked of a meeting, but for when it began."""
    wanted: list[ColumnElement[bool]] = []
    if filters.host:
        wanted.append(rows.c.host == func.lower(filters.host))
    if filters.site:
        wanted.append(rows.c.site_url == filters.site)
    if filters.account:
        wanted.append(rows.c.account == filters.account)
    if filters.reason:
        wanted.append(or_(*(_has(rows, each == filters.reason) for each in _WHY)))
    if filters.state:
        wanted.append(_state(rows) == filters.state)
    return wanted


def _state(rows: FromClause) -> ColumnElement[str]:
    """The MeetingState of a meeting, as app.ingestion.status.meeting_state tells it."""
    excluded = col(Ingest.reason) == Reason.EXCLUDED_BY_POLICY
    others = col(Ingest.reason).is_distinct_from(Reason.EXCLUDED_BY_POLICY)
    details = col(Ingest.resource) == Resource.MEETINGS
    is_heard_of = or_(~_has(rows), _has(rows, details, col(Ingest.state).in_(_OPEN)))
    return case(
        (_has(rows, col(Ingest.state) == State.FAILED), MeetingState.FAILED),
        (and_(_has(rows, excluded), ~_has(rows, others)), MeetingState.LEFT_OUT),
        (rows.c.completed_at.is_not(None), MeetingState.COMPLETE),
        (and_(rows.c.webex_state == "inProgress", is_heard_of), MeetingState.IN_PROGRESS),
        (_has(rows, col(Ingest.state) == State.RUNNING), MeetingState.RUNNING),
        else_=MeetingState.WAITING,
    )


def _has(rows: FromClause, *which: ColumnElement[bool]) -> ColumnElement[bool]:
    """Whether a meeting has such an ingest."""
    return exists().where(col(Ingest.meeting_row_id) == rows.c.id, *which)
