"""What happened to a meeting: no change of a row is left out, and the feed misses nothing."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

from sqlalchemy import delete, select, update
from sqlmodel import col

from app.db.engine import Database
from app.db.files import add_file
from app.db.ingests import end_attempt, lease, reopen
from app.db.schema import migrate
from app.db.steps import feed_after, feed_place, number_steps, steps_of, tell_steps
from app.models.outcomes import Absent, Done, Failed, Outcome, Wait
from app.models.steps import Feed, Step, What
from app.models.tables import File, Ingest, Meeting
from app.models.words import Priority, Reason, State
from tests.db.revisions import fill, to_revision
from tests.db.rows import NOW, PATIENCE, make_ingest, make_meeting, row_id_of

LATER = NOW + timedelta(minutes=5)


def attempt(database: Database, ingest_id: int, outcome: Outcome) -> None:
    """Make one attempt that ends like this."""
    with database.transaction() as session:
        session.execute(update(Ingest).values(next_attempt_at=NOW))
        taken = lease(session, ingest_id, now=NOW, lease_seconds=30)
        assert taken is not None
        end_attempt(session, taken[0], outcome, now=LATER)


def a_file(meeting: Meeting) -> File:
    return File(
        meeting_row_id=row_id_of(meeting),
        resource="recordings",
        resource_id="r1",
        kind="video",
        path="r1.mp4",
        bytes=5_000_000_000,
        sha256="0",
        stored_at=LATER,
    )


def told(database: Database, meeting: Meeting) -> list[tuple[Any, ...]]:
    with database.reading() as session:
        steps = steps_of(session, row_id_of(meeting), limit=100)
    return [(each.what, each.resource_id, each.reason, each.at) for each in steps]


def feed(database: Database, after: int = 0) -> Sequence[int]:
    with database.reading() as session:
        return [step.id or 0 for step, _ in feed_after(session, after, limit=1000)]


def test_every_change_of_a_row_is_a_step(database: Database) -> None:
    meeting = make_meeting(database)
    ingest_id = make_ingest(database, meeting, resource_id="r1")

    attempt(database, ingest_id, Wait(NOW, Reason.STILL_PROCESSING, looked=True))
    attempt(database, ingest_id, Wait(NOW, Reason.STILL_PROCESSING, looked=True))
    attempt(database, ingest_id, Failed("fault", "It went wrong."))
    with database.transaction() as session:
        again = {"patience_until": PATIENCE, "priority": Priority.RETRY, "now": LATER}
        reopen(session, states=(State.FAILED,), due_at=NOW, **again)  # type: ignore[arg-type]
        add_file(session, a_file(meeting))
    attempt(database, ingest_id, Done())
    with database.transaction() as session:
        session.execute(update(Ingest).values(gone_at=LATER))
        session.execute(update(Meeting).values(completed_at=LATER))

    assert told(database, meeting) == [
        ("known", "", "webhook", NOW),
        ("found", "r1", None, NOW),
        ("waiting", "r1", "still_processing", LATER),
        ("waiting", "r1", "still_processing", LATER),
        ("failed", "r1", "fault", LATER),
        ("reopened", "r1", None, LATER),
        ("stored", "r1", "video", LATER),
        ("done", "r1", None, LATER),
        ("gone", "r1", None, LATER),
        ("complete", "", None, LATER),
    ]


def test_a_pause_that_goes_on_is_told_once(database: Database) -> None:
    meeting = make_meeting(database)
    ingest_id = make_ingest(database, meeting)
    full = Wait(NOW, Reason.DISK_FULL, error_code="disk_full", error="It is full.", counts=False)

    for outcome in (full, full, full, Wait(NOW, Reason.RATE_LIMITED, counts=False), full):
        attempt(database, ingest_id, outcome)
    attempt(database, ingest_id, Absent(Reason.NOT_RECORDED, "Nobody pressed it."))

    reasons = [reason for what, _, reason, _ in told(database, meeting) if what != "known"]
    assert reasons == ["disk_full", "rate_limited", "disk_full", "not_recorded"]


def test_the_feed_has_no_polls_and_each_other_step_once(database: Database) -> None:
    meeting = make_meeting(database)
    ingest_id = make_ingest(database, meeting, resource_id="r1")
    attempt(database, ingest_id, Wait(NOW, Reason.STILL_PROCESSING, looked=True))

    with ThreadPoolExecutor(4) as pool:
        counts = [*pool.map(lambda _: number(database), range(8))]

    assert sum(counts) == 2
    attempt(database, ingest_id, Done())
    assert (number(database), number(database)) == (1, 0)
    with database.reading() as session:
        found = [(step.what, step.position) for step, _ in feed_after(session, 0, limit=9)]
        assert found == [("known", 1), ("found", 2), ("done", 3)]
        assert [step.what for step, _ in feed_after(session, 2, limit=9)] == ["done"]
        assert feed_place(session).position == 3


def test_a_feed_that_somebody_has_emptied_begins_anew_under_another_name(
    database: Database,
) -> None:
    with database.transaction() as session:
        before = feed_place(session)
        session.execute(delete(Feed))
        assert feed_place(session).position == 0
    make_meeting(database)

    assert number(database) == 1

    with database.reading() as session:
        after = feed_place(session)
    assert after.feed != before.feed
    assert after.position == 1


def test_what_is_committed_late_comes_into_the_feed_late_and_is_not_missed(
    postgres_url: str,
) -> None:
    database = Database(postgres_url)
    migrate(database)
    meeting = make_meeting(database)
    step = {"meeting_row_id": meeting.id, "at": NOW, "what": What.TOLD}
    with database.transaction() as slow:
        tell_steps(slow, [step])
        with database.transaction() as quick:
            tell_steps(quick, [step])
        assert number(database) == 2
        seen = feed(database)
    assert number(database) == 1

    late = feed(database, after=2)

    assert len(late) == 1
    assert late[0] < max(seen)
    database.dispose()


def test_an_upgrade_tells_what_earlier_rows_still_show(database_url: str) -> None:
    database = Database(database_url)
    to_revision(database, "0010")
    fill(database)

    migrate(database)

    with database.reading() as session:
        steps = [*session.scalars(select(Step).order_by(col(Step.id)))]
    assert sorted(each.what for each in steps) == ["found", "known", "stored"]
    assert steps[-1].meeting_row_id == 1
    database.dispose()


def number(database: Database) -> int:
    with database.transaction() as session:
        return number_steps(session)
