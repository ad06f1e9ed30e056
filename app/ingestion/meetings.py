"""The details of a meeting: when it was, whose it was, where it was held."""

from datetime import datetime, timedelta

import structlog
from sqlmodel import col

from app.db.ingests import heartbeat, wake
from app.db.meetings import assign, hint, lock_meeting, tell
from app.db.standing import details_state
from app.errors import Forbidden, NotFound
from app.ingestion.entry import over_at_last, want, want_meeting
from app.ingestion.items import UNKNOWN_START, listed_one
from app.ingestion.policy import left_out
from app.ingestion.retry import NothingYet, decide
from app.ingestion.rows import meeting_columns
from app.ingestion.storing import store_json
from app.ingestion.workbench import Work
from app.models.outcomes import Done, Outcome, Wait
from app.models.policy import ScheduledType
from app.models.tables import Ingest, Meeting
from app.models.webex import MeetingDetails
from app.models.words import Kind, Reason, Resource, Role, State
from app.webex import resources
from app.webex.client import WebexClient

log = structlog.get_logger()


def ingest_meeting(work: Work) -> Outcome:
    """Fetch and store the details; they appear about fifteen minutes after the end."""
    try:
        details = read_details(work)
    except NotFound:
        # Webex tells of a meeting in progress a quarter of an hour after its start, or later.
        if again := while_it_goes_on(work):
            return again
        raise
    _tell(work, details)
    if details.state != "ended":
        if details.state == "inProgress" and work.meeting.webex_state != "ended":
            return _look_again(work)
        # Webex lags behind its own event, or has a word for it that nobody knows.
        now = work.bench.clock()
        return decide(NothingYet(), work.ingest, work.bench.pace, now)
    if outcome := left_out(work):
        return outcome
    store_json(work, Kind.MEETING, "meeting.json", details.raw)
    return Done()


def while_it_goes_on(work: Work) -> Wait | None:
    """The next look at a meeting in progress; None where it is over, or never heard of again.

    What goes on is told by its details: they wait as long as Webex says so, and otherwise no longer
    than their patience, and the others wait for them.
    """
    if work.meeting.webex_state != "inProgress":
        return None
    if work.ingest.resource == Resource.MEETINGS:
        goes_on = work.bench.clock() < work.ingest.patience_until
    else:
        with work.bench.database.reading() as session:
            details = details_state(session, work.meeting_row_id)
        goes_on = details in (State.WAITING, State.RUNNING)
    return _look_again(work) if goes_on else None


def read_details(work: Work) -> MeetingDetails:
    """Read the meeting as its account; where that cannot, the first one that can has it now."""
    accounts, meeting = work.bench.accounts, work.meeting

    def ask(name: str, client: WebexClient) -> MeetingDetails:
        webex = client.accompanied_by(work.beat)
        host = meeting.host_email
        if host is None and accounts.view(name).role != Role.USER:
            host = _listed_host(webex, meeting, work.bench.clock())
        host = accounts.host_to_name(name, host)
        return resources.meeting(webex, meeting.meeting_id, host_email=host)

    name, details = accounts.first_that_can(work.ingest.account, ask)
    if name != work.ingest.account:
        _hand_over(work, name)
    return details


def _listed_host(webex: WebexClient, meeting: Meeting, now: datetime) -> str | None:
    """Whose meeting it is: the list tells administrators without being told the host."""
    listed = _listed(webex, meeting, now)
    return listed.host_email if listed else None


def _listed(webex: WebexClient, meeting: Meeting, now: datetime) -> MeetingDetails | None:
    since = meeting.start_at or meeting.first_seen_at - UNKNOWN_START
    return listed_one(webex, meeting, since=since, now=now)


def _hand_over(work: Work, account: str) -> None:
    bench, now = work.bench, work.bench.clock()
    with bench.database.transaction() as session:
        lock_meeting(session, work.meeting_row_id)
        heartbeat(session, work.lease, now=now)
        assign(session, work.meeting_row_id, account)
        # What the other account was refused is looked for again.
        meeting = session.get_one(Meeting, work.meeting_row_id)
        want_meeting(session, meeting, pace=bench.pace, now=now)
    log.info("meeting.handed_over", account=account)


def _look_again(work: Work) -> Wait:
    pause = timedelta(seconds=work.bench.pace.live_look_seconds)
    return Wait(work.bench.clock() + pause, Reason.MEETING_IN_PROGRESS)


def _kind(work: Work, details: MeetingDetails) -> str | None:
    """What kind of meeting it was: lists say so where the details do not."""
    is_asked_for, ended = work.bench.policy.asks_for_types, details.state == "ended"
    # While it goes on this says that its details are told; where no rule asks, any kind does.
    if not (details.scheduled_type or is_asked_for or ended):
        return ScheduledType.MEETING
    if details.scheduled_type or not (is_asked_for and ended):
        return details.scheduled_type
    try:
        listed = _listed(work.webex, work.meeting, work.bench.clock())
    except (Forbidden, NotFound):
        listed = None
    return (listed.scheduled_type if listed else None) or ScheduledType.MEETING


def _tell(work: Work, details: MeetingDetails) -> None:
    now, kind = work.bench.clock(), _kind(work, details)
    ended = details.state == "ended"
    with work.bench.database.transaction() as session:
        lock_meeting(session, work.meeting_row_id)
        heartbeat(session, work.lease, now=now)
        known = session.get_one(Meeting, work.meeting_row_id)
        # What holds while it goes on is no last word: how it ended may be told by an event, and may
        # have been told while this was asked.
        write = tell if ended else hint
        state = details.state if ended or known.webex_state != "ended" else None
        write(
            session,
            known,
            **meeting_columns(details),
            webex_state=state,
            scheduled_type=kind,
            end_at=details.end if ended else None,
        )
        wake(
            session,
            col(Ingest.meeting_row_id) == work.meeting_row_id,
            col(Ingest.reason) == Reason.MEETING_UNKNOWN,
            due_at=now,
            patience_until=now,
        )
        if ended and work.meeting.webex_state == "inProgress":
            # Nobody has told of its end, or not yet.
            session.refresh(known)
            wishes = dict(over_at_last(work.bench.pace))
            del wishes[Resource.MEETINGS, ""]
            want(session, [(known, wishes)], pace=work.bench.pace, now=now)
