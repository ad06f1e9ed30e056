"""The words that rows, manifests and messages are written in."""

from enum import StrEnum

DOOR = "/webhooks/webex"
"""Where below PUBLIC_URL Webex posts to."""


class Resource(StrEnum):
    """What Webex keeps of a meeting, in Webex's own spelling."""

    MEETINGS = "meetings"
    PARTICIPANTS = "meetingParticipants"
    RECORDINGS = "recordings"
    TRANSCRIPTS = "meetingTranscripts"
    INVITEES = "meetingInvitees"
    SUMMARIES = "meetingSummaries"
    CHATS = "postMeetingChats"
    POLLS = "polls"
    QUESTIONS = "q_and_a"
    CAPTIONS = "meetingClosedCaptions"
    ATTENDEES = "attendees"


CORE_RESOURCES = (
    Resource.MEETINGS,
    Resource.PARTICIPANTS,
    Resource.RECORDINGS,
    Resource.TRANSCRIPTS,
)
"""A meeting is complete when these are done or absent."""

EXTRA_RESOURCES = tuple(each for each in Resource if each not in CORE_RESOURCES)
"""What is added when it comes, and never holds a meeting back."""


class State(StrEnum):
    """Where an ingest stands; ``done``, ``absent`` and ``failed`` are ends that can be reopened."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    ABSENT = "absent"
    FAILED = "failed"


class EventOutcome(StrEnum):
    """What became of an event; one without an outcome is new."""

    PROCESSED = "processed"
    IGNORED = "ignored"
    UNRESOLVED = "unresolved"
    QUARANTINED = "quarantined"


class Kind(StrEnum):
    """What a file in the archive is."""

    MEETING = "meeting"
    PARTICIPANTS = "participants"
    RECORDING = "recording"
    VIDEO = "video"
    AUDIO = "audio"
    VTT = "vtt"
    TXT = "txt"
    SNIPPETS = "snippets"
    INVITEES = "invitees"
    SUMMARY = "summary"
    SUMMARY_TEXT = "summary_text"
    CHATS = "chats"
    POLLS = "polls"
    POLL_RESULTS = "poll_results"
    QANDA = "qanda"
    CAPTIONS = "captions"
    ATTENDEES = "attendees"


class Role(StrEnum):
    """As what an account asks: Webex wants to be told the host of somebody else's meeting."""

    USER = "user"
    ADMIN = "admin"
    COMPLIANCE = "compliance"


class Queue(StrEnum):
    """The Celery queues, by what their tasks do to a worker."""

    CONTROL = "control"
    POLL = "poll"
    TRANSFER = "transfer"


class Priority(StrEnum):
    """Why work is due; sorts in the order in which it is taken."""

    FRESH = "0-fresh"
    RETRY = "1-retry"
    BACKFILL = "2-backfill"


class Reason(StrEnum):
    """Why something is waiting or absent."""

    STILL_PROCESSING = "still_processing"
    NOT_AVAILABLE = "not_available"
    NOT_RECORDED = "not_recorded"
    TRANSCRIPTION_OFF = "transcription_off"
    NOT_FINAL = "not_final"
    TIMES_MISSING = "times_missing"
    PARTS_MISSING = "parts_missing"
    MEETING_UNKNOWN = "meeting_unknown"
    MEETING_IN_PROGRESS = "meeting_in_progress"
    SETTLING = "settling"
    ITEMS_PENDING = "items_pending"
    DOWNLOAD_PREVENTED = "download_prevented"
    NO_PERMISSION = "no_permission"
    DELETED_AT_SOURCE = "deleted_at_source"
    EXCLUDED_BY_POLICY = "excluded_by_policy"
    GAVE_UP = "gave_up"
    DISK_FULL = "disk_full"
    ARCHIVE_UNAVAILABLE = "archive_unavailable"
    RATE_LIMITED = "rate_limited"
    RETRYING = "retrying"
    TOKEN_REFUSED = "token_refused"  # noqa: S105 -- a reason, not a token
    TOKEN_RENEWING = "token_renewing"  # noqa: S105 -- a reason, not a token
    SHUTDOWN = "shutdown"
    HOST_BUSY = "host_busy"
    SIZE_DIFFERS = "size_differs"
    DURATION_DIFFERS = "duration_differs"


class Verified(StrEnum):
    """What looking at the files of a meeting while somebody waits has found."""

    READ = "verified"
    THERE = "there"
    DAMAGED = "damaged"
    BUSY = "busy"


class Flip(StrEnum):
    """Where automatic recording of a planned meeting stands."""

    NEW = "new"
    SWITCHING = "switching"
    SWITCHED_ON = "switched_on"
    UNDONE = "undone"
    ALREADY_ON = "already_on"
    NOT_WANTED = "not_wanted"
    NOT_POSSIBLE = "not_possible"
    REFUSED = "refused"


def queue_of(resource: str, resource_id: str) -> Queue:
    """The queue of one ingest: media go to ``transfer``, everything else is JSON or text."""
    if resource == Resource.RECORDINGS and resource_id:
        return Queue.TRANSFER
    return Queue.POLL
