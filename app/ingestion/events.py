"""Events: committed as they come, later turned into rows; Webex's word is only a hint."""

import json
import re
from datetime import datetime, timedelta

import structlog
from sqlalchemy.orm import Session

from app.db.inbox import Delivery, digest_of, mark_event, new_events, postpone_event
from app.db.meetings import (
    ensure_meeting,
    find_meeting,
    hint,
    lock_meeting,
    settle_completeness,
    touch,
)
from app.errors import (
    AnswerUnreadable,
    BodyTooLarge,
    DatabaseUnavailable,
    NotAnEvent,
    NotFound,
    SignatureWrong,
    WebexError,
)
from app.ingestion.entry import want_meeting, want_now
from app.ingestion.workbench import Workbench
from app.models.secrecy import without_secrets
from app.models.tables import Meeting, WebhookEvent
from app.models.webex import Event
from app.models.words import Resource
from app.webex import resources
from app.webex.signature import is_signed

MOST_BODY_BYTES = 64 * 1024
EVENTS_AT_ONCE = 200
_MOST_TRIES = 20
_LONGEST_PAUSE_SECONDS = 3600

_ID = re.compile(r"[A-Za-z0-9_.-]{1,200}")

log = structlog.get_logger()


def receive_event(
    bench: Workbench,
    raw: bytes,
    signature: str | None,
    *,
    secrets: tuple[str, ...],
    unsigned_allowed: bool,
) -> Event:
    """Verify one delivery over its raw bytes and commit it; after this it is never lost.

    Raises BodyTooLarge, SignatureWrong, NotAnEvent or DatabaseUnavailable; then nothing
    is stored. The body is stored without secrets and links.
    """
    if len(raw) > MOST_BODY_BYTES:
        raise BodyTooLarge(f"the body is larger than {MOST_BODY_BYTES // 1024} KiB")
    if (secrets or not unsigned_allowed) and not is_signed(raw, signature, secrets):
        raise SignatureWrong("the delivery is not signed with a secret of ours")
    event, body = read_delivery(raw)
    bench.intake.take(
        Delivery(
            digest=digest_of(raw),
            resource=event.resource,
            event=event.event,
            data_id=event.data.id,
            body=body,
            received_at=bench.clock(),
        )
    )
    return event


def read_delivery(raw: bytes) -> tuple[Event, str]:
    """Read the body of a delivery: the event, and its JSON without secrets.

    NotAnEvent says which field is wrong.
    """
    try:
        value = without_secrets(json.loads(raw))
        return Event.read(value), json.dumps(value)
    except (ValueError, RecursionError):
        raise NotAnEvent("the body is not JSON") from None
    except AnswerUnreadable as error:
        raise NotAnEvent(str(error)) from None


def work_through_events(bench: Workbench) -> int:
    """Turn new events into rows; how many there were.

    May run twice at once: making, waking and reopening rows ends the same either way.
    """
    with bench.database.reading() as session:
        events = new_events(session, now=bench.clock(), limit=EVENTS_AT_ONCE)
    for event in events:
        try:
            _work_through(bench, event)
        except WebexError as error:
            _postpone(bench, event, error)
        except DatabaseUnavailable:
            raise
        except Exception:
            # Whatever is wrong with one event, the ones behind it must not wait for ever.
            log.exception("event.fault", resource=event.resource, data_id=event.data_id)
            _mark(bench, event, "unresolved")
    return len(events)


def _work_through(bench: Workbench, stored: WebhookEvent) -> None:
    event = Event.read(json.loads(stored.body))
    now = bench.clock()
    meeting_id = _meeting_id(bench, event, now)
    if meeting_id is not None and not is_instance(meeting_id):
        meeting_id = None
    with bench.database.transaction() as session:
        if meeting_id is not None:
            _act(session, bench, event, meeting_id, now)
            _tell_meeting(session, meeting_id, now)
        outcome = "ignored" if meeting_id is None else "processed"
        mark_event(session, stored, outcome, now=now)
    log.info(
        "event." + outcome, resource=event.resource, event_name=event.event, data_id=event.data.id
    )


