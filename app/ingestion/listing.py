"""The list of meetings: which of them, a page at a time, and what of each a line tells."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from app.db import figures, listing
from app.db.engine import Database
from app.db.meetings import find_meeting
from app.ingestion.status import ingest_status, meeting_state, seconds_since
from app.ingestion.wording import missing_sentences
from app.models.listing import Filters, MeetingPage, Suggestions
from app.models.status import IngestStatus, MeetingLine, MeetingState
from app.models.tables import Meeting
from app.models.words import State

_MOST_SUGGESTED = 50


def list_meetings(
    database: Database,
    *,
    limit: int,
    now: datetime,
    lease_seconds: float,
    filters: Filters | None = None,
    before: str | None = None,
    after: str | None = None,
) -> MeetingPage:
    """Meetings, newest start first; ``before`` is the last one of the page above.

    ``after`` is the first one of the page below. Nothing stands beside one that is not known.
    Raises DatabaseUnavailable.
    """
    wanted = filters or Filters()
    with database.reading() as session:
        found, is_more = _meetings_listed(session, wanted, before, after, limit)
        row_ids = [each.id for each in found if each.id is not None]
        stock = figures.stock_of_meetings(session, row_ids)
        ingests: defaultdict[int, list[IngestStatus]] = defaultdict(list)
        for ingest in figures.ingests_of_meetings(session, row_ids):
            status = ingest_status(ingest, now=now, lease_seconds=lease_seconds)
            ingests[ingest.meeting_row_id].append(status)
    nothing = figures.Stock(0, 0)
    lines = [
        _line(each, ingests[row_id], stock.get(row_id, nothing), now)
        for row_id, each in zip(row_ids, found, strict=True)
    ]
    has_older, has_newer = (is_more, before is not None)
    if after is not None and before is None:
        has_older, has_newer = (True, is_more)
    return MeetingPage(
        lines=lines,
        older=lines[-1].meeting_id if lines and has_older else None,
        newer=lines[0].meeting_id if lines and has_newer else None,
    )


def _meetings_listed(
    session: Session, filters: Filters, before: str | None, after: str | None, limit: int
) -> tuple[list[Meeting], bool]:
    """The meetings of a page, and whether there are more beyond it."""
    if not filters.is_storable:
        return [], False
    places: dict[str, listing.Place] = {}
    for side, meeting_id in (("before", before), ("after", after)):
        if meeting_id is None:
            continue
        beside = find_meeting(session, meeting_id)
        if beside is None:
            return [], False
        places[side] = listing.place_of(beside)
    found = listing.meetings_listed(session, filters, **places, limit=limit + 1)
    is_upwards = "after" in places and "before" not in places
    page = found[-limit:] if is_upwards else found[:limit]
    return page, len(found) > limit


def suggestions(database: Database, *, host: str = "") -> Suggestions:
    """What the list may be asked for: some sites, accounts, and hosts that begin so.

    Raises DatabaseUnavailable.
    """
    host = host.partition("\0")[0]
    with database.reading() as session:
        return Suggestions(
            sites=listing.sites_known(session, limit=_MOST_SUGGESTED),
            accounts=listing.accounts_known(session, limit=_MOST_SUGGESTED),
            hosts=listing.hosts_known(session, host, limit=_MOST_SUGGESTED),
        )


def _line(
    meeting: Meeting, ingests: Sequence[IngestStatus], stock: figures.Stock, now: datetime
) -> MeetingLine:
    state = meeting_state(meeting, ingests)
    failed = (each for each in ingests if each.state == State.FAILED)
    # What is not over yet lacks nothing.
    missing = [] if state is MeetingState.IN_PROGRESS else missing_sentences(ingests, now)
    return MeetingLine(
        meeting_id=meeting.meeting_id,
        title=meeting.title,
        site_url=meeting.site_url,
        host_email=meeting.host_email,
        start=meeting.start_at,
        end=meeting.end_at,
        source=meeting.source,
        completed_at=meeting.completed_at,
        lag_seconds=None if state is MeetingState.LEFT_OUT else _lag_seconds(meeting),
        state=state,
        missing=missing,
        failures=sorted({each.error_code or "" for each in failed} - {""}),
        files=stock.files,
        bytes=stock.bytes,
    )


def _lag_seconds(meeting: Meeting) -> float | None:
    done, end = meeting.completed_at, meeting.end_at
    return None if done is None or end is None else seconds_since(end, done)
