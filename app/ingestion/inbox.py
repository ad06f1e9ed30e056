"""Working through the inbox: many events in one transaction, and none holds up the others."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from app.db.auto_record import Asked, want_flips
from app.db.inbox import (
    Verdict,
    lock_new_events,
    mark_events,
    new_events,
    postpone_event,
    put_off_events,
)
from app.db.standing import holders_of
from app.errors import (
    AnswerUnreadable,
    DatabaseUnavailable,
    NotFound,
    PartialList,
    WebexError,
    WorkerStopping,
)
from app.ingestion.news import Told, tell_meetings
from app.ingestion.workbench import Workbench
from app.models.tables import WebhookEvent
from app.models.webex import Event, EventData, is_instance, is_meeting_id, is_planned
from app.models.words import EventOutcome, Resource
from app.webex import resources
from app.webex.client import WebexClient

EVENTS_AT_ONCE = 200
_SECONDS_A_SWEEP = 2
_SECONDS_OF_QUESTIONS = 1
_MOST_TRIES = 20
_LONGEST_PAUSE_SECONDS = 3600

_EVERYBODYS = ("42", "0A", "53", "57", "58")
"""Postgres's classes of errors about schema, rights, features, resources and the system."""

log = structlog.get_logger()


def work_through_events(bench: Workbench) -> list[WebhookEvent]:
    """Turn new events into rows, for about two seconds; those that only Webex can explain.

    May run twice at once: an event that one of them is at is left alone by the other one, and
    making, waking and reopening rows ends the same either way.
    """
    until = time.monotonic() + _SECONDS_A_SWEEP
    unclear: list[WebhookEvent] = []
    last: WebhookEvent | None = None
    while True:
        with bench.database.reading() as session:
            events = new_events(session, now=bench.clock(), limit=EVENTS_AT_ONCE, after=last)
        read = [_read(each) for each in events]
        _settle(bench, [each for each in read if each is not None])
        waiting = [each for each, what in zip(events, read, strict=True) if what is None]
        _reserve(bench, waiting)
        unclear += waiting
        if len(events) < EVENTS_AT_ONCE or time.monotonic() > until:
            return unclear
        last = events[-1]


def _reserve(bench: Workbench, events: Sequence[WebhookEvent]) -> None:
    """Put events behind the others that are new: else thousands would be read again each time."""
    if events:
        with bench.database.transaction() as session:
            put_off_events(session, events, seconds=bench.pace.first_seconds, now=bench.clock())


def ask_about_events(bench: Workbench, unclear: Sequence[WebhookEvent]) -> None:
    """Ask Webex which meetings these events are about, for about a second; the rest comes later."""
    until = time.monotonic() + _SECONDS_OF_QUESTIONS
    for stored in unclear:
        try:
            read = _explained(bench, stored)
        except WorkerStopping:
            return
        except WebexError as error:
            _postpone(bench, stored, error)
        except (DatabaseUnavailable, MemoryError):
            raise
        except Exception as error:
            _settle(bench, [_fault(stored, error)])
        else:
            # By itself: what the database says about it is told from what Webex says.
            _settle(bench, [read])
        if time.monotonic() > until:
            return


@dataclass(frozen=True, slots=True)
class Planned:
    """A stored event about a meeting in somebody's calendar."""

    stored: WebhookEvent
    event: Event


Read = Told | Planned | Verdict


def _read(stored: WebhookEvent) -> Read | None:
    """Read a stored event; None if it does not say which meeting it is about."""
    try:
        event = Event.read(json.loads(stored.body))
    except (ValueError, RecursionError):
        return _quarantined(stored, "not_an_event", "what is stored of it is not JSON")
    except AnswerUnreadable as error:
        return _quarantined(stored, "not_an_event", str(error))
    data = event.data
    match event.resource, event.event:
        case Resource.MEETINGS, "started" | "ended":
            return _judged(stored, event, data.id)
        case Resource.MEETINGS, "created" | "updated" if is_planned(data.id):
            return Planned(stored, event)
        case Resource.PARTICIPANTS, "joined" | "left":
            return _judged(stored, event, data.meeting_id)
        case (Resource.RECORDINGS, "created" | "updated" | "deleted") | (
            Resource.TRANSCRIPTS,
            "created",
        ):
            # Of a series or an occurrence there may be several: only Webex knows which one it is.
            is_told = data.meeting_id is not None and is_instance(data.meeting_id)
            return _judged(stored, event, data.meeting_id) if is_told else None
    # Of no meeting that took place or will.
    return Verdict(stored, EventOutcome.IGNORED)


def _judged(stored: WebhookEvent, event: Event, meeting_id: str | None) -> Told | Verdict:
    if meeting_id is not None and not is_meeting_id(meeting_id):
        return _quarantined(stored, "id_unusable", "it is about an id that no meeting can have")
    if meeting_id is None or not is_instance(meeting_id):
        return Verdict(stored, EventOutcome.IGNORED)
    return Told(event, meeting_id, stored)


def _quarantined(stored: WebhookEvent, code: str, error: str) -> Verdict:
    return Verdict(stored, EventOutcome.QUARANTINED, code, error)


def _fault(stored: WebhookEvent, error: Exception) -> Verdict:
    log.exception("event.fault", resource=stored.resource, data_id=stored.data_id)
    kind = type(error).__name__
    return _quarantined(stored, "fault", f"an error in webex-ingest itself: {kind}")