def _meeting_id(bench: Workbench, event: Event, now: datetime) -> str | None:
    """The instance that an event is about; asks the API where the event does not say.

    None for events that concern no instance, such as a new meeting in somebody's calendar.
    """
    data = event.data
    match event.resource, event.event:
        case Resource.MEETINGS, "started" | "ended":
            return data.id
        case Resource.PARTICIPANTS, "joined" | "left":
            return data.meeting_id
        case Resource.RECORDINGS, "created" | "updated":
            return data.meeting_id or resources.recording(bench.webex, data.id).meeting_id
        case Resource.TRANSCRIPTS, "created":
            return data.meeting_id or _meeting_of_transcript(bench, data.id, now)
        case _:
            return None


def is_instance(meeting_id: str) -> bool:
    """Whether an id names a meeting that took place: ``…_I_<digits>``.

    A series has 32 hexadecimal digits, an occurrence ends in its scheduled start. What
    cannot be the name of a folder is no id of Webex's.
    """
    return "_I_" in meeting_id and _ID.fullmatch(meeting_id) is not None


def _meeting_of_transcript(bench: Workbench, transcript_id: str, now: datetime) -> str:
    # There is no request for one transcript: it stands in the list of its account.
    recent = resources.transcripts(bench.webex, None, since=now - timedelta(days=28), now=now)
    for each in recent:
        if each.id == transcript_id and each.meeting_id:
            return each.meeting_id
    raise NotFound("Webex does not list the transcript yet", status=404)


def _act(session: Session, bench: Workbench, event: Event, meeting_id: str, now: datetime) -> None:
    pace = bench.pace
    match event.resource, event.event:
        case Resource.PARTICIPANTS, _:
            meeting = find_meeting(session, meeting_id)
            if meeting is not None and meeting.id and meeting.webex_state == "ended":
                lock_meeting(session, meeting.id)
                want_now(session, meeting, Resource.PARTICIPANTS, pace=pace, now=now)
        case Resource.MEETINGS, "started":
            _hinted(session, event, meeting_id, "inProgress", now)
        case Resource.MEETINGS, "ended":
            meeting = _hinted(session, event, meeting_id, "ended", now)
            want_meeting(session, meeting, pace=pace, now=now)
        case _:
            meeting = _hinted(session, event, meeting_id, None, now)
            want_meeting(session, meeting, pace=pace, now=now)
            changed = event.event == "updated"
            want_now(session, meeting, event.resource, pace=pace, now=now, changed=True)
            want_now(
                session,
                meeting,
                event.resource,
                event.data.id,
                pace=pace,
                now=now,
                changed=changed,
            )


def _tell_meeting(session: Session, meeting_id: str, now: datetime) -> None:
    # What was opened again is missing again, and the manifest must say so.
    meeting = find_meeting(session, meeting_id)
    if meeting is not None and meeting.id is not None:
        touch(session, meeting.id)
        settle_completeness(session, meeting.id, now=now)


def _hinted(
    session: Session, event: Event, meeting_id: str, webex_state: str | None, now: datetime
) -> Meeting:
    meeting = ensure_meeting(session, meeting_id, source="webhook", now=now)
    data = event.data
    if event.resource != Resource.MEETINGS:
        hint(session, meeting, site_url=data.site_url, host_email=data.host_email)
    elif not (webex_state == "inProgress" and meeting.webex_state == "ended"):
        hint(
            session,
            meeting,
            webex_state=webex_state,
            title=data.title,
            site_url=data.site_url,
            host_email=data.host_email,
            start_at=data.start,
            end_at=data.end if webex_state == "ended" else None,
        )
    session.expire(meeting)
    session.refresh(meeting)
    return meeting


def _postpone(bench: Workbench, stored: WebhookEvent, error: WebexError) -> None:
    now = bench.clock()
    # A refused token or an unreachable Webex is no fault of the event: it waits it out.
    never_found = error.status == 404 and stored.tries + 1 >= _MOST_TRIES
    gives_up = never_found or not (error.retryable or error.status == 404)
    if gives_up:
        _mark(bench, stored, "unresolved")
    else:
        with bench.database.transaction() as session:
            seconds = min(bench.pace.first_seconds * 1.5**stored.tries, _LONGEST_PAUSE_SECONDS)
            postpone_event(session, stored, seconds=seconds, now=now)
    log.warning(
        "event.unresolved" if gives_up else "event.postponed",
        resource=stored.resource,
        data_id=stored.data_id,
        error=error.code,
    )


def _mark(bench: Workbench, stored: WebhookEvent, outcome: str) -> None:
    with bench.database.transaction() as session:
        mark_event(session, stored, outcome, now=bench.clock())
