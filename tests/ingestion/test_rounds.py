"""Rounds: many meetings that wait for a list of one account are served by one question."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from sqlalchemy import select
from sqlmodel import col

from app.db.engine import Database
from app.db.ingests import Lease
from app.db.rounds import end_turn, take_turn
from app.ingestion.commands import request_meetings
from app.ingestion.rounds import in_step
from app.ingestion.run import run_ingest
from app.ingestion.workbench import Work
from app.models.outcomes import Wait
from app.models.tables import Ingest
from app.models.words import Reason, Resource, State
from simulator import Settings as SimulatorSettings
from tests.ingestion.archives import differences
from tests.ingestion.conftest import MakeStage
from tests.processes import eventually
from tests.stage import MORNING, Stage, staged

LATE = {"recordings": 1800, "recording_webhook": None, "transcripts": 1800}
LATE_AND_UNTOLD = LATE | {"transcript_webhook": None}
TOGETHER = r"/recordings\?(?!.*meetingId)"
"""A list of recordings that is not of one meeting."""


@pytest.fixture
def stage(make_stage: MakeStage) -> Stage:
    """A stage with one account, a user."""
    return make_stage()


@pytest.fixture
def any_stage(tmp_path: Path, database: Database, broker_url: str) -> Iterator[Stage]:
    """The same on each kind of database."""
    url = database.url.render_as_string(hide_password=False)
    with staged(tmp_path, url, broker_url) as stage:
        yield stage


def hold(stage: Stage, count: int, **order: Any) -> list[str]:
    """Meetings that end now, and of which everything appears half an hour later."""
    told = {"timeline": LATE_AND_UNTOLD, "transcripts": 0} | order
    ids = [stage.hold_meeting(**told)["meeting_id"] for _ in range(count)]
    stage.advance(15)
    return ids


def lists(stage: Stage, resource: str, *, alone: bool) -> list[dict[str, Any]]:
    """The questions about a list, of one meeting alone or of many."""
    asked = stage.asked(f"/{resource}")
    whole = [each for each in asked if each["path"].endswith(f"/{resource}")]
    return [each for each in whole if ("meetingId" in each["query"]) == alone]


def waiting(stage: Stage, resource: str) -> list[int]:
    """The rows of all lists of a resource."""
    with stage.bench.database.reading() as session:
        return [
            each
            for each in session.scalars(
                select(col(Ingest.id)).where(
                    col(Ingest.resource) == resource, col(Ingest.resource_id) == ""
                )
            )
            if each is not None
        ]


def make_due(stage: Stage, resource: str, *, at: datetime | None = None) -> list[int]:
    """Let all lists of a resource be due now, or at a time; their rows."""
    ids = waiting(stage, resource)
    with stage.bench.database.transaction() as session:
        for row in session.scalars(select(Ingest).where(col(Ingest.id).in_(ids))):
            row.next_attempt_at = at or stage.now
    return ids


def test_meetings_that_wait_together_cost_a_few_questions(any_stage: Stage) -> None:
    meetings = hold(any_stage, 6)
    for meeting_id in meetings:
        any_stage.live_until_complete(meeting_id)

    assert [differences(any_stage, each) for each in meetings] == [[]] * 6
    looks = [any_stage.ingest(each, Resource.RECORDINGS).attempt for each in meetings]
    assert min(looks) > 8, "each meeting had looks of its own"
    assert len(lists(any_stage, Resource.RECORDINGS, alone=True)) == 6, "the first looks"
    assert len(lists(any_stage, Resource.RECORDINGS, alone=False)) < max(looks), "one a moment"


def test_the_first_look_is_at_each_meeting_alone(stage: Stage) -> None:
    hold(stage, 5)
    stage.work()

    assert len(lists(stage, Resource.RECORDINGS, alone=True)) == 5
    assert lists(stage, Resource.RECORDINGS, alone=False) == []


def test_a_single_meeting_is_looked_at_alone(stage: Stage) -> None:
    hold(stage, 1)
    stage.live(minutes=20)

    assert lists(stage, Resource.RECORDINGS, alone=False) == []


def test_few_meetings_of_an_account_with_many_are_looked_at_alone(stage: Stage) -> None:
    hold(stage, 4)
    stage.work()
    with stage.bench.database.transaction() as session:
        row = stage.meeting(stage.control.call("GET", "/meetings")["items"][0]["meeting_id"])
        for number in range(350):
            copy = row.model_dump(exclude={"id"}) | {"meeting_id": f"m{number}", "folder": None}
            session.add(type(row).model_validate(copy))
    stage.live(minutes=20)

    assert lists(stage, Resource.RECORDINGS, alone=False) == []
    assert len(lists(stage, Resource.RECORDINGS, alone=True)) > 10


def test_an_item_that_tells_no_meeting_is_looked_for_alone(stage: Stage) -> None:
    meetings = hold(stage, 3)
    stage.control.add_fault(path_regex=TOGETHER, answer={"leave_out": ["meetingId"]}, times=None)
    for meeting_id in meetings:
        stage.live_until_complete(meeting_id, days=0.1)

    assert [differences(stage, each) for each in meetings] == [[]] * 3
    assert lists(stage, Resource.RECORDINGS, alone=False)


def test_what_a_list_cannot_read_is_looked_for_alone(stage: Stage) -> None:
    meetings = hold(stage, 3)
    stage.control.add_fault(path_regex=TOGETHER, answer={"unreadable_items": 3}, times=None)
    for meeting_id in meetings:
        stage.live_until_complete(meeting_id, days=0.1)

    assert [differences(stage, each) for each in meetings] == [[]] * 3


@pytest.mark.parametrize(
    "answer", [{"unreadable_items": 5}, {"leave_out": ["meetingId"], "odd_items": 5}]
)
def test_one_item_that_was_read_does_not_hide_another_that_was_not(
    stage: Stage, answer: dict[str, Any]
) -> None:
    meetings = hold(stage, 3, recordings=2)
    stage.control.add_fault(path_regex=TOGETHER, answer=answer, times=None)
    for meeting_id in meetings:
        stage.live_until_complete(meeting_id, days=0.1)

    assert [differences(stage, each) for each in meetings] == [[]] * 3


def test_a_recording_that_is_not_in_the_common_list_is_not_taken_for_deleted(stage: Stage) -> None:
    meetings = hold(stage, 3, timeline="instant", recordings=2)
    stage.work()
    wrong = {"change": {"meetingId": meetings[0]}}
    stage.control.add_fault(path_regex=TOGETHER, answer=wrong, times=None)
    stage.live(hours=3)

    assert lists(stage, Resource.RECORDINGS, alone=False)
    for meeting_id in meetings[1:]:
        assert stage.states(meeting_id)["recordings"] == (State.DONE, None)
        assert differences(stage, meeting_id) == []
        assert {each.gone_at for each in stage.ingests(meeting_id)} == {None}


def test_a_common_list_that_is_refused_leaves_each_to_itself(stage: Stage) -> None:
    meetings = hold(stage, 3)
    stage.control.add_fault(path_regex=TOGETHER, status=403, times=None)
    for meeting_id in meetings:
        stage.live_until_complete(meeting_id, days=0.1)

    assert [differences(stage, each) for each in meetings] == [[]] * 3


def test_a_common_list_that_is_refused_is_asked_for_once_a_round(stage: Stage) -> None:
    hold(stage, 3)
    stage.work()
    stage.control.add_fault(path_regex=TOGETHER, status=403, times=None)
    first, *_ = make_due(stage, Resource.RECORDINGS)
    stage.control.forget_requests()
    assert run_ingest(stage.bench, first)

    assert len(lists(stage, Resource.RECORDINGS, alone=False)) == 1
    assert len(lists(stage, Resource.RECORDINGS, alone=True)) == 3


def test_a_moment_in_common_is_not_later_than_the_patience(stage: Stage) -> None:
    (meeting_id,) = hold(stage, 1)
    stage.work()
    row = stage.ingest(meeting_id, Resource.RECORDINGS)
    row.patience_until = stage.now + timedelta(seconds=2)
    work = Work(stage.bench, Lease(row.id or 0, row.attempt), row, stage.meeting(meeting_id))
    wait = Wait(stage.now + timedelta(seconds=1), Reason.STILL_PROCESSING)

    outcome = in_step(work, wait)

    assert isinstance(outcome, Wait)
    assert outcome.until == row.patience_until


def test_a_clock_that_is_behind_hides_nothing(stage: Stage) -> None:
    meetings = hold(stage, 3)
    stage.work()
    stage.advance(1860)
    behind = replace(stage.bench, clock=lambda: stage.now - timedelta(minutes=90))
    first, *_ = make_due(stage, Resource.RECORDINGS, at=behind.clock())
    assert run_ingest(behind, first)

    assert lists(stage, Resource.RECORDINGS, alone=False)
    items = [each for name in meetings for each in stage.ingests(name) if each.resource_id]
    assert len(items) == 3


def test_a_spent_budget_ends_one_attempt_and_leaves_the_others_as_they_were(stage: Stage) -> None:
    meetings = hold(stage, 3)
    stage.work()
    stage.control.add_fault(path_regex=TOGETHER, status=429, headers={"Retry-After": "30"}, times=1)
    first, *others = make_due(stage, Resource.RECORDINGS)
    before = [stage.ingest(each, Resource.RECORDINGS).attempt for each in meetings]
    assert run_ingest(stage.bench, first)

    rows = [stage.ingest(each, Resource.RECORDINGS) for each in meetings]
    assert sorted(str(each.reason) for each in rows) == ["rate_limited"] + 2 * ["still_processing"]
    assert sum(each.attempt for each in rows) == sum(before) + 1
    assert all(each.next_attempt_at == stage.now for each in rows if each.id in others)


def test_while_one_worker_looks_for_all_another_one_asks_nothing(any_stage: Stage) -> None:
    hold(any_stage, 3)
    any_stage.work()
    first, second, *_ = make_due(any_stage, Resource.RECORDINGS)
    any_stage.control.forget_requests()
    any_stage.control.add_fault(path_regex=TOGETHER, delay_seconds=1, times=1)
    worker = Thread(target=run_ingest, args=(any_stage.bench, first))
    worker.start()
    eventually(lambda: any_stage.asked("/recordings"))

    assert run_ingest(any_stage.bench, second) is False
    worker.join()
    assert len(any_stage.asked("/recordings")) == 1
    with any_stage.bench.database.reading() as session:
        due_at = session.get_one(Ingest, second).next_attempt_at
    assert due_at is not None
    assert due_at > any_stage.now


def test_a_worker_that_vanishes_in_its_turn_holds_up_nobody_for_long(stage: Stage) -> None:
    hold(stage, 3)
    stage.work()
    ids = make_due(stage, Resource.RECORDINGS)
    with stage.bench.database.transaction() as session:
        assert take_turn(session, "round  recordings  own", now=stage.now, seconds=60)

    assert run_ingest(stage.bench, ids[0]) is False
    stage.advance(61)
    assert run_ingest(stage.bench, ids[0]) is True


def test_a_turn_is_taken_once_and_ends(database: Database) -> None:
    def take(moment: int) -> datetime | None:
        now = MORNING + timedelta(seconds=moment)
        with database.transaction() as session:
            return take_turn(session, "round", now=now, seconds=60)

    def end(until: datetime, moment: int) -> None:
        with database.transaction() as session:
            now = MORNING + timedelta(seconds=moment)
            end_turn(session, "round", until=until, now=now)

    first = take(0)
    assert not take(59)
    second = take(60)
    assert first
    assert second
    end(first, 61)
    assert not take(61), "it was the turn of another one, whose time was over"
    end(second, 61)
    assert take(61)
    assert take(-3600), "the clock was set back by an hour"
    assert not take(-3599)


@pytest.mark.parametrize("role", ["admin", "compliance"])
def test_an_administrator_looks_at_the_list_of_a_site(make_stage: MakeStage, role: str) -> None:
    people = {"simulator-token": {"email": "admin@example.com", "role": role}}
    told = SimulatorSettings.model_validate({"strict_owner": True, "tokens": people})
    stage = make_stage(simulator_settings=told, webex_role=role)
    untold = {"timeline": LATE_AND_UNTOLD, "webhooks": False}
    hosts = [f"host{number}@example.com" for number in range(3)]
    meetings = [stage.hold_meeting(host_email=each, **untold)["meeting_id"] for each in hosts]
    stage.advance(1000)
    request_meetings(stage.bench, meetings)
    for meeting_id in meetings:
        stage.live_until_complete(meeting_id)

    assert [differences(stage, each) for each in meetings] == [[]] * 3
    assert lists(stage, "admin/recordings", alone=False)
    assert bool(lists(stage, "admin/meetingTranscripts", alone=False)) == (role == "compliance")
    ended = {
        (each.state, each.reason)
        for meeting_id in meetings
        for each in stage.ingests(meeting_id)
        if not each.resource_id
    }
    assert ended == {(State.DONE, None)}
