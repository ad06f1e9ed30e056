"""The details of a meeting: when it was, whose it was, where it was held."""

from datetime import timedelta

from sqlmodel import col

from app.db.ingests import wake
from app.db.meetings import tell
from app.ingestion.retry import NothingYet, decide
from app.ingestion.storing import store_json
from app.ingestion.workbench import Work
from app.models.outcomes import Done, Outcome
from app.models.tables import Ingest
from app.models.webex import MeetingDetails
from app.models.words import Kind, Reason
from app.webex import resources


def ingest_meeting(work: Work) -> Outcome:
    """Fetch and store the details; they appear about fifteen minutes after the end."""
    details = resources.meeting(work.webex, work.meeting.meeting_id)
    _tell(work, details)
    if details.state != "ended":
        now = work.bench.clock()
        return decide(NothingYet(Reason.MEETING_IN_PROGRESS), work.ingest, work.bench.pace, now)
    store_json(work, Kind.MEETING, "meeting.json", details.raw)
    return Done()


def _tell(work: Work, details: MeetingDetails) -> None:
    now = work.bench.clock()
    ended = details.state == "ended"
    with work.bench.database.transaction() as session:
        tell(
            session,
            work.meeting,
            meeting_series_id=details.meeting_series_id,
            scheduled_meeting_id=details.scheduled_meeting_id,
            title=details.title,
            site_url=details.site_url,
            host_email=details.host_email,
            webex_state=details.state,
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
