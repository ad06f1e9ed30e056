"""Stored webhooks once more: what they ask for is there again, and what is done stays done."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, update
from sqlmodel import col

from app.db.engine import Database
from app.ingestion.replay import meetings_of, replay, still_new
from app.ingestion.workbench import Workbench
from app.models.tables import Meeting, WebhookEvent
from tests.ingestion.benches import NOW, deliver, make_bench, rows_of, stored_events, work_through
from tests.stage import Stage


@pytest.fixture
def bench(tmp_path: Path, database: Database) -> Iterator[Workbench]:
    made = make_bench(tmp_path, database.url.render_as_string(hide_password=False))
    yield made
    made.database.dispose()


def test_replaying_makes_the_rows_again_that_were_lost(bench: Workbench) -> None:
    deliver(bench, "meetings", "ended", id="a1_I_1")
    deliver(bench, "meetingParticipants", "left", id="p1", meetingId="a1_I_1")
    deliver(bench, "recordings", "created", id="r1", meetingId="b2_I_2")
    deliver(bench, "meetings", "started", id="c3_I_3")
    work_through(bench)
    with bench.database.transaction() as session:
        session.execute(delete(Meeting))

    for _ in range(2):
        replayed = replay(bench)
        assert still_new(bench, replayed) == len(replayed.ids)
        work_through(bench)

    assert still_new(bench, replayed) == 0
    assert (len(replayed.ids), replayed.days) == (4, {NOW.date(): 4})
    assert len(rows_of(bench, "a1_I_1")) == 4
    assert set(rows_of(bench, "b2_I_2")) >= {("recordings", "r1"), ("recordings", "")}
    assert meetings_of(bench, replayed) == ["a1_I_1", "b2_I_2"]


def test_an_event_that_was_put_aside_has_all_its_tries_again(bench: Workbench) -> None:
    deliver(bench, "recordings", "created", id="r1")
    deliver(bench, "meetings", "ended", id="a1_I_1")
    mark(bench, "r1", outcome="unresolved", error_code="not_found", error="unknown", tries=20)
    mark(bench, "a1_I_1", outcome="processed")

    replayed = replay(bench, put_aside=True)

    event, other = stored_events(bench)
    assert replayed.ids == [event.id]
    assert (event.outcome, event.error_code, event.error, event.tries) == (None, None, None, 0)
    assert other.outcome == "processed"


@pytest.mark.parametrize(
    ("since", "until", "found"),
    [
        (None, None, {"early", "midnight", "late", "leap"}),
        (datetime(2028, 2, 28, tzinfo=UTC), None, {"midnight", "late", "leap"}),
        (None, datetime(2028, 2, 29, tzinfo=UTC), {"early", "midnight", "late"}),
        (datetime(2028, 2, 29, tzinfo=UTC), datetime(2028, 3, 1, tzinfo=UTC), {"leap"}),
        (datetime(2029, 1, 1, tzinfo=UTC), None, set()),
    ],
)
def test_only_the_days_that_were_named_are_replayed(
    bench: Workbench, since: datetime | None, until: datetime | None, found: set[str]
) -> None:
    midnight = datetime(2028, 2, 28, tzinfo=UTC)
    moments = {
        "early": midnight - timedelta(microseconds=1),
        "midnight": midnight,
        "late": midnight + timedelta(hours=23, minutes=59),
        "leap": midnight + timedelta(days=1, hours=12),
    }
    for name, moment in moments.items():
        deliver(bench, "polls", "created", id=name)
        mark(bench, name, outcome="ignored", last_received_at=moment)

    replayed = replay(bench, since=since, until=until)

    assert {each.data_id for each in stored_events(bench) if each.outcome is None} == found
    assert sum(replayed.days.values()) == len(replayed.ids) == len(found)
    assert set(replayed.days) == {moments[name].date() for name in found}


def test_replaying_everything_after_a_complete_meeting_downloads_nothing(stage: Stage) -> None:
    meeting_id: str = stage.hold_meeting(recordings=2)["meeting_id"]
    stage.advance(15)
    stage.live_until_complete(meeting_id)
    stage.live(hours=1)
    files = {each: each.read_bytes() for each in media_of(stage, meeting_id)}
    asked = media_requests(stage)

    replayed = replay(stage.bench)
    stage.live(hours=1)

    assert len(replayed.ids) > 4
    assert media_requests(stage) == asked
    assert stage.meeting(meeting_id).completed_at is not None
    assert {each: each.read_bytes() for each in media_of(stage, meeting_id)} == files


def media_of(stage: Stage, meeting_id: str) -> list[Path]:
    return sorted(each for each in stage.place(meeting_id).glob("recordings/*.mp?"))


def media_requests(stage: Stage) -> int:
    return sum(each["origin"] == "media" for each in stage.control.requests())


def mark(bench: Workbench, data_id: str, **values: Any) -> None:
    """Bring an event into a state that would take long to reach."""
    with bench.database.transaction() as session:
        which = col(WebhookEvent.data_id) == data_id
        session.execute(update(WebhookEvent).where(which).values(**values))
