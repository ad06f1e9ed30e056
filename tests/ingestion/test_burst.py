"""A flood of events: two sweeps at once are harmless, and what is due does not wait for it."""

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, insert, select
from sqlmodel import col

from app.db.engine import Database
from app.ingestion.inbox import EVENTS_AT_ONCE, work_through_events
from app.ingestion.sweep import sweep
from app.ingestion.workbench import Workbench
from app.models.tables import Ingest, Meeting, WebhookEvent
from tests.db.rows import make_ingests, make_meeting
from tests.ingestion.benches import NOW, deliver, make_bench, stored_events
from tests.servers import ValkeyServer

MEETINGS = 40


@pytest.fixture
def bench(tmp_path: Path, database: Database, valkey: ValkeyServer) -> Iterator[Workbench]:
    valkey.flush()
    url = database.url.render_as_string(hide_password=False)
    made = make_bench(tmp_path, url, celery_broker_url=valkey.url)
    yield made
    made.database.dispose()


def flood(bench: Workbench, events: int) -> None:
    """Events about few meetings, every third about a recording, as after their 204."""
    rows = []
    for number in range(events):
        meeting_id = f"m{number % MEETINGS}_I_1"
        data = {"id": meeting_id}
        resource, event = "meetings", "ended"
        if number % 3 == 0:
            resource, event = "recordings", "updated"
            data = {"id": f"r{number % MEETINGS}", "meetingId": meeting_id}
        body = json.dumps({"resource": resource, "event": event, "data": data})
        rows.append(
            {
                "digest": str(number),
                "resource": resource,
                "event": event,
                "data_id": data["id"],
                "body": body,
                "first_received_at": NOW,
                "last_received_at": NOW,
                "next_attempt_at": NOW - timedelta(milliseconds=events - number),
                "deliveries": 1,
                "tries": 0,
            }
        )
    with bench.database.transaction() as session:
        session.execute(insert(WebhookEvent), rows)


def count(bench: Workbench, table: type[Ingest] | type[Meeting]) -> int:
    with bench.database.reading() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def test_several_sweeps_at_once_lose_nothing_and_double_nothing(bench: Workbench) -> None:
    flood(bench, 8 * EVENTS_AT_ONCE)
    barrier = threading.Barrier(4)

    def work() -> None:
        barrier.wait(10)
        work_through_events(bench)
        work_through_events(bench)

    with ThreadPoolExecutor(4) as threads:
        for each in [threads.submit(work) for _ in range(4)]:
            each.result()
    work_through_events(bench)

    assert {each.outcome for each in stored_events(bench)} == {"processed"}
    assert (count(bench, Meeting), count(bench, Ingest)) == (MEETINGS, MEETINGS * 5)


def test_what_only_webex_can_explain_stands_behind_what_comes_after_it(bench: Workbench) -> None:
    deliver(bench, "recordings", "created", id="r1")
    unclear = work_through_events(bench)

    deliver(bench, "meetings", "ended", id="later_I_1")

    assert [each.data_id for each in unclear] == ["r1"]
    assert work_through_events(bench) == []
    assert {each.data_id: each.outcome for each in stored_events(bench)} == {
        "r1": None,
        "later_I_1": "processed",
    }


def test_what_is_due_is_claimed_before_a_flood_of_events(bench: Workbench) -> None:
    due = make_ingests(bench.database, make_meeting(bench.database), 1)
    flood(bench, EVENTS_AT_ONCE)
    seen: list[int] = []

    class Watching:
        def nudge(self, ingest_id: int, *_: object, **__: object) -> bool:
            with bench.database.reading() as session:
                new = col(WebhookEvent.outcome).is_(None)
                left = select(func.count()).select_from(WebhookEvent).where(new)
                seen.append(session.scalar(left) or 0)
            return ingest_id in due

        def depth(self, _queue: object) -> int:
            return 0

    sweep(replace(bench, sender=Watching()))

    assert seen[0] == EVENTS_AT_ONCE, "the first reminder went out before any event"


def test_said_again_an_event_costs_no_more_writes(bench: Workbench) -> None:
    flood(bench, 3 * MEETINGS)
    work_through_events(bench)
    with bench.database.reading() as session:
        before = session.scalars(select(col(Meeting.revision)).order_by(col(Meeting.id))).all()

    with bench.database.transaction() as session:
        session.execute(insert(WebhookEvent), [again(number) for number in range(MEETINGS)])
    work_through_events(bench)

    with bench.database.reading() as session:
        after = session.scalars(select(col(Meeting.revision)).order_by(col(Meeting.id))).all()
    assert after == before


def again(number: int) -> dict[str, object]:
    """One more event about a meeting that has ended."""
    meeting_id = f"m{number}_I_1"
    event = {"resource": "meetings", "event": "ended", "data": {"id": meeting_id}}
    return {
        "digest": f"again {number}",
        "resource": "meetings",
        "event": "ended",
        "data_id": meeting_id,
        "body": json.dumps(event),
        "first_received_at": NOW,
        "last_received_at": NOW,
        "next_attempt_at": NOW,
        "deliveries": 1,
        "tries": 0,
    }
