"""The details of a meeting: when it was, whose it was, where it was held."""

from datetime import datetime, timedelta

import structlog
from sqlmodel import col

from app.db.ingests import heartbeat, wake
from app.db.meetings import assign, hint, lock_meeting, tell
from app.errors import NotFound
from app.ingestion.entry import want_meeting
from app.ingestion.items import UNKNOWN_START
from app.ingestion.policy import left_out
from app.ingestion.storing import store_json
from app.ingestion.workbench import Work
from app.models.outcomes import Done, Outcome, Wait
from app.models.tables import Ingest, Meeting
from app.models.webex import MeetingDetails
from app.models.words import Kind, Reason, Role
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
        return _look_again(work)
    if outcome := left_out(work):
        return outcome
    store_json(work, Kind.MEETING, "meeting.json", details.raw)
    return Done()


def while_it_goes_on(work: Work) -> Wait | None:
    """The next look at a meeting in progress; None where it is over, or long unheard of."""
    is_live = work.meeting.webex_state == "inProgress"
    if not is_live or work.bench.clock() >= work.ingest.patience_until:
        return None
    return _look_again(work)


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
    series_id = meeting.meeting_series_id or meeting.meeting_id.partition("_I_")[0]
    since = meeting.start_at or meeting.first_seen_at - UNKNOWN_START
    listed = resources.instances(webex, series_id, since=since, now=now)
    return next((each.host_email for each in listed if each.id == meeting.meeting_id), None)


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


def _tell(work: Work, details: MeetingDetails) -> None:
    now = work.bench.clock()
    ended = details.state == "ended"
    with work.bench.database.transaction() as session:
        lock_meeting(session, work.meeting_row_id)
        heartbeat(session, work.lease, now=now)
        # What holds while it goes on is no last word: how it ended may be told by an event.
        write = tell if ended else hint
        write(
            session,
            work.meeting,
            meeting_series_id=details.meeting_series_id,
            scheduled_meeting_id=details.scheduled_meeting_id,
            title=details.title,
            site_url=details.site_url,
            host_email=details.host_email,
            webex_state=details.state,
            scheduled_type=details.scheduled_type,
            start_at=details.start,
            end_at=details.end if ended else None,
        )
        wake(
            session,
            col(Ingest.meeting_row_id) == work.meeting_row_id,
            col(Ingest.reason) == Reason.MEETING_UNKNOWN,
            due_at=now,
            patience_until=now + timedelta(0),
        )
        if ended and work.meeting.webex_state == "inProgress":
            # Nobody has told of its end, or not yet.
            session.expire_all()
            meeting = session.get_one(Meeting, work.meeting_row_id)
            want_meeting(session, meeting, pace=work.bench.pace, now=now)
