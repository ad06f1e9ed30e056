"""Whoever follows the feed hears of everything, each time in the same order."""

from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlmodel import col

from app.db.steps import Place, feed_place, number_steps
from app.ingestion.feed import FeedUnknown, read_feed
from app.ingestion.sweep import sweep
from app.models.feed import FeedEvent
from app.models.steps import Step
from tests.ingestion.soon import timeline  # noqa: F401 -- a fixture
from tests.stage import Stage


def follow(stage: Stage, after: str | None, limit: int = 7) -> tuple[list[FeedEvent], str]:
    """Read on to the end."""
    events: list[FeedEvent] = []
    while True:
        page = read_feed(stage.bench.database, after, limit=limit)
        events += page.events
        after = page.next
        if not page.has_more:
            return events, page.next


def test_the_feed_is_empty_at_first_and_can_be_followed_from_there(sqlite_stage: Stage) -> None:
    stage = sqlite_stage
    events, place = follow(stage, None)
    assert events == []

    meeting_id = stage.hold_meeting(recordings=1, transcripts=1)["meeting_id"]
    stage.live_until_complete(meeting_id)
    sweep(stage.bench)
    events, place = follow(stage, place)

    assert {each.meeting_id for each in events} == {meeting_id}
    assert (events[0].what, events[-1].what) == ("known", "complete")
    assert len({each.id for each in events}) == len(events)
    assert "waiting" not in {each.what for each in events}
    assert {each.reason for each in events if each.what == "stored"} >= {"video", "vtt", "snippets"}
    assert follow(stage, place) == ([], place)
    assert follow(stage, None, limit=500)[0] == events
    assert follow(stage, "latest") == ([], place)


def test_a_place_of_another_database_is_refused(sqlite_stage: Stage) -> None:
    database = sqlite_stage.bench.database
    with database.transaction() as session:
        number_steps(session)
        end = feed_place(session)

    for place in (
        Place("00000000", end.position),
        Place(end.feed, end.position + 1),
    ):
        with pytest.raises(FeedUnknown, match="begin without `after`"):
            read_feed(database, f"{place.feed}-{place.position}", limit=5)
    with pytest.raises(FeedUnknown):
        read_feed(database, "'; DROP TABLE step", limit=5)


def test_a_place_that_has_become_another_is_refused(sqlite_stage: Stage) -> None:
    """A backup that was brought back goes on in its own way from where it was made."""
    stage, database = sqlite_stage, sqlite_stage.bench.database
    stage.live_until_complete(stage.hold_meeting(recordings=1, transcripts=1)["meeting_id"])
    sweep(stage.bench)
    events, last = follow(stage, None)
    with database.transaction() as session:
        later = session.scalars(select(Step).order_by(col(Step.position).desc())).first()
        assert later is not None
        later.at += timedelta(seconds=1)

    assert follow(stage, events[-2].id)[0]
    with pytest.raises(FeedUnknown):
        read_feed(database, last, limit=5)
