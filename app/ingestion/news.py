"""What events say about meetings: hints about them, and what is wanted of them."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import tuple_
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import set_committed_value
from sqlmodel import col

from app.db.meetings import ensure_meetings, hint_all, lock_meetings, touch
from app.db.notes import note_at_source
from app.db.standing import holders_of
from app.db.steps import tell_steps
from app.ingestion.entry import (
    LIVE_RESOURCES,
    Urgency,
    Wishes,
    over_at_last,
    want,
    whole_meeting,
)
from app.ingestion.workbench import Pace
from app.models.steps import What
from app.models.tables import Ingest, Meeting, WebhookEvent
from app.models.webex import Event
from app.models.words import Priority, Resource


@dataclass(frozen=True, slots=True)
class News:
    """An event, or what one would have said, and the meeting that it tells something about."""

    event: Event
    meeting_id: str


@dataclass(frozen=True, slots=True)
class Told(News):
    """One that was stored, as it came to the door."""

    stored: WebhookEvent


def tell_meetings(
    session: Session,
    told: Sequence[News],
    *,
    owner_of: Callable[[Event], str],
    pace: Pace,
    now: datetime,
    source: str = "webhook",
    priority: Priority = Priority.FRESH,
) -> None:
    """Act on events, oldest first: meetings and their rows are made, woken or reopened.

    Several events about one meeting cost little more than one. The meetings are locked together
    and in one order. What is said again changes nothing.
    """
    events = _by_meeting(session, told)
    # That somebody came or went, or that something is no more, makes no meeting.
    made = {
        each.meeting_id: owner_of(each.event)
        for each in told
        if each.event.resource != Resource.PARTICIPANTS and each.event.event != "deleted"
    }
    ensure_meetings(session, made, source=source, now=now)
    meetings = lock_meetings(session, events.keys())
    live = {each.id for each in meetings.values() if each.webex_state == "inProgress"}
    hinted = [each for each in meetings.values() if _hint(each, events[each.meeting_id])]
    hint_all(session, hinted)
    touch(session, *(each.id for each in hinted if each.id is not None))
    tell_steps(session, _steps(told, meetings))
    whole, at_last = whole_meeting(pace), over_at_last(pace)
    wanted = []
    for meeting in meetings.values():
        has_just_ended = meeting.id in live and meeting.webex_state == "ended"
        of_it = at_last if has_just_ended else whole
        wanted.append((meeting, _wishes(meeting, events[meeting.meeting_id], of_it)))
    want(session, wanted, pace=pace, now=now, priority=priority)
    for meeting in meetings.values():
        _note_deleted(session, meeting, events[meeting.meeting_id], now)


def _steps(told: Sequence[News], meetings: Mapping[str, Meeting]) -> list[dict[str, Any]]:
    """Which events told of these meetings, and when; who came and left is told elsewhere."""
    return [
        {
            "meeting_row_id": meetings[each.meeting_id].id,
            "at": each.stored.last_received_at,
            "what": What.TOLD,
            "resource": each.event.resource,
            "resource_id": "" if each.event.resource == Resource.MEETINGS else each.event.data.id,
            "reason": each.event.event,
        }
        for each in told
        if isinstance(each, Told)
        and each.event.resource != Resource.PARTICIPANTS
        and each.meeting_id in meetings
    ]


def _by_meeting(session: Session, told: Sequence[News]) -> dict[str, list[Event]]:
    """The events that concern each meeting, oldest first.

    Of what Webex has deleted it may not know the meeting any more, or name another one.
    """
    items = {(each.event.resource, each.event.data.id): each.event.event for each in told}
    holders = holders_of(session, [item for item, event in items.items() if event == "deleted"])
    events: defaultdict[str, list[Event]] = defaultdict(list)
    for each in told:
        item = (each.event.resource, each.event.data.id)
        for meeting_id in {each.meeting_id, *holders.get(item, ())}:
            events[meeting_id].append(each.event)
    return events


def _hint(meeting: Meeting, events: Sequence[Event]) -> bool:
    """Give a row the hints of events, in memory; false if they bring nothing new."""
    if meeting.details_known:
        return False
    hints = _hints(meeting, events)
    news = {name: value for name, value in hints.items() if value != getattr(meeting, name)}
    for name, value in news.items():
        # They are written all together, and not by the session one by one.
        set_committed_value(meeting, name, value)
    return bool(news)


def _hints(meeting: Meeting, events: Sequence[Event]) -> dict[str, Any]:
    """What events say about a meeting; the later one of two is believed."""
    hints: dict[str, Any] = {"webex_state": meeting.webex_state}
    for event in events:
        data = event.data
        if event.resource == Resource.PARTICIPANTS:
            continue
        said: dict[str, Any] = {"site_url": data.site_url, "host_email": data.host_email}
        if event.resource == Resource.MEETINGS:
            ended = event.event == "ended"
            if hints["webex_state"] == "ended" and not ended:
                continue
            said |= {"title": data.title, "start_at": data.start}
            said |= {"webex_state": "ended", "end_at": data.end} if ended else {}
            said.setdefault("webex_state", "inProgress")
        hints |= {name: value for name, value in said.items() if value is not None}
    return hints


def _note_deleted(
    session: Session, meeting: Meeting, events: Sequence[Event], now: datetime
) -> None:
    """Note what Webex says last that it has deleted; of what it tells more a look finds it out."""
    last = {(each.resource, each.data.id): each.event for each in events}
    deleted = [item for item, event in last.items() if event == "deleted"]
    if not deleted:
        return
    item = tuple_(col(Ingest.resource), col(Ingest.resource_id))
    which = (col(Ingest.meeting_row_id) == meeting.id, item.in_(deleted))
    if note_at_source(session, *which, deleted=True, now=now) and meeting.id is not None:
        touch(session, meeting.id)


def _wishes(meeting: Meeting, events: Sequence[Event], whole: Wishes) -> Wishes:
    wishes: dict[tuple[str, str], Urgency] = {}

    def wish(urgency: Urgency, resource: str, resource_id: str = "") -> None:
        key = (resource, resource_id)
        wishes[key] = max(urgency, wishes.get(key, urgency))

    for event in events:
        match event.resource, event.event:
            case Resource.PARTICIPANTS, _:
                wish(Urgency.NEWS, Resource.PARTICIPANTS)
            case Resource.MEETINGS, "started":
                for live in LIVE_RESOURCES if meeting.webex_state != "ended" else ():
                    wish(Urgency.WANTED, live)
            case resource, "deleted":
                wish(Urgency.GONE, resource, event.data.id)
            case resource, what:
                for (each, _), urgency in whole.items():
                    wish(urgency, each)
                if resource != Resource.MEETINGS:
                    wish(Urgency.CHANGED, resource)
                    changed = what == "updated"
                    wish(Urgency.CHANGED if changed else Urgency.NEWS, resource, event.data.id)
    return wishes
