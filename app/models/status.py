"""How things stand, as models that people and programs are told."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, PlainSerializer

from app.models.times import format_time
from app.models.words import Reason, State

Time = Annotated[datetime, PlainSerializer(format_time, when_used="json")]


class MeetingState(StrEnum):
    """How a meeting stands as a whole; the first one that fits."""

    FAILED = "failed"
    LEFT_OUT = "left_out"
    COMPLETE = "complete"
    RUNNING = "running"
    IN_PROGRESS = "in_progress"
    WAITING = "waiting"


class Told(BaseModel):
    """Something told to people and programs: ``model_dump(mode="json")`` gives its JSON."""

    model_config = ConfigDict(frozen=True)


class Failure(Told):
    """One ingest that needs somebody's help."""

    meeting_id: str
    title: str | None
    resource: str
    resource_id: str
    error_code: str | None
    error: str | None
    ended_at: Time | None


class PutAside(Told):
    """One event of which nothing came, ``quarantined`` or ``unresolved``; ``error`` says why.

    What a delivery did not name is an empty text.
    """

    resource: str
    event: str
    data_id: str
    outcome: str
    error_code: str
    error: str
    deliveries: int
    last_received_at: Time


class DamagedFile(Told):
    """One stored file that is not as it was and cannot be fetched again."""

    meeting_id: str
    title: str | None
    path: str
    damage: str


class AccountStatus(Told):
    """An account and how long its tokens last; ``name`` is empty for the one of the settings.

    Times are None where Webex did not tell them; ``renews`` is false where nobody can fetch the
    next access token. ``error`` says why the last one could not be fetched.
    """

    name: str
    email: str | None
    renews: bool
    access_expires_at: Time | None
    refresh_expires_at: Time | None
    scopes: str | None
    error: str | None


class MeetingCounts(Told):
    """How many meetings are known; ``failed`` have a failure, whatever else they are."""

    total: int
    complete: int
    waiting: int
    failed: int


def seconds_left(
    bytes_done: int, bytes_total: int | None, bytes_per_second: int | None
) -> float | None:
    """How long bytes will still come; None while size or speed is not known."""
    if not bytes_total or not bytes_per_second:
        return None
    return max(0, bytes_total - bytes_done) / bytes_per_second


class Transfers(Told):
    """All running transfers together; ``silent`` ones, not heard of for a lease, are left out.

    ``bytes_total`` and ``remaining_seconds`` are None unless they are known of every one.
    """

    running: int
    silent: int
    bytes_done: int
    bytes_total: int | None
    bytes_per_second: int | None
    remaining_seconds: int | None


class Overview(Told):
    """Everything at once; ages are seconds, ``events`` counts by outcome (``new``: none yet)."""

    events: dict[str, int]
    ingests: dict[str, int]
    meetings: MeetingCounts
    transfers: Transfers
    oldest_due_seconds: float | None
    last_sweep_at: Time | None
    files: int
    bytes: int
    failures: list[Failure]
    accounts: list[AccountStatus]
    put_aside: list[PutAside]
    damaged_files: int
    damaged: list[DamagedFile]

    @property
    def is_busy(self) -> bool:
        """Whether anything is waiting or running."""
        return bool(self.ingests.get(State.WAITING, 0) + self.ingests.get(State.RUNNING, 0))


class MeetingLine(Told):
    """One meeting in a list; ``missing`` are phrases for people, empty when nothing is.

    ``failures`` are the error codes of what has failed. ``lag_seconds`` is how long after its end
    it was complete here; None where it is not, or is left out.
    """

    meeting_id: str
    title: str | None
    site_url: str | None
    host_email: str | None
    start: Time | None
    end: Time | None
    source: str
    completed_at: Time | None
    lag_seconds: float | None
    state: MeetingState
    missing: list[str]
    failures: list[str]
    files: int
    bytes: int


class IngestStatus(Told):
    """One resource of a meeting; ``error`` is a sentence, ``reason`` and ``error_code`` words.

    ``stage`` is the kind of file that is on its way. ``silent_seconds`` is for how long nothing
    was heard of the worker of a running one; None while that is no longer than its lease.
    A speed and a remaining time are told only while somebody works. ``gone_at`` is since when
    Webex has deleted it.
    """

    resource: str
    resource_id: str
    state: State
    reason: str | None
    error_code: str | None
    error: str | None
    attempt: int
    next_attempt_at: Time | None
    ended_at: Time | None
    gone_at: Time | None
    stage: str
    bytes_done: int
    bytes_total: int | None
    bytes_per_second: int | None
    remaining_seconds: int | None
    silent_seconds: float | None

    @property
    def reasons(self) -> list[str]:
        """Why it stands as it does; what Webex has deleted may be odd besides."""
        is_gone = self.gone_at is not None and self.state in (State.DONE, State.ABSENT)
        told = [self.reason, Reason.DELETED_AT_SOURCE if is_gone else None]
        return list(dict.fromkeys(each for each in told if each))

    @property
    def is_transferring(self) -> bool:
        """Whether a file is being downloaded."""
        return self.state == State.RUNNING and bool(self.stage)


class FileStatus(Told):
    """One stored file; ``path`` is relative to the folder, ``damage`` what is wrong with it now."""

    path: str
    resource: str
    resource_id: str
    kind: str
    bytes: int
    sha256: str
    file_version: int
    stored_at: Time
    damage: str | None


class ParticipantStatus(Told):
    """Somebody who was in a meeting."""

    display_name: str | None
    email: str | None
    host: bool
    joined_at: Time | None
    left_at: Time | None


class MeetingStatus(Told):
    """One meeting with every resource, file and participant."""

    meeting_id: str
    meeting_series_id: str | None
    title: str | None
    site_url: str | None
    host_email: str | None
    start: Time | None
    end: Time | None
    source: str
    first_seen_at: Time
    folder: str | None
    complete: bool
    completed_at: Time | None
    state: MeetingState
    ingests: list[IngestStatus]
    files: list[FileStatus]
    participants: list[ParticipantStatus]
    snippets: int

    @property
    def is_busy(self) -> bool:
        """Whether anything of it is waiting or running."""
        return any(each.state in (State.WAITING, State.RUNNING) for each in self.ingests)

    @property
    def is_transferring(self) -> bool:
        """Whether a file of it is being downloaded."""
        return any(each.is_transferring for each in self.ingests)
