"""One attempt at one ingest: taken under a lease, worked on, ended by one outcome."""

import errno
from collections.abc import Callable

import structlog
from sqlalchemy import func
from sqlalchemy.orm import Session
from sqlmodel import col

from app.db.ingests import end_attempt, lease, reopen, wake
from app.db.meetings import lock_meeting, settle_completeness, touch
from app.errors import ArchiveUnavailable, DatabaseUnavailable, DiskFull, IngestError, LeaseLost
from app.ingestion.extras import EXTRAS, ingest_extra
from app.ingestion.meetings import ingest_meeting, read_details
from app.ingestion.participants import ingest_participants
from app.ingestion.policy import left_out
from app.ingestion.recordings import ingest_recording, ingest_recordings
from app.ingestion.retry import MOST_LOST, decide
from app.ingestion.rounds import round_of
from app.ingestion.storing import refresh_manifest
from app.ingestion.transcripts import ingest_transcript, ingest_transcripts
from app.ingestion.workbench import Look, Work, Workbench
from app.models.outcomes import Failed, Outcome, Wait
from app.models.tables import Ingest, Meeting
from app.models.words import Priority, Reason, Resource, State

log = structlog.get_logger()

_LISTS: dict[str, Callable[[Work], Outcome]] = {
    Resource.MEETINGS: ingest_meeting,
    Resource.PARTICIPANTS: ingest_participants,
    Resource.RECORDINGS: ingest_recordings,
    Resource.TRANSCRIPTS: ingest_transcripts,
    **dict.fromkeys(EXTRAS, ingest_extra),
}
_ITEMS: dict[str, Callable[[Work], Outcome]] = {
    Resource.RECORDINGS: ingest_recording,
    Resource.TRANSCRIPTS: ingest_transcript,
}


def run_ingest(bench: Workbench, ingest_id: int) -> bool:
    """Make one attempt; false if the row is not due, or somebody else works on it.

    May be called twice with the same id, at any time: only one call gets the lease, and
    everything an attempt does ends the same when it is done again. What many meetings wait for is
    looked for in one round, and each of them gets its own attempt with what was found.
    """
    together = round_of(bench, ingest_id)
    if together is None:
        return _run(bench, ingest_id)
    if not together.begin():
        return False
    try:
        is_done = _run(bench, ingest_id, together)
        for other in together.rest():
            _run(bench, other, together)
    finally:
        together.end()
    return is_done


def _run(bench: Workbench, ingest_id: int, look: Look | None = None) -> bool:
    with bench.database.transaction() as session:
        taken = lease(session, ingest_id, now=bench.clock(), lease_seconds=bench.pace.lease_seconds)
        if taken is None:
            return False
        meeting = session.get_one(Meeting, taken[1].meeting_row_id)
    work = Work(bench, *taken, meeting, look)
    with structlog.contextvars.bound_contextvars(
        meeting_id=meeting.meeting_id,
        ingest_id=ingest_id,
        resource=work.ingest.resource,
        resource_id=work.ingest.resource_id,
        attempt=work.lease.attempt,
    ):
        try:
            _end(work, _attempt(work))
        except LeaseLost:
            log.warning("ingest.taken_over")
    return True


def _attempt(work: Work) -> Outcome:
    if work.ingest.lost >= MOST_LOST:
        return Failed("worker_lost", f"{MOST_LOST} workers in a row vanished while working on it")
    step = (_ITEMS if work.ingest.resource_id else _LISTS)[work.ingest.resource]
    try:
        if not work.bench.accounts.is_known(work.ingest.account):
            # Hands the meeting over to whoever can read it now; else it waits for the account.
            read_details(work)
            return Wait(work.bench.clock(), Reason.STILL_PROCESSING, counts=False)
        if work.ingest.resource != Resource.MEETINGS and (outcome := left_out(work)):
            return outcome
        return step(work)
    except (LeaseLost, DatabaseUnavailable):
        raise
    except IngestError as error:
        return decide(error, work.ingest, work.bench.pace, work.bench.clock())
    except OSError as error:
        # Errors of the network are translated where they arise; what is left is the archive's disk.
        return decide(_of_the_disk(error), work.ingest, work.bench.pace, work.bench.clock())
    except Exception as error:
        # The one place that stops everything else: a fault of ours in one item must end
        # visibly in its row, and must not be tried for ever by one worker after the other.
        log.exception("ingest.fault")
        return Failed("fault", f"an error in webex-ingest itself: {type(error).__name__}")


def _of_the_disk(error: OSError) -> IngestError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFull("the disk of the archive is full")
    where = error.filename or "the archive"
    return ArchiveUnavailable(f"{where}: {error.strerror or type(error).__name__}; see ARCHIVE_DIR")


def _end(work: Work, outcome: Outcome) -> None:
    now = work.bench.clock()
    with work.bench.database.transaction() as session:
        lock_meeting(session, work.meeting_row_id)
        end_attempt(session, work.lease, outcome, now=now)
        if work.ingest.resource_id and not isinstance(outcome, Wait):
            _wake_list(work, session)
        touch(session, work.meeting_row_id)
        completed = settle_completeness(session, work.meeting_row_id, now=now)
    refresh_manifest(work.bench, work.meeting_row_id)
    _log(outcome)
    if completed:
        log.info("meeting.complete")


def _wake_list(work: Work, session: Session) -> None:
    now = work.bench.clock()
    which = (
        col(Ingest.meeting_row_id) == work.meeting_row_id,
        col(Ingest.resource) == work.ingest.resource,
        col(Ingest.resource_id) == "",
    )
    patience = work.ingest.patience_until
    # One that settles has its moment, and nothing to see before.
    waits_for_us = func.coalesce(col(Ingest.reason), "") != Reason.SETTLING
    is_running = col(Ingest.state) == State.RUNNING
    wake(session, *which, is_running | waits_for_us, due_at=now, patience_until=patience)
    reopen(
        session,
        *which,
        col(Ingest.error_code) == "item_failed",
        states=(State.FAILED,),
        due_at=now,
        patience_until=patience,
        priority=Priority(work.ingest.priority),
        now=now,
    )


def _log(outcome: Outcome) -> None:
    match outcome:
        case Wait(until=until, reason=reason, error_code=code, error=error):
            told = {"error_code": code, "error": error} if code else {}
            log.info("ingest.waiting", reason=reason, until=until.isoformat(), **told)
        case Failed(code, error):
            log.error("ingest.failed", error_code=code, error=error)
        case _:
            log.info(f"ingest.{type(outcome).__name__.lower()}", reason=outcome.reason)
