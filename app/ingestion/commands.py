"""What people ask for: these meetings now, these failures again."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, func, or_, select
from sqlmodel import col

from app.db.ingests import reopen, wake
from app.db.meetings import (
    assign,
    ensure_meeting,
    find_meeting,
    hint,
    lock_meeting,
    settle_completeness,
    touch,
)
from app.db.steps import tell_steps
from app.errors import Forbidden, NotFound, PartialList, WebexError
from app.ingestion.entry import want_meeting
from app.ingestion.sweep import WORK_QUEUES, nudge_due
from app.ingestion.workbench import Workbench
from app.models.steps import What
from app.models.tables import Ingest, Meeting
from app.models.webex import MeetingDetails, is_instance
from app.models.words import Priority, State
from app.webex import resources

_LOOK_BACK = timedelta(days=365)
_AT_ONCE = 200


def resolve_instances(bench: Workbench, meeting_id: str) -> list[str]:
    """The ended instances that an id means: itself, or those of a series or an occurrence.

    Raises NotFound when a series or occurrence has no ended instance, and PartialList with the
    ids of the others when Webex cannot read one.
    """
    if is_instance(meeting_id):
        return [meeting_id]
    series, _, _ = meeting_id.partition("_")
    now = bench.clock()
    listed: dict[str, MeetingDetails] = {}
    unread: PartialList | None = None
    default = bench.accounts.default()
    for name, client in bench.accounts.in_turn(default):
        try:
            seen = resources.instances(client, series, since=now - _LOOK_BACK, now=now)
        except PartialList as error:
            seen, unread = [each for each in error.items if is_instance(each.id)], error
        except WebexError:
            if name == default:
                raise
            continue
        listed |= {each.id: each for each in seen}
    found = [
        each.id
        for each in listed.values()
        if series == meeting_id or each.scheduled_meeting_id == meeting_id
    ]
    if unread is not None:
        unread.items = found
        raise unread
    if not found:
        raise NotFound(f"Webex lists no ended meeting of the last year for {meeting_id}")
    return found


def request_meetings(bench: Workbench, meeting_ids: Sequence[str]) -> None:
    """Ingest these meetings now, whether or not a webhook came; what is done stays done.

    Asks Webex for the end of each: how long to be patient depends on it.
    """
    now = bench.clock()
    for meeting_id in meeting_ids:
        account, end = _account_and_end_of(bench, meeting_id)
        with bench.database.transaction() as session:
            meeting = ensure_meeting(
                session, meeting_id, source="command", now=now, account=account
            )
            assert meeting.id is not None
            if meeting.account != account:
                assign(session, meeting.id, account)
            hint(session, meeting, end_at=end)
            session.refresh(meeting)
            want_meeting(session, meeting, pace=bench.pace, now=now)
            settle_completeness(session, meeting.id, now=now)
    _nudge(bench)


def _account_and_end_of(bench: Workbench, meeting_id: str) -> tuple[str, datetime | None]:
    """The account that can read a meeting, and when that ended; the first one if none can yet."""
    default = bench.accounts.default()
    try:
        name, details = bench.accounts.first_that_can(
            default, lambda _, client: resources.meeting(client, meeting_id)
        )
    except (NotFound, Forbidden):
        return default, None
    return name, details.end if details.state == "ended" else None


def look_now(bench: Workbench, meeting_id: str, *, who: str) -> None:
    """Look for everything of a meeting that waits, at once; what has ended stays as it is.

    Raises NotFound for a meeting that is not known here.
    """
    [row_id] = row_ids(bench, [meeting_id])
    now = bench.clock()
    with bench.database.transaction() as session:
        lock_meeting(session, row_id)
        wake(session, col(Ingest.meeting_row_id) == row_id, due_at=now, patience_until=now)
        touch(session, row_id)
        tell_steps(session, [_asked(row_id, "look", who, now)])
    _nudge(bench)


def retry(
    bench: Workbench,
    meeting_ids: Sequence[str],
    *,
    who: str = "command line",
    states: tuple[State, ...] = (State.FAILED, State.ABSENT),
    reason: str | None = None,
    host_email: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> tuple[int, list[str]]:
    """Open rows again that ended in these states: of named meetings, or of all that fit.

    ``reason`` is the one of an absence or the code of an error, ``who`` asks for it. Returns how
    many there were, and of which meetings. Raises NotFound for a meeting that is not known here.
    """
    which: list[ColumnElement[bool]] = [col(Ingest.state).in_(states)]
    if meeting_ids:
        which.append(col(Ingest.meeting_row_id).in_(row_ids(bench, meeting_ids)))
    if reason is not None:
        which.append(or_(col(Ingest.reason) == reason, col(Ingest.error_code) == reason))
    of_meeting = []
    if host_email is not None:
        of_meeting.append(func.lower(col(Meeting.host_email)) == host_email.lower())
    if since is not None:
        of_meeting.append(col(Meeting.start_at) >= since)
    if until is not None:
        of_meeting.append(col(Meeting.start_at) < until)
    if of_meeting:
        which.append(col(Ingest.meeting_row_id).in_(select(col(Meeting.id)).where(*of_meeting)))
    reopened = _reopen(bench, which, states, who)
    _nudge(bench)
    return reopened


def row_ids(bench: Workbench, meeting_ids: Sequence[str]) -> list[int]:
    """The rows of meetings; raises NotFound for one that is not known here."""
    rows = []
    with bench.database.reading() as session:
        for meeting_id in meeting_ids:
            meeting = find_meeting(session, meeting_id)
            if meeting is None:
                raise NotFound(
                    f"{meeting_id} is not known here; `webex-ingest ingest {meeting_id}` fetches it"
                )
            assert meeting.id is not None
            rows.append(meeting.id)
    return rows


def _reopen(
    bench: Workbench, which: list[ColumnElement[bool]], states: tuple[State, ...], who: str
) -> tuple[int, list[str]]:
    """Open rows of some meetings in a transaction, so that the door waits for no more.

    Whoever is stopped does the rest by doing the same again.
    """
    row_id = col(Ingest.meeting_row_id)
    with bench.database.reading() as session:
        rows = sorted(session.scalars(select(row_id).where(*which).distinct()))
    count = 0
    meeting_ids: list[str] = []
    for begin_at in range(0, len(rows), _AT_ONCE):
        some = rows[begin_at : begin_at + _AT_ONCE]
        now = bench.clock()
        with bench.database.transaction() as session:
            for each in some:
                lock_meeting(session, each)
            tell_steps(session, [_asked(each, "retry", who, now) for each in some])
            count += reopen(
                session,
                *(*which, row_id.in_(some)),
                states=states,
                due_at=now,
                patience_until=now + bench.pace.give_up,
                priority=Priority.RETRY,
                now=now,
            )
            touch(session, *some)
            for each in some:
                settle_completeness(session, each, now=now)
            meeting_ids += [session.get_one(Meeting, each).meeting_id for each in some]
    return count, meeting_ids


def _asked(meeting_row_id: int, what: str, who: str, now: datetime) -> dict[str, Any]:
    """The step that says what somebody asks of a meeting."""
    step = {"meeting_row_id": meeting_row_id, "at": now, "what": What.ASKED}
    return step | {"reason": what, "detail": who}


def _nudge(bench: Workbench) -> None:
    for queue in WORK_QUEUES:
        nudge_due(bench, queue)
