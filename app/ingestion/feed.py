"""The feed of events: all that happened to all meetings, each of it once, and nothing missed."""

import re
from datetime import UTC, datetime, timedelta

from sqlalchemy.orm import Session

from app.db.engine import Database
from app.db.steps import Place, feed_after, feed_place, feed_step
from app.errors import IngestError
from app.ingestion.timeline import happening
from app.models.feed import FeedEvent, FeedPage
from app.models.steps import Step

LATEST = "latest"
_PLACE = re.compile(r"[0-9a-f]{8}-([0-9]{1,18})(-[0-9a-f]+)?")
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


class FeedUnknown(IngestError):
    """The feed of this database has no such place."""

    code = "feed_unknown"


def read_feed(database: Database, after: str | None, *, limit: int) -> FeedPage:
    """The events behind a place: from the beginning without one, none with ``latest``.

    An event is in the feed within a sweep after it was committed; a sweep numbers five thousand.
    Raises FeedUnknown for a place that this database's feed does not have, DatabaseUnavailable.
    """
    with database.reading() as session:
        end = feed_place(session)
        position, place = _begin(session, after, end)
        rows = feed_after(session, position, limit=limit + 1)
        # Of what is numbered meanwhile the next page tells.
        events = [
            FeedEvent.model_validate(
                happening(step).model_dump()
                | {"id": _text(end.feed, step), "meeting_id": meeting_id}
            )
            for step, meeting_id in rows[:limit]
        ]
    return FeedPage(
        events=events,
        next=events[-1].id if events else place,
        has_more=len(rows) > limit,
    )


def _begin(session: Session, after: str | None, end: Place) -> tuple[int, str]:
    """Behind which position to go on, and how that is told."""
    if not after:
        return 0, _text(end.feed, None)
    found = _PLACE.fullmatch(after)
    position = int(found[1]) if found else end.position
    place = _text(end.feed, feed_step(session, position))
    if after not in (LATEST, place):
        raise FeedUnknown(
            "this feed has no such place: the database was made anew or brought from a backup "
            "since; begin without `after`, and take what you know already for known"
        )
    return position, place


def _text(feed: str, step: Step | None) -> str:
    """A place, with the moment of its step: behind a backup there may be others at it."""
    if step is None:
        return f"{feed}-0"
    return f"{feed}-{step.position}-{(step.at - _BEGINNING) // timedelta(microseconds=1):x}"
