"""Events may come in any order, any number of times, about anything: they end the same."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlmodel import col

from app.db.engine import Database
from app.db.meetings import find_meeting
from app.errors import BodyTooLarge, NotAnEvent, SignatureWrong
from app.ingestion.events import receive_event
from app.ingestion.workbench import Workbench
from app.models.tables import Ingest, Meeting, WebhookEvent
from app.models.words import State
from tests.ingestion.benches import (
    NOW,
    deliver,
    make_bench,
    rows_of,
    stored_events,
    work_through,
)

CORE = {"meetings", "meetingParticipants", "recordings", "meetingTranscripts"}
PLACE = {"siteUrl": "example.webex.com", "hostEmail": "host@example.com"}


@pytest.fixture
def bench(tmp_path: Path, database: Database) -> Iterator[Workbench]:
    made = make_bench(tmp_path, database.url.render_as_string(hide_password=False))
    yield made
    made.database.dispose()


def story(meeting_id: str) -> list[tuple[str, str, dict[str, Any]]]:
    """All that Webex tells about one meeting, and some that does not matter."""
    times = {"start": "2026-03-02T08:30:00Z", "end": "2026-03-02T09:00:00Z"}
    item = {"meetingId": meeting_id, **PLACE}
    return [
        ("meetings", "created", {"id": "0" * 32, "title": "Planned"}),
        ("meetings", "started", {"id": meeting_id, "start": times["start"], **PLACE}),
        ("meetings", "ended", {"id": meeting_id, "title": "Held", **times, **PLACE}),
        ("meetings", "ended", {"id": f"{'0' * 32}_20260302T083000Z", **times}),
        ("meetingParticipants", "joined", {"id": "p1", "meetingId": meeting_id}),
        ("meetingParticipants", "left", {"id": "p1", "meetingId": meeting_id}),
        ("recordings", "created", {"id": "r1", **item}),
        ("recordings", "created", {"id": "r2", **item}),
        ("recordings", "deleted", {"id": "r9", **item}),
        ("meetingTranscripts", "created", {"id": "t1", **item}),
        ("somethingNew", "happened", {"id": "x", **item}),
    ]


@pytest.mark.parametrize("seed", range(3))
def test_any_order_and_any_number_of_deliveries_end_the_same(bench: Workbench, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 -- a seed, not a secret
    meeting_id = "a1_I_1"
    events = story(meeting_id) * 2
    chance.shuffle(events)

    for resource, event, data in events:
        deliver(bench, resource, event, **data)
        if chance.random() < 0.3:
            work_through(bench)
    work_through(bench)
    work_through(bench)

    assert set(rows_of(bench, meeting_id)) == {(resource, "") for resource in CORE} | {
        ("recordings", "r1"),
        ("recordings", "r2"),
        ("meetingTranscripts", "t1"),
    }
    assert set(rows_of(bench, meeting_id).values()) == {State.WAITING}
    assert all(each.outcome in ("processed", "ignored") for each in stored_events(bench))
    with bench.database.reading() as session:
        (meeting,) = session.scalars(select(Meeting))
    assert (meeting.webex_state, meeting.site_url) == ("ended", "example.webex.com")
    assert meeting.end_at == NOW


NO_MEETING: list[tuple[str, str, dict[str, Any]]] = [
    ("meetings", "created", {"id": "a1_I_1"}),
    ("meetings", "ended", {"id": "0" * 32}),
    ("meetings", "ended", {"id": f"{'0' * 32}_20260302T083000Z"}),
    ("meetings", "ended", {"id": "a_I_1/../b"}),
    ("recordings", "deleted", {"id": "r1", "meetingId": "a1_I_1"}),
    ("meetingParticipants", "joined", {"id": "p1", "meetingId": "a1_I_1"}),
    ("polls", "created", {"id": "p1"}),
]


def test_what_concerns_no_meeting_that_took_place_is_stored_and_makes_nothing(
    bench: Workbench,
) -> None:
    for resource, event, data in NO_MEETING:
        deliver(bench, resource, event, **data)

    work_through(bench)

    stored = stored_events(bench)
    assert len(stored) == len(NO_MEETING)
    assert {each.outcome for each in stored} == {"ignored", "processed", "quarantined"}
    with bench.database.reading() as session:
        assert session.scalars(select(Meeting)).all() == []


def test_an_event_with_impossible_times_is_worked_through_all_the_same(bench: Workbench) -> None:
    ends = ["9999-12-31T23:59:59Z", "0001-01-01T00:00:00+14:00", "soon", 7]
    for number, end in enumerate(ends):
        deliver(bench, "meetings", "ended", id=f"a1_I_{number}", start=end, end=end)

    work_through(bench)

    for number in range(len(ends)):
        assert {resource for resource, _ in rows_of(bench, f"a1_I_{number}")} == CORE


@pytest.mark.parametrize(
    "hint",
    [{}] + [{"meetingId": each} for each in ("../../a_I_1", "_I_" * 3000, "0" * 32)],
)
def test_an_event_that_only_webex_could_explain_waits_and_holds_up_no_other(
    bench: Workbench, hint: dict[str, str]
) -> None:
    deliver(bench, "recordings", "created", id="r1", **hint)
    deliver(bench, "meetings", "ended", id="b2_I_2")

    work_through(bench)

    waiting, processed = stored_events(bench)
    assert (waiting.outcome, waiting.tries) == (None, 1)
    assert waiting.next_attempt_at > NOW
    assert processed.outcome == "processed"


def test_an_event_that_has_waited_for_months_holds_up_nothing(bench: Workbench) -> None:
    deliver(bench, "recordings", "created", id="r1")
    with bench.database.transaction() as session:
        session.execute(update(WebhookEvent).values(tries=2000))

    work_through(bench)

    (waiting,) = stored_events(bench)
    assert (waiting.outcome, waiting.tries) == (None, 2001)


def test_a_late_event_opens_what_was_absent_and_makes_the_meeting_incomplete(
    bench: Workbench,
) -> None:
    deliver(bench, "meetings", "ended", id="a1_I_1", end="2026-02-01T09:00:00Z")
    work_through(bench)
    with bench.database.transaction() as session:
        session.execute(update(Ingest).values(state=State.ABSENT, next_attempt_at=None))
        session.execute(update(Meeting).values(completed_at=NOW))

    deliver(bench, "meetingTranscripts", "created", id="t1", meetingId="a1_I_1")
    work_through(bench)

    assert set(rows_of(bench, "a1_I_1").values()) == {State.WAITING}
    with bench.database.reading() as session:
        meeting = find_meeting(session, "a1_I_1")
        patience = session.scalar(
            select(col(Ingest.patience_until)).where(col(Ingest.resource_id) == "t1")
        )
    assert meeting is not None
    assert meeting.completed_at is None
    assert patience is not None
    assert patience > NOW


def test_a_deliverys_secrets_are_not_stored(bench: Workbench) -> None:
    link = "https://example.webex.com/example/lsr.php?RCID=SEENOWHERE"
    deliver(
        bench,
        "recordings",
        "created",
        id="r1",
        meetingId="a1_I_1",
        password="SEENOWHERE",
        downloadUrl=link,
        somethingNew=link,
        nested=[{"hostKey": "SEENOWHERE"}],
    )

    (stored,) = stored_events(bench)
    assert "SEENOWHERE" not in stored.body
    assert "a1_I_1" in stored.body


@pytest.mark.parametrize(
    ("raw", "error"),
    [
        (b"", NotAnEvent),
        (b"[]", NotAnEvent),
        (b"null", NotAnEvent),
        (b"\xff\xfe", NotAnEvent),
        (b'{"resource": "a", "event": "b"}', NotAnEvent),
        (b'{"resource": "a", "event": "b", "data": {"id": ""}}', NotAnEvent),
        (b'{"resource": "a", "event": "b", "data": {"id": "\\u0000"}}', NotAnEvent),
        (b'{"resource": "a", "event": "b", "data": {"id": "\\ud800"}}', NotAnEvent),
        (b'{"resource": "a", "event": 7, "data": {"id": "x"}}', NotAnEvent),
        (b"[" * 60_000, NotAnEvent),
        (b'{"a":' * 10_000 + b"1" + b"}" * 10_000, NotAnEvent),
        (b'{"resource": 1' + b"0" * 9000 + b"}", NotAnEvent),
        (b" " * (64 * 1024 + 1), BodyTooLarge),
    ],
    ids=lambda value: repr(value[:30]) if isinstance(value, bytes) else value.__name__,
)
def test_what_is_no_event_is_refused_and_not_stored(
    tmp_path: Path, raw: bytes, error: type[Exception]
) -> None:
    bench = make_bench(tmp_path, f"sqlite:///{tmp_path / 'nothing.db'}")

    with pytest.raises(error):
        receive_event(bench, raw, None, secrets=(), unsigned_allowed=True)


@pytest.mark.parametrize("unsigned_allowed", [True, False])
@pytest.mark.parametrize("signature", [None, "", "0" * 40, "ü", "x" * 10_000])
def test_with_a_secret_only_signed_deliveries_are_stored(
    tmp_path: Path, signature: str | None, unsigned_allowed: bool
) -> None:
    bench = make_bench(tmp_path, f"sqlite:///{tmp_path / 'nothing.db'}")

    with pytest.raises(SignatureWrong):
        receive_event(
            bench, b"{}", signature, secrets=("a-secret",), unsigned_allowed=unsigned_allowed
        )
