"""Events that cannot be understood are put aside with the reason, and hold up no other."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, text, update
from sqlalchemy.exc import DBAPIError
from sqlmodel import col
from structlog.testing import capture_logs

from app.db.engine import Database
from app.errors import DatabaseUnavailable
from app.ingestion.inbox import ask_about_events, work_through_events
from app.ingestion.status import overview
from app.ingestion.workbench import Workbench
from app.models.tables import Ingest, Meeting, WebhookEvent
from tests.db.rows import store_event
from tests.ingestion.alternating import database_url  # noqa: F401 -- a fixture
from tests.ingestion.benches import (
    NOW,
    deliver,
    make_bench,
    rows_of,
    stored_events,
    work_through,
)
from tests.ingestion.soon import timeline  # noqa: F401 -- a fixture
from tests.stage import Stage

FAULT = "an error in webex-ingest itself: "
BROKEN_ID = "broken_I_1"
UNREADABLE = {
    "not JSON at all": "what is stored of it is not JSON",
    "[" * 10_000: "what is stored of it is not JSON",
    "[]": "Webex sent a Event that cannot be read: it is wrong",
    '{"resource": "recordings", "event": "created", "data": {}}': "data.id is wrong",
}


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Faults are expected here; drawing their tracebacks would take most of the time."""
    with capture_logs():
        yield


@pytest.fixture
def bench(tmp_path: Path, database: Database) -> Iterator[Workbench]:
    """A workbench whose database refuses one meeting, as no code of ours expects."""
    made = make_bench(tmp_path, database.url.render_as_string(hide_password=False))
    with made.database.transaction() as session:
        for statement in refusing(database):
            session.execute(text(statement))
    yield made
    made.database.dispose()


def refusing(database: Database) -> tuple[str, ...]:
    """What makes an error whenever a row of one meeting is made."""
    which = f"BEFORE INSERT ON meeting {{}} WHEN (NEW.meeting_id = '{BROKEN_ID}')"
    if database.is_sqlite:
        refusal = "BEGIN SELECT RAISE(ABORT, 'refused'); END"
        return (f"CREATE TRIGGER refuse {which.format('')} {refusal}",)
    raising = "LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'refused'; END $$"
    return (
        f"CREATE FUNCTION refuse() RETURNS trigger {raising}",
        f"CREATE TRIGGER refuse {which.format('FOR EACH ROW')} EXECUTE FUNCTION refuse()",
    )


def store(bench: Workbench, number: int, body: str) -> None:
    """An event whose stored body is some text."""
    store_event(
        bench.database,
        f"{number} {body}".encode(),
        resource="recordings",
        event="created",
        data_id="r1",
        body=body,
        now=NOW,
    )


@pytest.mark.parametrize(("body", "why"), UNREADABLE.items(), ids=lambda text: text[:12])
def test_what_cannot_be_read_any_more_is_put_aside_and_says_why(
    bench: Workbench, body: str, why: str
) -> None:
    store(bench, 1, body)

    work_through(bench)

    (event,) = stored_events(bench)
    assert (event.outcome, event.error_code) == ("quarantined", "not_an_event")
    assert str(event.error).endswith(why)
    assert event.processed_at == NOW


def test_an_id_that_no_meeting_can_have_is_put_aside(bench: Workbench) -> None:
    deliver(bench, "meetings", "ended", id="a_I_1/../b")

    work_through(bench)

    (event,) = stored_events(bench)
    assert (event.outcome, event.error_code) == ("quarantined", "id_unusable")


def test_an_unexpected_error_puts_aside_the_one_event_that_it_comes_from(bench: Workbench) -> None:
    for number in range(5):
        deliver(bench, "meetings", "ended", id=f"good{number}_I_1")
    deliver(bench, "meetings", "ended", id=BROKEN_ID)
    for number in range(5, 9):
        deliver(bench, "meetings", "ended", id=f"good{number}_I_1")

    work_through(bench)

    (broken,) = [each for each in stored_events(bench) if each.outcome != "processed"]
    assert (broken.data_id, broken.outcome, broken.error_code) == (
        BROKEN_ID,
        "quarantined",
        "fault",
    )
    assert str(broken.error).startswith(FAULT)
    for number in range(9):
        assert len(rows_of(bench, f"good{number}_I_1")) == 4