def _explained(bench: Workbench, stored: WebhookEvent) -> Told | Verdict:
    """Ask all accounts, first the one whose webhook it was; raises the WebexError of that one.

    What Webex has deleted it cannot tell of any more: the rows say whose it was.
    """
    event = Event.read(json.loads(stored.body))
    if event.event == "deleted":
        with bench.database.reading() as session:
            item = (event.resource, event.data.id)
            known = holders_of(session, [item]).get(item, set())
        return _judged(stored, event, min(known, default=None))
    look, now = bench.patience(), bench.clock()
    _, meeting_id = bench.accounts.first_that_can(
        bench.accounts.owners()(event),
        lambda name, client: _meeting_of(
            event,
            client.accompanied_by(look),
            now,
            host_email=bench.accounts.host_to_name(name, event.data.host_email),
        ),
    )
    return _judged(stored, event, meeting_id)


def _meeting_of(
    event: Event, webex: WebexClient, now: datetime, *, host_email: str | None
) -> str | None:
    if event.resource == Resource.RECORDINGS:
        return resources.recording(webex, event.data.id, host_email=host_email).meeting_id
    return _meeting_of_transcript(webex, event.data, now)


def _meeting_of_transcript(webex: WebexClient, data: EventData, now: datetime) -> str:
    # There is no request for one transcript: it stands in the list of its account and site.
    since = now - timedelta(days=28)
    unread: PartialList | None = None
    for site_url in [data.site_url] if data.site_url else resources.readable_sites(webex):
        try:
            found = resources.transcripts(webex, None, since=since, now=now, site_url=site_url)
        except PartialList as error:
            found, unread = error.items, error
        for each in found:
            if each.id == data.id and each.meeting_id:
                return each.meeting_id
    raise unread or NotFound("Webex does not list the transcript yet", status=404)


def _settle(bench: Workbench, read: Sequence[Read]) -> None:
    """Act on events and mark them, all together or none.

    Where that meets an unexpected error, the halves are tried, so that in the end the one event
    that it comes from is put aside alone.
    """
    if not read:
        return
    owner_of = bench.accounts.owners()
    try:
        with bench.database.transaction() as session:
            verdicts = _act(session, bench, read, owner_of)
    except (DatabaseUnavailable, MemoryError):
        raise
    except Exception as error:
        if _is_everybodys(error):
            raise
        middle = len(read) // 2
        if middle:
            _settle(bench, read[:middle])
            _settle(bench, read[middle:])
            return
        if isinstance(read[0], Verdict):
            raise
        verdicts = [_fault(read[0].stored, error)]
        with bench.database.transaction() as session:
            mark_events(session, verdicts, now=bench.clock())
    for verdict in verdicts:
        _log(verdict)


def _is_everybodys(error: Exception) -> bool:
    """Whether any event would meet this error, as while a schema changes: then all of them wait."""
    state = getattr(error.orig, "sqlstate", None) if isinstance(error, DBAPIError) else None
    return state is not None and state.startswith(_EVERYBODYS)


def _act(
    session: Session,
    bench: Workbench,
    read: Sequence[Read],
    owner_of: Callable[[Event], str],
) -> list[Verdict]:
    now = bench.clock()
    free = lock_new_events(session, [_stored(each) for each in read])
    mine = [each for each in read if _stored(each).id in free]
    told = [each for each in mine if isinstance(each, Told)]
    tell_meetings(session, told, owner_of=owner_of, pace=bench.pace, now=now)
    if bench.policy.switches_on:
        planned = [each.event for each in mine if isinstance(each, Planned)]
        asked = {each.data.id: Asked(owner_of(each), each.data.host_email) for each in planned}
        want_flips(session, asked, now=now)
    verdicts = [_verdict(each, bench) for each in mine]
    mark_events(session, verdicts, now=now)
    return verdicts


def _verdict(read: Read, bench: Workbench) -> Verdict:
    match read:
        case Told(stored=stored, meeting_id=meeting_id):
            return Verdict(stored, EventOutcome.PROCESSED, meeting_id=meeting_id)
        case Planned(stored):
            wanted = bench.policy.switches_on
            return Verdict(stored, EventOutcome.PROCESSED if wanted else EventOutcome.IGNORED)
        case Verdict():
            return read


def _stored(read: Read) -> WebhookEvent:
    return read.event if isinstance(read, Verdict) else read.stored


def _postpone(bench: Workbench, stored: WebhookEvent, error: WebexError) -> None:
    now = bench.clock()
    # A refused token or an unreachable Webex is no fault of the event: it waits it out.
    is_its_own = error.status == 404 or isinstance(error, AnswerUnreadable)
    enough = is_its_own and stored.tries + 1 >= _MOST_TRIES
    if enough or not (error.retryable or error.status == 404):
        asked = f"asked {stored.tries + 1} times, the last answer was: {error}"
        verdict = Verdict(stored, EventOutcome.UNRESOLVED, error.code, asked)
        with bench.database.transaction() as session:
            mark_events(session, [verdict], now=now)
        _log(verdict)
        return
    with bench.database.transaction() as session:
        # After months of hours the number itself would be too large.
        grown = bench.pace.first_seconds * 1.5 ** min(stored.tries, 60)
        seconds = min(grown, _LONGEST_PAUSE_SECONDS)
        postpone_event(session, stored, seconds=seconds, now=now)
    log.warning(
        "event.postponed", resource=stored.resource, data_id=stored.data_id, error=error.code
    )


def _log(verdict: Verdict) -> None:
    event = verdict.event
    told = {"resource": event.resource, "event_name": event.event, "data_id": event.data_id}
    if verdict.meeting_id is not None:
        told["meeting_id"] = verdict.meeting_id
    if verdict.error_code is None:
        log.info(f"event.{verdict.outcome}", **told)
    else:
        log.warning(f"event.{verdict.outcome}", **told, error=verdict.error_code)
