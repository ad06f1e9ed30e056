"""Replaying: stored events become new again, and the next sweep works through them."""

import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import chain

from app.db.inbox import new_event_ids, renew_events, stored_bodies
from app.db.meetings import meetings_with_work
from app.errors import AnswerUnreadable
from app.ingestion.workbench import Workbench
from app.models.webex import Event

_EVENTS_AT_ONCE = 5000
"""Each so many are one transaction, so that the door waits for no more than that."""


@dataclass(slots=True)
class Replayed:
    """Which events were made new again, and how many of each UTC day on which they came last."""

    ids: list[int] = field(default_factory=list)
    days: Counter[date] = field(default_factory=Counter)


def replay(
    bench: Workbench,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    put_aside: bool = False,
) -> Replayed:
    """Make stored events new again: those that came last from ``since`` on and before ``until``.

    With ``put_aside`` only those of which nothing came. May be done twice: what events ask for
    is there already, and what is done stays done.
    """
    replayed = Replayed()
    while True:
        with bench.database.transaction() as session:
            renewed = renew_events(
                session,
                since=since,
                until=until,
                put_aside=put_aside,
                after_id=replayed.ids[-1] if replayed.ids else 0,
                limit=_EVENTS_AT_ONCE,
                now=bench.clock(),
            )
        replayed.ids += [event_id for event_id, _ in renewed]
        replayed.days.update(received_at.date() for _, received_at in renewed)
        if len(renewed) < _EVENTS_AT_ONCE:
            return replayed


def still_new(bench: Workbench, replayed: Replayed) -> int:
    """How many of these events no sweep has worked through yet."""
    with bench.database.reading() as session:
        return len(new_event_ids(session).intersection(replayed.ids))


def meetings_of(bench: Workbench, replayed: Replayed) -> list[str]:
    """The meetings with work of their own that these events, worked through, are about."""
    found: set[str] = set()
    for start in range(0, len(replayed.ids), _EVENTS_AT_ONCE):
        with bench.database.reading() as session:
            bodies = stored_bodies(session, replayed.ids[start : start + _EVENTS_AT_ONCE])
            found.update(meetings_with_work(session, set(chain(*map(_named, bodies)))))
    return sorted(found)


def _named(body: str) -> tuple[str, ...]:
    """The ids that an event names, be they of a meeting or of something in it."""
    try:
        data = Event.read(json.loads(body)).data
    except (ValueError, RecursionError, AnswerUnreadable):
        return ()
    return (data.id, data.meeting_id) if data.meeting_id else (data.id,)
