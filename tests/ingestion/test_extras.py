"""The other resources: fetched where the account may, with a reason where not."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from app.db.engine import Database
from app.ingestion.extras import summary_text
from app.models.words import EXTRA_RESOURCES
from simulator import Settings as SimulatorSettings
from tests.ingestion.archives import manifest_of
from tests.stage import Stage, staged

EVERYTHING = {"summary": True, "chats": 250, "polls": 2, "questions": 3, "captions": True}
MakeStage = Callable[..., Stage]


@pytest.fixture
def make_stage(tmp_path: Path, database: Database, broker_url: str) -> Iterator[MakeStage]:
    """Build a stage whose account has a role, and on which everything is fetched."""
    url = database.url.render_as_string(hide_password=False)
    with ExitStack() as stack:

        def make(role: str = "user", **settings: Any) -> Stage:
            token = {"simulator-token": {"email": "host@example.com", "role": role}}
            told = SimulatorSettings.model_validate({"tokens": token} | settings)
            extras = EXTRA_RESOURCES
            return stack.enter_context(
                staged(tmp_path, url, broker_url, simulator_settings=told, extra_resources=extras)
            )

        yield make


def held(stage: Stage, **order: Any) -> str:
    """Hold a meeting and live for as long as anything of it may be asked for; its id."""
    meeting_id: str = stage.hold_meeting(**order)["meeting_id"]
    stage.advance(15)
    stage.live(hours=16)
    return meeting_id


def extras_of(stage: Stage, meeting_id: str) -> dict[str, tuple[str, str | None]]:
    """State and reason of each of the other resources."""
    states = stage.states(meeting_id)
    return {resource: states[resource] for resource in EXTRA_RESOURCES}


def stored(stage: Stage, meeting_id: str, name: str) -> list[dict[str, Any]]:
    """The items of a stored list."""
    items: list[dict[str, Any]] = json.loads((stage.place(meeting_id) / name).read_text())["items"]
    return items


@pytest.mark.parametrize("quirks", [{}, {"page_size_cap": 2, "empty_page_with_next": True}])
def test_everything_that_there_is_is_stored_whole(
    make_stage: MakeStage, quirks: dict[str, Any]
) -> None:
    stage = make_stage("compliance", **quirks)
    order = EVERYTHING | {"chats": 7} if quirks else EVERYTHING
    meeting_id = held(stage, extras=order, participant_count=5)

    assert set(extras_of(stage, meeting_id).values()) == {("done", None)}
    assert len(stored(stage, meeting_id, "chats.json")) == order["chats"]
    assert len(stored(stage, meeting_id, "polls.json")) == 2
    for poll in stored(stage, meeting_id, "poll_results.json"):
        assert len(poll["questions"][0]["respondents"]["items"]) == 5
    for question in stored(stage, meeting_id, "qanda.json"):
        assert len(question["answers"]["items"]) == 5
    (captions,) = stored(stage, meeting_id, "captions.json")
    assert len(captions["snippets"]) == 5
    assert len(stored(stage, meeting_id, "invitees.json")) == 3
    assert len(stored(stage, meeting_id, "attendees.json")) == 5
    assert (stage.place(meeting_id) / "summary.txt").read_text() == (
        "Weekly sync\nIt was about x < y.\n\nAction items:\n- Harriet sends the numbers.\n"
    )


def test_a_meeting_is_complete_long_before_the_other_resources_are_there(
    make_stage: MakeStage,
) -> None:
    stage = make_stage()
    meeting_id = stage.hold_meeting(extras=EVERYTHING, timeline={"extras": 4 * 3600})["meeting_id"]
    stage.advance(15)
    stage.live_until_complete(meeting_id)
    assert extras_of(stage, meeting_id)["meetingSummaries"] == ("waiting", "still_processing")

    stage.live(hours=16)

    assert extras_of(stage, meeting_id)["meetingSummaries"] == ("done", None)
    manifest = manifest_of(stage, meeting_id)
    assert "summary.txt" in [file["path"] for file in manifest["files"]]
    assert manifest["complete"] is True


def test_what_a_role_may_not_read_is_absent_at_once_and_says_so(make_stage: MakeStage) -> None:
    stage = make_stage("admin")
    meeting_id = held(stage, extras=EVERYTHING)

    states = extras_of(stage, meeting_id)
    refused = {name for name, state in states.items() if state == ("absent", "no_permission")}
    assert refused == {"meetingSummaries", "meetingClosedCaptions"}
    assert stage.ingest(meeting_id, "meetingSummaries").attempt == 1


def test_what_a_meeting_does_not_have_costs_few_requests(make_stage: MakeStage) -> None:
    stage = make_stage()
    meeting_id = held(stage)

    states = extras_of(stage, meeting_id)
    for name in ("meetingSummaries", "postMeetingChats", "polls", "q_and_a"):
        assert states[name] == ("absent", "not_available")
    assert stage.ingest(meeting_id, "meetingSummaries").attempt == 6, "no list tells of it"
    for name in ("postMeetingChats", "polls", "q_and_a"):
        assert stage.ingest(meeting_id, name).attempt <= 4, "the list of meetings says so"


@pytest.mark.parametrize("status", [400, 405, 410])
def test_a_site_that_does_not_have_a_resource_is_no_failure(
    make_stage: MakeStage, status: int
) -> None:
    stage = make_stage()
    stage.control.add_fault(path_regex="/meetings/polls", status=status, times=None)
    meeting_id = held(stage, extras=EVERYTHING)

    assert extras_of(stage, meeting_id)["polls"] == ("absent", "not_available")


def test_an_answer_that_is_late_is_asked_for_again(make_stage: MakeStage) -> None:
    stage = make_stage()
    stage.control.add_fault(path_regex="/meetingSummaries", status=503, times=7)
    meeting_id = held(stage, extras=EVERYTHING)

    assert extras_of(stage, meeting_id)["meetingSummaries"] == ("done", None)


@pytest.mark.parametrize(
    ("summaries", "text"),
    [
        ([{}], ""),
        ([{"notes": {"content": None}, "actionItems": None}], ""),
        ([{"notes": "text", "actionItems": ["x", {"content": 3}]}], ""),
        ([{"notes": {"content": "<ul><li>a</li><li>b &amp; c</li></ul>d"}}], "a\nb & c\nd"),
        ([{"notes": {"content": "one<br/>two<BR>three"}}], "one\ntwo\nthree"),
        ([{"notes": {"content": "5 < 6 <script>x</script>"}}], "5 < 6 x"),
        ([{"actionItems": [{"content": "do <b>it</b>"}]}], "Action items:\n- do it"),
        ([{"notes": {"content": "\ud800 lone"}}], "? lone"),
    ],
)
def test_a_summary_is_readable_as_plain_text_whatever_comes(
    summaries: list[dict[str, Any]], text: str
) -> None:
    assert summary_text(summaries) == f"{text}\n"