def test_a_schema_that_is_being_changed_puts_no_event_aside(
    bench: Workbench, database: Database
) -> None:
    for number in range(3):
        deliver(bench, "meetings", "ended", id=f"good{number}_I_1")
    with database.transaction() as session:
        session.execute(text("ALTER TABLE meeting RENAME COLUMN revision TO renamed"))

    with pytest.raises((DatabaseUnavailable, DBAPIError)):
        work_through(bench)
    with database.transaction() as session:
        session.execute(text("ALTER TABLE meeting RENAME COLUMN renamed TO revision"))
    work_through(bench)

    assert {each.outcome for each in stored_events(bench)} == {"processed"}


def test_nor_does_it_put_aside_what_only_webex_can_explain(stage: Stage) -> None:
    told = stage.hold_meeting(webhooks=False, timeline="instant")
    deliver(stage.bench, "recordings", "created", id=told["recording_ids"][0])
    rename = "ALTER TABLE ingest RENAME COLUMN {} TO {}"
    with stage.bench.database.transaction() as session:
        session.execute(text(rename.format("looks", "renamed")))

    with pytest.raises((DatabaseUnavailable, DBAPIError)):
        ask_about_events(stage.bench, work_through_events(stage.bench))
    with stage.bench.database.transaction() as session:
        session.execute(text(rename.format("renamed", "looks")))
    stage.live(hours=1)

    assert {each.outcome for each in stored_events(stage.bench)} == {"processed"}


EVENTS = st.lists(
    st.sampled_from(["good", "unreadable", "impossible", "broken", "unknown"]),
    min_size=1,
    max_size=30,
)


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(EVENTS)
def test_all_good_events_are_worked_through_within_one_sweep_whatever_stands_between_them(
    bench: Workbench, kinds: list[str]
) -> None:
    with bench.database.transaction() as session:
        for table in (Ingest, Meeting, WebhookEvent):
            session.execute(delete(table))
    for number, kind in enumerate(kinds):
        STORED[kind](bench, number)

    unclear = work_through_events(bench)

    assert unclear == []
    outcomes = [each.outcome for each in stored_events(bench)]
    assert outcomes == [BECOMES[kind] for kind in kinds]
    good = [number for number, kind in enumerate(kinds) if kind == "good"]
    assert all(len(rows_of(bench, f"good{number}_I_1")) == 4 for number in good)
    told = overview(bench.database, now=NOW, lease_seconds=30)
    assert len(told.put_aside) == min(20, outcomes.count("quarantined"))


STORED: dict[str, Any] = {
    "good": lambda bench, n: deliver(bench, "meetings", "ended", id=f"good{n}_I_1"),
    "unreadable": lambda bench, n: store(bench, n, "{"),
    "impossible": lambda bench, n: deliver(bench, "meetings", "ended", id=f"a_I_{n}/b"),
    "broken": lambda bench, n: deliver(bench, "meetings", "ended", id=BROKEN_ID, title=str(n)),
    "unknown": lambda bench, n: deliver(bench, "polls", "created", id=f"p{n}"),
}
BECOMES = {
    "good": "processed",
    "unreadable": "quarantined",
    "impossible": "quarantined",
    "broken": "quarantined",
    "unknown": "ignored",
}


def test_an_event_that_webex_never_knows_is_unresolved_with_webex_s_answer(
    sqlite_stage: Stage,
) -> None:
    stage = sqlite_stage
    deliver(stage.bench, "recordings", "created", id="0" * 32)

    stage.live(hours=30)

    (event,) = stored_events(stage.bench)
    assert (event.outcome, event.error_code) == ("unresolved", "not_found")
    assert str(event.error).startswith("asked 20 times, the last answer was: ")


def test_an_answer_that_nobody_can_read_is_not_asked_for_for_ever(sqlite_stage: Stage) -> None:
    stage = sqlite_stage
    stage.control.add_fault(
        method="GET", origin="api", path_regex="/recordings/", status=200, body=[], times=10_000
    )
    deliver(stage.bench, "recordings", "created", id="0" * 32)

    stage.live(hours=30)

    (event,) = stored_events(stage.bench)
    assert (event.outcome, event.error_code) == ("unresolved", "answer_unreadable")


def test_an_event_that_is_delivered_again_leaves_quarantine(bench: Workbench) -> None:
    deliver(bench, "meetings", "ended", id="good_I_1")
    with bench.database.transaction() as session:
        session.execute(update(WebhookEvent).values(body="{"))
    work_through(bench)
    with bench.database.transaction() as session:
        body = '{"resource": "meetings", "event": "ended", "data": {"id": "good_I_1"}}'
        session.execute(update(WebhookEvent).where(col(WebhookEvent.id) == 1).values(body=body))

    deliver(bench, "meetings", "ended", id="good_I_1")
    work_through(bench)

    (event,) = stored_events(bench)
    assert (event.outcome, event.error_code, event.error) == ("processed", None, None)
