"""The participants of a meeting, asked for until Webex knows when each came and went."""

from app.db.files import replace_participants
from app.db.ingests import heartbeat
from app.db.meetings import lock_meeting
from app.errors import NotFound, PartialList
from app.ingestion.meetings import while_it_goes_on
from app.ingestion.retry import NothingYet, decide
from app.ingestion.rows import participant_columns
from app.ingestion.storing import store_json
from app.ingestion.workbench import Work
from app.models.outcomes import Absent, Done, Failed, Outcome
from app.models.webex import MeetingParticipant
from app.models.words import Kind, Reason
from app.webex import resources


def ingest_participants(work: Work) -> Outcome:
    """Fetch and store the participants when they are final; until then tell who is there.

    When the patience is over, what is known is stored, with the reason ``times_missing``.
    """
    meeting_id, goes_on = work.meeting.meeting_id, while_it_goes_on(work)
    try:
        people = resources.participants(work.webex, meeting_id, host_email=work.host_email)
    except NotFound:
        if goes_on:
            return goes_on
        raise
    except PartialList as error:
        return goes_on or _without_all(work, error)
    if goes_on:
        _tell(work, people)
        return goes_on
    if people and all(each.is_final for each in people):
        _store(work, people)
        return Done()
    reason = Reason.NOT_FINAL if people else Reason.STILL_PROCESSING
    outcome = decide(NothingYet(reason), work.ingest, work.bench.pace, work.bench.clock())
    if people and isinstance(outcome, Absent):
        _store(work, people)
        return Done(Reason.TIMES_MISSING)
    return outcome


def _without_all(work: Work, error: PartialList) -> Outcome:
    """What becomes of a list that Webex cannot read itself: in the end what it could is stored."""
    outcome = decide(error, work.ingest, work.bench.pace, work.bench.clock())
    if not isinstance(outcome, Failed) or not error.items:
        return outcome
    _store(work, error.items)
    return Failed(outcome.code, f"{outcome.error}; what could be read is stored")


def _store(work: Work, people: list[MeetingParticipant]) -> None:
    store_json(
        work, Kind.PARTICIPANTS, "participants.json", {"items": [each.raw for each in people]}
    )
    _tell(work, people)


def _tell(work: Work, people: list[MeetingParticipant]) -> None:
    with work.bench.database.transaction() as session:
        lock_meeting(session, work.meeting_row_id)
        heartbeat(session, work.lease, now=work.bench.clock())
        replace_participants(session, work.meeting_row_id, participant_columns(people))
