"""What happened to one meeting, from its start to now, with times and sources."""

from app.db.engine import Database
from app.db.meetings import find_meeting
from app.db.steps import steps_of
from app.ingestion.wording import one_line, reason_sentence, resource_name, size_text
from app.models.steps import Step, What
from app.models.tables import Meeting
from app.models.timeline import Happening
from app.models.words import Kind, Reason

_MOST_STEPS = 500

_PAUSES = {
    Reason.DISK_FULL,
    Reason.ARCHIVE_UNAVAILABLE,
    Reason.HOST_BUSY,
    Reason.RATE_LIMITED,
    Reason.TOKEN_REFUSED,
    Reason.TOKEN_RENEWING,
    Reason.SHUTDOWN,
}
"""Why an attempt ended before Webex had told anything."""

_SHORT_KINDS = {Kind.VTT, Kind.TXT}

_SOURCES = {
    "webhook": "by a webhook",
    "backfill": "by a backfill",
    "command": "by somebody who asked for it",
    "archive": "by the archive",
}


def timeline(database: Database, meeting_id: str) -> list[Happening]:
    """What happened to a meeting, oldest first, of very much the last 500 steps.

    Empty where it is not known. Raises DatabaseUnavailable.
    """
    with database.reading() as session:
        meeting = find_meeting(session, meeting_id)
        if meeting is None or meeting.id is None:
            return []
        steps = steps_of(session, meeting.id, limit=_MOST_STEPS)
    happened = [*_of_meeting(meeting), *(happening(each) for each in steps)]
    return sorted(happened, key=lambda each: each.at)


def happening(step: Step) -> Happening:
    """One step, as it is told."""
    told = {"what": step.what, "sentence": _sentence(step)}
    return Happening.model_validate(step.model_dump(exclude={"what"}) | told)


def _of_meeting(meeting: Meeting) -> list[Happening]:
    told = (
        (meeting.start_at, "started", "The meeting started"),
        (meeting.end_at, "ended", "The meeting ended"),
        (meeting.verified_at, "verified", "All stored files were read again"),
    )
    return [Happening(at=at, what=what, sentence=text) for at, what, text in told if at is not None]


def _sentence(step: Step) -> str:
    name = resource_name(step.resource, step.resource_id) if step.resource else ""
    return _of_ingest(step, name) or _of_others(step, name)


def _of_ingest(step: Step, name: str) -> str | None:
    """How an attempt ended, or what became of the work else."""
    why = one_line(step.detail) or (reason_sentence(step.reason) if step.reason else "")
    match step.what:
        case What.WAITING:
            did = "waits" if step.reason in _PAUSES else "looked"
            return _capital(f"{name}: {did}; {why or 'it goes on'}")
        case What.DONE:
            return _capital(f"{name}: all stored" + (f"; {why}" if why else ""))
        case What.ABSENT:
            return _capital(f"{name}: none; {why}")
        case What.FAILED:
            return _capital(f"{name}: failed; {why}")
        case What.REOPENED:
            return _capital(f"{name}: opened again")
    return None


def _of_others(step: Step, name: str) -> str:
    match step.what:
        case What.KNOWN:
            source = step.reason or ""
            return f"First heard of {_SOURCES.get(source, source)}"
        case What.TOLD:
            return f"Webex told by a webhook: {one_line(step.resource)}.{one_line(step.reason)}"
        case What.ASKED:
            return f"Asked for by {one_line(step.detail) or 'somebody'}: {step.reason or 'again'}"
        case What.FOUND:
            return _capital(f"{name} found")
        case What.STORED:
            size, kind = size_text(step.bytes or 0), step.reason or "file"
            kind = kind.upper() if kind in _SHORT_KINDS else _capital(kind)
            return f"{kind} stored and verified: {step.detail}, {size}"
        case What.GONE:
            return _capital(f"{name}: deleted at Webex")
        case What.COMPLETE:
            return "Complete"
    return step.what


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
