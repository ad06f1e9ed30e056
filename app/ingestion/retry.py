"""The one decision about what comes after an attempt that is not done."""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.errors import (
    ArchiveUnavailable,
    DiskFull,
    Forbidden,
    Gone,
    HostBusy,
    IngestError,
    MediaBusy,
    NoFolderYet,
    NotFound,
    RateLimited,
    TokenRefused,
    TokenRenewing,
    WebexUnavailable,
    WorkerStopping,
)
from app.ingestion.workbench import Pace
from app.models.outcomes import Absent, Failed, Outcome, Wait
from app.models.tables import Ingest
from app.models.words import Reason
from app.webex.scopes import wanted_scopes

MOST_LOST = 5
"""So often a worker may vanish over the same work before nobody touches it any more."""

_FEWEST_TRIES = 5
_DISK_SECONDS = 60
_HOST_SECONDS = 30
_TOKEN_SECONDS = 1


@dataclass(frozen=True, slots=True)
class NothingYet:
    """Webex was asked, and did not have it, or not all of it."""

    reason: Reason = Reason.STILL_PROCESSING


def decide(what: NothingYet | IngestError, ingest: Ingest, pace: Pace, now: datetime) -> Outcome:
    """Say how an attempt ends that found nothing or met an error.

    Not ready is no error: it becomes absent only when the patience of the row is over and
    this is at least the second look. Errors that may pass are tried until then, at least
    five times, an attempt that got further not counted; a full or broken disk, a refused token, a
    spent budget and a busy host wait as long as it takes.
    """
    match what:
        case NothingYet(reason):
            return _nothing_yet(reason, ingest, pace, now)
        case NotFound():
            return _nothing_yet(Reason.STILL_PROCESSING, ingest, pace, now)
        case Forbidden():
            return no_permission(ingest.resource)
        case Gone():
            return Absent(Reason.DELETED_AT_SOURCE)
        case NoFolderYet():
            seconds = delay_seconds(ingest.looks, pace)
            return Wait(_in(seconds, now), Reason.MEETING_UNKNOWN, looked=True)
        case _:
            return _pause(what, pace, now) or _error(what, ingest, pace, now)


def no_permission(resource: str) -> Absent:
    """The end of what the account may not read, with the scope that is missing."""
    scopes = wanted_scopes(resource)
    return Absent(Reason.NO_PERMISSION, f"it takes the scope {scopes}" if scopes else None)


def delay_seconds(count: int, pace: Pace) -> float:
    """The wait before the next look: growing by half each time, give or take a fifth."""
    return grown_seconds(count, pace) * _jitter(0.8, 1.2)


def grown_seconds(count: int, pace: Pace) -> float:
    """The same without the chance in it, which keeps apart what need not come together."""
    return min(pace.first_seconds * 1.5 ** min(count, 60), pace.max_seconds)


def _pause(error: IngestError, pace: Pace, now: datetime) -> Wait | None:
    """The wait for something that is no fault of the work itself; None for anything else."""
    match error:
        case RateLimited():
            # The jitter keeps everything that waits at the gate from passing it at once.
            seconds = (error.retry_after_seconds or pace.first_seconds) * _jitter(1, 1.5)
            return Wait(_in(seconds, now), Reason.RATE_LIMITED, counts=False)
        case WorkerStopping():
            return Wait(now, Reason.SHUTDOWN, counts=False)
        case HostBusy():
            seconds = min(_HOST_SECONDS, pace.max_seconds) * _jitter(0.5, 1)
            return Wait(_in(seconds, now), Reason.HOST_BUSY, counts=False)
        case DiskFull() | ArchiveUnavailable():
            seconds = min(_DISK_SECONDS, pace.max_seconds)
            return _paused(error, Reason(error.code), _in(seconds, now))
        case TokenRefused():
            seconds = min(5 * pace.first_seconds, pace.max_seconds)
            return _paused(error, Reason.TOKEN_REFUSED, _in(seconds, now))
        case TokenRenewing():
            return Wait(
                _in(_TOKEN_SECONDS * _jitter(1, 2), now), Reason.TOKEN_RENEWING, counts=False
            )
    return None


def _nothing_yet(reason: Reason, ingest: Ingest, pace: Pace, now: datetime) -> Outcome:
    if now >= ingest.patience_until and ingest.looks >= 1:
        return Absent(Reason.GAVE_UP)
    until = _in(delay_seconds(ingest.looks, pace), now)
    if now < ingest.patience_until < until:
        until = ingest.patience_until
    return Wait(until, reason, looked=True)


def _error(error: IngestError, ingest: Ingest, pace: Pace, now: datetime) -> Outcome:
    out_of_patience = now >= ingest.patience_until and ingest.tries + 1 >= _FEWEST_TRIES
    if not error.retryable or (out_of_patience and not error.got_further):
        return Failed(error.code, str(error))
    seconds = delay_seconds(ingest.tries, pace)
    if isinstance(error, MediaBusy | WebexUnavailable) and error.retry_after_seconds is not None:
        seconds = max(seconds, error.retry_after_seconds)
    return Wait(
        _in(seconds, now),
        Reason.RETRYING,
        error_code=error.code,
        error=str(error),
        counts=not error.got_further,
    )


def _paused(error: IngestError, reason: Reason, until: datetime) -> Wait:
    return Wait(until, reason, error_code=error.code, error=str(error), counts=False)


def _jitter(least: float, most: float) -> float:
    return random.uniform(least, most)  # noqa: S311 -- no secret


def _in(seconds: float, now: datetime) -> datetime:
    return now + timedelta(seconds=seconds)
