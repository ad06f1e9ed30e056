"""Time: clocks that are set, days that change, and zones other than ours."""

import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from celery import Celery
from sqlalchemy import select, update
from sqlmodel import col

from app.db.claims import claim_due
from app.db.clocks import was_set_back
from app.db.ingests import lease
from app.ingestion.sweep import sweep
from app.models.tables import Ingest, WebhookEvent
from app.models.words import Queue
from tests.ingestion.archives import differences
from tests.ingestion.benches import deliver
from tests.processes import eventually
from tests.stage import MORNING, Stage
from workers.steady import SteadyScheduler

STEPS = [timedelta(days=-1), timedelta(hours=-1), timedelta(hours=1), timedelta(days=1)]


@pytest.mark.parametrize(("step", "phase_seconds"), [*zip(STEPS, (700, 20, 400, 20), strict=True)])
def test_a_clock_that_is_set_while_a_meeting_waits_loses_nothing_and_delays_it_little(
    sqlite_stage: Stage, step: timedelta, phase_seconds: int
) -> None:
    stage = sqlite_stage
    meeting_id: str = stage.hold_meeting(recordings=2)["meeting_id"]
    stage.advance(15)
    stage.live(seconds=phase_seconds)

    stage.skew = step
    stage.live_until_complete(meeting_id, days=0.25)

    assert differences(stage, meeting_id) == []


@pytest.mark.parametrize("step", STEPS, ids=str)
def test_what_a_dead_worker_held_is_free_after_its_lease_whatever_the_clock_did(
    stage: Stage, step: timedelta
) -> None:
    deliver(stage.bench, "meetings", "ended", id="a1_I_1", end="2026-03-02T09:00:00Z")
    sweep(stage.bench)
    lease_seconds = stage.bench.pace.lease_seconds
    with stage.bench.database.transaction() as session:
        ids = list(session.scalars(select(col(Ingest.id)).order_by(col(Ingest.id))))
        assert ids[0] is not None
        lease(session, ids[0], now=stage.now, lease_seconds=lease_seconds)

    stage.skew = step
    sweep(stage.bench)
    stage.advance(lease_seconds + 1)

    with stage.bench.database.transaction() as session:
        claimed = claim_due(
            session,
            Queue.POLL,
            limit=10,
            now=stage.bench.clock(),
            reserve_seconds=2,
            lease_seconds=lease_seconds,
        )
    assert sorted(claimed) == ids


def test_an_event_that_came_before_the_clock_was_set_back_is_worked_through_at_once(
    stage: Stage,
) -> None:
    sweep(stage.bench)
    deliver(stage.bench, "meetings", "ended", id="a1_I_1")

    stage.skew = timedelta(days=-1)
    sweep(stage.bench)

    with stage.bench.database.reading() as session:
        assert session.scalars(select(col(WebhookEvent.outcome))).all() == ["processed"]


def test_two_hosts_whose_clocks_differ_do_not_hurry_each_other(stage: Stage) -> None:
    deliver(stage.bench, "meetings", "ended", id="a1_I_1")
    sweep(stage.bench)
    later = stage.now + timedelta(hours=2)
    with stage.bench.database.transaction() as session:
        session.execute(update(Ingest).values(next_attempt_at=later))
    with stage.bench.database.transaction() as session:
        assert not was_set_back(session, "ahead", now=stage.now + timedelta(hours=1))
        assert not was_set_back(session, "behind", now=stage.now)
        assert was_set_back(session, "ahead", now=stage.now)
        assert not was_set_back(session, "ahead", now=stage.now)


def test_beat_goes_on_when_the_clock_was_set_back_by_a_day(broker_url: str) -> None:
    app = Celery(broker=broker_url, set_as_current=False)
    app.conf.beat_schedule = {"sweep": {"task": "sweep", "schedule": 0.05}}
    beat = SteadyScheduler(app=app)
    beat.tick()
    heap: Any = beat._heap
    entry = heap[0].entry
    entry.last_run_at += timedelta(days=1)
    heap[0] = heap[0]._replace(time=heap[0].time + 24 * 3600)

    def has_run() -> bool:
        beat.tick()
        return bool(beat.schedule["sweep"].total_run_count)

    eventually(has_run, seconds=5)


@pytest.fixture
def somewhere(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine whose own zone is another one."""
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("somewhere")
@pytest.mark.parametrize(
    ("somewhere", "start", "end", "day"),
    [
        ("Pacific/Apia", "2028-02-29T23:50:00Z", "2028-03-01T00:10:00Z", "2028/02/29"),
        (
            "Asia/Kolkata",
            "2028-03-01T00:10:00.123+05:30",
            "2028-03-01T00:40:00+05:30",
            "2028/02/29",
        ),
        # While the clocks of the place go forward.
        (
            "America/St_Johns",
            "2028-03-12T01:50:00-03:30",
            "2028-03-12T03:10:00-02:30",
            "2028/03/12",
        ),
    ],
    indirect=["somewhere"],
)
def test_a_meeting_lies_in_the_folder_of_its_start_in_utc(
    sqlite_stage: Stage, start: str, end: str, day: str
) -> None:
    stage = sqlite_stage
    ended = datetime.fromisoformat(end)
    stage.advance((ended - MORNING).total_seconds())
    meeting_id: str = stage.hold_meeting(start=start, end=end, recordings=1)["meeting_id"]
    stage.advance(15)
    stage.live_until_complete(meeting_id)

    assert day in stage.place(meeting_id).as_posix()
    assert differences(stage, meeting_id) == []


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("1970-01-01T00:00:00.000Z", "1970-01-01T05:30:00+05:30"),
        ("1969-12-31T21:00:00-03:00", "1970-01-01T00:00:00Z"),
    ],
)
def test_a_time_that_webex_does_not_know_yet_is_no_time(stage: Stage, start: str, end: str) -> None:
    deliver(stage.bench, "meetings", "ended", id="a1_I_1", start=start, end=end)

    sweep(stage.bench)

    meeting = stage.meeting("a1_I_1")
    assert (meeting.start_at, meeting.end_at) == (None, None)
    assert all(each.patience_until > stage.now for each in stage.ingests("a1_I_1"))
