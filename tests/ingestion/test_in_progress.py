"""Meetings in progress: what is happening now is shown, and gives way to how it ended."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from app.db.engine import Database
from app.ingestion.commands import request_meetings
from app.ingestion.listing import list_meetings
from app.ingestion.status import meeting_status
from app.models.status import MeetingLine, MeetingStatus
from simulator import Settings as SimulatorSettings
from tests.ingestion.alternating import database_url  # noqa: F401 -- a fixture
from tests.ingestion.archives import differences
from tests.ingestion.conftest import MakeStage
from tests.stage import Stage, staged


@pytest.fixture
def stage(tmp_path: Path, database: Database, broker_url: str) -> Iterator[Stage]:
    url = database.url.render_as_string(hide_password=False)
    with staged(tmp_path, url, broker_url) as stage:
        yield stage


def begin(stage: Stage, *, minutes: int = 60, **order: Any) -> str:
    """A meeting that begins now; its id."""
    times = {
        "start": stage.now.isoformat(),
        "end": (stage.now + timedelta(minutes=minutes)).isoformat(),
    }
    held = stage.control.hold_meeting(**{"participant_count": 4, **times, **order})
    # Webex tells of the start five seconds later.
    stage.advance(6)
    return str(held["meeting_id"])


def line(stage: Stage) -> MeetingLine:
    [only] = list_meetings(stage.bench.database, limit=5, now=stage.now, lease_seconds=30).lines
    return only


def status(stage: Stage, meeting_id: str) -> MeetingStatus:
    told = meeting_status(stage.bench.database, meeting_id, now=stage.now, lease_seconds=30)
    assert told is not None
    return told


def test_a_meeting_in_progress_is_listed_with_its_details_and_who_is_there(stage: Stage) -> None:
    meeting_id = begin(stage, title="Weekly sync")

    stage.live(minutes=10)

    assert (line(stage).state, line(stage).missing) == ("in_progress", [])
    assert line(stage).title == "Weekly sync"
    people = status(stage, meeting_id).participants
    assert len(people) == 4
    assert all(each.joined_at is not None and each.left_at is None for each in people)
    assert set(stage.states(meeting_id)) == {"meetings", "meetingParticipants"}
    assert stage.meeting(meeting_id).folder is None


def test_what_was_shown_gives_way_to_how_the_meeting_ended(stage: Stage) -> None:
    meeting_id = begin(stage, minutes=30)
    stage.live(minutes=20)

    stage.live_until_complete(meeting_id)

    assert differences(stage, meeting_id) == []
    people = status(stage, meeting_id).participants
    assert all(each.left_at is not None for each in people)
    assert line(stage).state == "complete"


def test_the_end_is_acted_on_at_once_however_long_the_meeting_was(stage: Stage) -> None:
    meeting_id = begin(stage, minutes=180)
    stage.live(minutes=179)
    stage.control.forget_requests()

    stage.live(minutes=2)

    assert stage.meeting(meeting_id).webex_state == "ended"
    paths = {each["path"].removeprefix("/v1/") for each in stage.asked("/v1/")}
    assert {f"meetings/{meeting_id}", "meetingParticipants", "recordings"} <= paths


@pytest.mark.parametrize(
    ("rule", "profile"),
    [
        ('titles = "*interview*"', "spec"),
        ('titles = "*interview*"', "guide"),
        ('types = "webinar"', "spec"),
    ],
)
def test_who_is_there_is_shown_of_what_the_policy_does_not_leave_out(
    make_stage: MakeStage, rule: str, profile: str
) -> None:
    settings = SimulatorSettings.model_validate({"profile": profile})
    stage = make_stage(policy=f"[[rules]]\n{rule}\ningest = false", simulator_settings=settings)
    shown = begin(stage, title="Weekly sync")
    left_out = begin(stage, title="Job interview", scheduled_type="webinar")

    stage.live(minutes=20)

    assert len(status(stage, shown).participants) == 4
    assert status(stage, left_out).participants == []


def test_the_end_is_found_even_if_nobody_tells_of_it(stage: Stage) -> None:
    meeting_id = begin(stage, minutes=30)
    stage.live(minutes=5)
    stage.control.change_settings(drop_ratio=1)

    stage.live_until_complete(meeting_id)

    assert differences(stage, meeting_id) == []


def test_a_thousand_people_who_come_together_cost_a_few_requests(sqlite_stage: Stage) -> None:
    stage = sqlite_stage
    meeting_id = begin(stage, participant_count=200)

    for _ in range(50):
        stage.advance(1)
        stage.work()

    looks = [each for each in stage.asked("/meetingParticipants") if "cursor" not in each["query"]]
    assert len(looks) <= 6
    stage.live(minutes=10)
    assert len(status(stage, meeting_id).participants) == 200


def test_webex_that_does_not_know_a_meeting_in_progress_yet_is_asked_again(
    sqlite_stage: Stage,
) -> None:
    stage = sqlite_stage
    stage.control.add_fault(path_regex="^/v1/meetings/", status=404, times=3)
    stage.control.add_fault(path_regex="^/v1/meetingParticipants", status=404, times=3)
    meeting_id = begin(stage)

    stage.live(minutes=30)

    assert len(status(stage, meeting_id).participants) == 4
    assert {reason for _, reason in stage.states(meeting_id).values()} == {"meeting_in_progress"}


def test_an_account_that_may_not_see_people_is_not_asked_for_each_who_comes(
    sqlite_stage: Stage,
) -> None:
    stage = sqlite_stage
    stage.control.add_fault(path_regex="^/v1/meetingParticipants", status=403, times=None)
    begin(stage, participant_count=30)

    for _ in range(60):
        stage.advance(2)
        stage.work()

    assert len(stage.asked("/meetingParticipants")) == 1


def test_a_start_that_is_heard_after_the_end_changes_nothing(sqlite_stage: Stage) -> None:
    stage = sqlite_stage
    held = stage.hold_meeting(timeline="instant")
    stage.advance(0)
    stage.live_until_complete(held["meeting_id"])
    before = stage.states(held["meeting_id"])
    stage.control.forget_requests()

    stage.control.send_event(resource="meetings", event="started", data={"id": held["meeting_id"]})
    stage.live(hours=1)

    assert stage.states(held["meeting_id"]) == before
    assert stage.asked("/v1/") == []


def test_what_settled_meanwhile_is_looked_for_once_more_at_the_end(stage: Stage) -> None:
    meeting_id = begin(stage, recordings=0, transcripts=0)
    stage.live(minutes=20)
    stage.control.add_recording(meeting_id)
    stage.live(minutes=20)
    assert stage.states(meeting_id)["recordings"] == ("done", None)
    stage.control.add_recording(meeting_id, webhook_delay_seconds=10**7)

    stage.live(minutes=20, seconds=10)
    stage.live_until_complete(meeting_id)

    assert differences(stage, meeting_id) == []


def test_people_are_final_when_the_meeting_is_however_long_it_was(make_stage: MakeStage) -> None:
    stage = make_stage(poll_give_up_hours=1)
    meeting_id = begin(stage, minutes=240, participant_count=3)

    stage.live(minutes=200)
    assert line(stage).state == "in_progress"
    stage.live_until_complete(meeting_id)

    assert all(each.left_at for each in status(stage, meeting_id).participants)


def test_a_meeting_that_nobody_hears_of_again_is_in_progress_no_more(
    make_stage: MakeStage,
) -> None:
    stage = make_stage(poll_give_up_hours=6)
    ghost = "0123456789abcdef0123456789abcdef_I_5"
    data = {"id": ghost, "title": "Ghost", "start": stage.now.isoformat()}
    stage.control.send_event(resource="meetings", event="started", data=data)

    stage.live(hours=16)

    assert line(stage).state != "in_progress"
    assert {state for state, _ in stage.states(ghost).values()} == {"absent"}


def test_a_word_for_its_state_that_nobody_knows_is_not_waited_for_without_end(
    sqlite_stage: Stage,
) -> None:
    stage = sqlite_stage
    meeting_id = begin(stage, minutes=10)
    body = {"id": meeting_id, "title": "T", "state": "somehow", "siteUrl": "example.webex.com"}
    stage.control.add_fault(path_regex="^/v1/meetings/", status=200, body=body, times=None)

    stage.live(days=3)

    assert stage.states(meeting_id)["meetings"] == ("absent", "gave_up")


def test_a_refusal_at_the_start_is_forgotten_when_somebody_asks_for_the_meeting(
    sqlite_stage: Stage,
) -> None:
    stage = sqlite_stage
    stage.control.add_fault(path_regex="^/v1/meetings/", status=403)
    stage.control.add_fault(path_regex="^/v1/meetingParticipants", status=403)
    meeting_id = begin(stage, minutes=30)
    stage.control.change_settings(drop_ratio=1)
    stage.live(minutes=50)

    request_meetings(stage.bench, [meeting_id])
    stage.live_until_complete(meeting_id)

    assert differences(stage, meeting_id) == []
