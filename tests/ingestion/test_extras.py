"""The other resources: fetched where the account may, with a reason where not."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from app.db.engine import Database
from app.ingestion.extras import summary_text
from app.models.words import EXTRA_RESOURCES
from simulator import Settings as SimulatorSettings
from tests.ingestion.alternating import database_url  # noqa: F401 -- a fixture
from tests.ingestion.archives import manifest_of
from tests.ingestion.conftest import MakeStage
from tests.ingestion.soon import timeline  # noqa: F401 -- a fixture
from tests.stage import Stage, staged

EVERYTHING = {"summary": True, "chats": 250, "polls": 2, "questions": 3, "captions": True}


def usual(role: str, only: str | None, quirks: dict[str, Any]) -> dict[str, Any]:
    """Settings of a stage whose account has a role; ``only`` one other resource, or all."""
    token = {"simulator-token": {"email": "host@example.com", "role": role}}
    told = SimulatorSettings.model_validate({"tokens": token} | quirks)
    return {"simulator_settings": told, "extra_resources": (only,) if only else EXTRA_RESOURCES}


@pytest.fixture
def make_stage(make_stage: MakeStage) -> MakeStage:
    """Build a stage: what Webex answers does not depend on the kind of database."""
    return lambda role="user", only=None, **quirks: make_stage(**usual(role, only, quirks))


@pytest.fixture
def on_both(tmp_path: Path, database: Database, broker_url: str) -> Iterator[MakeStage]:
    """Build a stage on either database."""
    url = database.url.render_as_string(hide_password=False)
    with ExitStack() as stack:

        def make(role: str = "user", only: str | None = None, **quirks: Any) -> Stage:
            told = usual(role, only, quirks)
            return stack.enter_context(staged(tmp_path, url, broker_url, **told))

        yield make


def held(stage: Stage, *, hours: float = 50, **order: Any) -> str:
    """Hold a meeting and live, if not less, as long as anything of it may be asked for; its id."""
    meeting_id: str = stage.hold_meeting(**order)["meeting_id"]
    stage.advance(15)
    stage.live(hours=hours)
    return meeting_id


def extras_of(stage: Stage, meeting_id: str) -> dict[str, tuple[str, str | None]]:
    """State and reason of each of the other resources."""
    states = stage.states(meeting_id)
    return {resource: states[resource] for resource in EXTRA_RESOURCES if resource in states}


def errors_of(stage: Stage, meeting_id: str, resource: str) -> tuple[str, str | None]:
    """State and error of one of the other resources."""
    ingest = stage.ingest(meeting_id, resource)
    return ingest.state, ingest.error_code


def stored(stage: Stage, meeting_id: str, name: str) -> list[dict[str, Any]]:
    """The items of a stored list, in its newest version."""
    return versions(stage, meeting_id, name)[-1]


def versions(stage: Stage, meeting_id: str, name: str) -> list[list[dict[str, Any]]]:
    """The items of each version of a stored list, the oldest first."""
    kind = "qanda" if name == "qanda.json" else name.removesuffix(".json")
    paths = [f["path"] for f in manifest_of(stage, meeting_id)["files"] if f["kind"] == kind]
    return [json.loads((stage.place(meeting_id) / path).read_text())["items"] for path in paths]


@pytest.mark.parametrize("quirks", [{}, {"page_size_cap": 2, "empty_page_with_next": True}])
def test_everything_that_there_is_is_stored_whole(
    on_both: MakeStage, quirks: dict[str, Any]
) -> None:
    stage = on_both("compliance", **quirks)
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
    on_both: MakeStage,
) -> None:
    stage = on_both()
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
    stage = make_stage(only="polls")
    stage.control.add_fault(path_regex="/meetings/poll", status=status, times=None)
    meeting_id = held(stage, extras=EVERYTHING)

    assert extras_of(stage, meeting_id)["polls"] == ("absent", "not_available")
    assert stage.ingest(meeting_id, "polls").attempt == 1


def test_an_answer_that_is_late_is_asked_for_again(make_stage: MakeStage) -> None:
    stage = make_stage(only="meetingSummaries")
    stage.control.add_fault(path_regex="/meetingSummaries", status=503, times=7)
    meeting_id = held(stage, extras=EVERYTHING)

    assert extras_of(stage, meeting_id)["meetingSummaries"] == ("done", None)


@pytest.mark.parametrize(
    ("role", "resource", "path", "name", "whole"),
    [
        ("user", "postMeetingChats", "/postMeetingChats", "chats.json", 7),
        ("user", "polls", "/meetings/polls", "polls.json", 2),
        ("user", "q_and_a", "/q_and_a$", "qanda.json", 3),
        ("user", "meetingInvitees", "/meetingInvitees", "invitees.json", 3),
        ("user", "attendees", "/attendees", "attendees.json", 5),
    ],
)
def test_what_webex_could_not_read_is_looked_for_again_and_all_else_is_stored(
    make_stage: MakeStage, role: str, resource: str, path: str, name: str, whole: int
) -> None:
    stage = make_stage(role, resource)
    stage.control.add_fault(path_regex=path, answer={"unreadable_items": 1}, times=None)
    meeting_id = held(stage, extras=EVERYTHING | {"chats": 7}, participant_count=5)

    assert errors_of(stage, meeting_id, resource) == ("failed", "partial_list")
    assert stage.ingest(meeting_id, resource).attempt == 6
    assert len(stored(stage, meeting_id, name)) == whole - 1
    assert stage.meeting(meeting_id).completed_at is not None


def test_what_webex_can_read_now_is_stored_now_and_the_whole_as_its_next_version(
    on_both: MakeStage,
) -> None:
    stage = on_both(only="postMeetingChats")
    stage.control.add_fault(path_regex="/postMeet", answer={"unreadable_items": 3}, times=2)
    meeting_id = held(stage, extras={"chats": 7})

    assert extras_of(stage, meeting_id)["postMeetingChats"] == ("done", None)
    assert [len(each) for each in versions(stage, meeting_id, "chats.json")] == [4, 7]
    assert (stage.place(meeting_id) / "chats.v2.json").exists()


def test_a_part_that_webex_had_for_a_moment_is_kept_and_not_called_done(
    on_both: MakeStage,
) -> None:
    stage = on_both(only="postMeetingChats")
    stage.control.add_fault(path_regex="/postMeet", answer={"unreadable_items": 3})
    stage.control.add_fault(path_regex="/postMeet", status=404, times=None)
    meeting_id = held(stage, extras={"chats": 7})

    chats = stage.ingest(meeting_id, "postMeetingChats")
    told = (chats.state, chats.reason, chats.error)
    assert told == ("absent", "deleted_at_source", "not all of it had been stored")
    assert len(stored(stage, meeting_id, "chats.json")) == 4


@pytest.mark.parametrize("answer", [{"next_link": "missing"}, {"leave_out": ["id"]}])
def test_a_chat_is_stored_whole_with_ids_or_links_or_without(
    make_stage: MakeStage, answer: dict[str, Any]
) -> None:
    stage = make_stage(only="postMeetingChats")
    stage.control.add_fault(path_regex="/postMeetingChats", answer=answer, times=None)
    meeting_id = held(stage, extras={"chats": 250})

    texts = [each["text"] for each in stored(stage, meeting_id, "chats.json")]
    assert texts == [f"Message {number} 👋" for number in range(1, 251)]


def test_a_chat_that_takes_webex_too_long_is_asked_for_in_smaller_pages(
    make_stage: MakeStage,
) -> None:
    stage = make_stage(only="postMeetingChats")
    stage.control.add_fault(path_regex="/postMeetingChats.*max=100", times=None, status=504)
    meeting_id = held(stage, hours=1, extras={"chats": 70})

    assert len(stored(stage, meeting_id, "chats.json")) == 70


NO_ITEMS: dict[str, Any] = {"items": []}


@pytest.mark.parametrize("late", [{"body": NO_ITEMS}, {"status": 404}])
def test_results_of_polls_that_come_later_are_stored_too(
    make_stage: MakeStage, late: dict[str, Any]
) -> None:
    stage = make_stage(only="polls")
    stage.control.add_fault(path_regex="/pollResults", times=3, **late)
    meeting_id = held(stage, extras=EVERYTHING, participant_count=5)

    assert extras_of(stage, meeting_id)["polls"] == ("done", None)
    assert stage.ingest(meeting_id, "polls").attempt == 4
    assert len(stored(stage, meeting_id, "poll_results.json")) == 2


def test_respondents_that_come_later_are_stored_too(make_stage: MakeStage) -> None:
    stage = make_stage(only="polls")
    stage.control.add_fault(path_regex="/respondents", body=NO_ITEMS, times=4)
    meeting_id = held(stage, extras=EVERYTHING, participant_count=5)

    assert extras_of(stage, meeting_id)["polls"] == ("done", None)
    for poll in stored(stage, meeting_id, "poll_results.json"):
        assert len(poll["questions"][0]["respondents"]["items"]) == 5


@pytest.mark.parametrize("link", [{"next_link": "missing"}, {}])
def test_all_respondents_are_stored_with_a_link_to_more_of_them_or_without(
    make_stage: MakeStage, link: dict[str, Any]
) -> None:
    stage = make_stage(only="polls")
    stage.control.add_fault(path_regex="/respondents", answer=link, times=None)
    meeting_id = held(stage, extras={"polls": 1}, participant_count=130)

    assert extras_of(stage, meeting_id)["polls"] == ("done", None)
    (poll,) = stored(stage, meeting_id, "poll_results.json")
    assert len(poll["questions"][0]["respondents"]["items"]) == 130


def test_a_poll_that_nobody_answered_is_done_with_what_there_is(make_stage: MakeStage) -> None:
    stage = make_stage(only="polls")
    stage.control.add_fault(
        path_regex="/pollResults",
        answer={"change": {"questions": [], "totalRespondents": 0}},
        times=None,
    )
    meeting_id = held(stage, extras=EVERYTHING)

    assert extras_of(stage, meeting_id)["polls"] == ("done", None)
    assert stage.ingest(meeting_id, "polls").attempt == 6
    assert len(stored(stage, meeting_id, "poll_results.json")) == 2


@pytest.mark.parametrize(
    ("path", "resource"), [("/respondents", "polls"), ("/q_and_a/.+/answers", "q_and_a")]
)
def test_of_what_only_the_beginning_is_there_is_done_with_a_word_about_it(
    make_stage: MakeStage, path: str, resource: str
) -> None:
    stage = make_stage(only=resource)
    stage.control.add_fault(path_regex=path, body=NO_ITEMS, times=None)
    meeting_id = held(stage, extras=EVERYTHING, participant_count=5)

    assert extras_of(stage, meeting_id)[resource] == ("done", "parts_missing")
    assert stage.ingest(meeting_id, resource).attempt == 6


@pytest.mark.parametrize(("total", "reason"), [(50, "parts_missing"), (5, None)])
def test_answers_that_webex_counts_and_does_not_give_are_told(
    make_stage: MakeStage, total: int, reason: str | None
) -> None:
    stage = make_stage(only="polls")
    change = {"totalRespondents": total}
    stage.control.add_fault(path_regex="/pollResults", answer={"change": change}, times=None)
    meeting_id = held(stage, extras=EVERYTHING, participant_count=5)

    assert extras_of(stage, meeting_id)["polls"] == ("done", reason)
    assert len(stored(stage, meeting_id, "poll_results.json")) == 2


def test_what_is_gone_before_all_of_it_was_stored_is_not_done(on_both: MakeStage) -> None:
    stage = on_both(only="polls")
    stage.control.add_fault(path_regex="/pollResults", times=None, status=503)
    meeting_id = held(stage, hours=1, extras=EVERYTHING)
    assert (stage.place(meeting_id) / "polls.json").exists()
    stage.control.forget_faults()
    stage.control.add_fault(path_regex="/meetings/poll", times=None, status=404)

    stage.live(hours=50)

    assert extras_of(stage, meeting_id)["polls"] == ("absent", "deleted_at_source")


@pytest.mark.parametrize(
    ("refusal", "reason", "attempts"),
    [
        ({"status": 403}, "no_permission", 1),
        ({"status": 400}, "parts_missing", 1),
        ({"status": 404}, "parts_missing", 6),
        ({"body": NO_ITEMS}, "parts_missing", 6),
    ],
)
def test_polls_are_stored_without_the_results_that_webex_keeps_and_say_so(
    make_stage: MakeStage, refusal: dict[str, Any], reason: str, attempts: int
) -> None:
    stage = make_stage(only="polls")
    stage.control.add_fault(path_regex="/pollResults", times=None, **refusal)
    meeting_id = held(stage, extras=EVERYTHING)

    assert extras_of(stage, meeting_id)["polls"] == ("done", reason)
    assert stage.ingest(meeting_id, "polls").attempt == attempts
    assert len(stored(stage, meeting_id, "polls.json")) == 2
    assert not (stage.place(meeting_id) / "poll_results.json").exists()


def test_polls_are_there_while_their_results_are_not_to_be_had(make_stage: MakeStage) -> None:
    stage = make_stage(only="polls")
    stage.control.add_fault(path_regex="/pollResults", status=503, times=None)
    meeting_id = held(stage, hours=1, extras=EVERYTHING)

    assert len(stored(stage, meeting_id, "polls.json")) == 2


@pytest.mark.parametrize("late", [{"body": NO_ITEMS}, {"status": 404}])
@pytest.mark.parametrize(
    ("times", "reason", "snippets"), [(3, None, 4), (None, "parts_missing", 0)]
)
def test_captions_wait_for_their_snippets_but_not_for_ever(
    make_stage: MakeStage,
    late: dict[str, Any],
    times: int | None,
    reason: str | None,
    snippets: int,
) -> None:
    stage = make_stage("compliance", "meetingClosedCaptions")
    stage.control.add_fault(path_regex="/snippets", times=times, **late)
    meeting_id = held(stage, extras=EVERYTHING, transcripts=0)

    assert extras_of(stage, meeting_id)["meetingClosedCaptions"] == ("done", reason)
    (captions,) = stored(stage, meeting_id, "captions.json")
    assert len(captions["snippets"]) == snippets


def test_the_report_about_attendees_is_fetched_again_when_it_is_final(
    make_stage: MakeStage,
) -> None:
    stage = make_stage(only="attendees")
    early = {"items": [{"displayName": "Alice Example", "email": "alice@example.com"}]}
    stage.control.add_fault(path_regex="/attendees", body=early)
    meeting_id = stage.hold_meeting(participant_count=5)["meeting_id"]
    stage.advance(15)
    stage.live(hours=40)
    assert extras_of(stage, meeting_id)["attendees"] == ("waiting", "not_final")
    assert stored(stage, meeting_id, "attendees.json") == early["items"]

    stage.live(hours=10)

    assert extras_of(stage, meeting_id)["attendees"] == ("done", None)
    assert len(stored(stage, meeting_id, "attendees.json")) == 5
    assert stage.ingest(meeting_id, "attendees").attempt == 2


def test_a_report_that_comes_after_two_days_only_is_not_given_up_before(
    make_stage: MakeStage,
) -> None:
    stage = make_stage(only="attendees")
    stage.control.add_fault(path_regex="/attendees", body=NO_ITEMS, times=5)
    meeting_id = held(stage, participant_count=5)

    assert extras_of(stage, meeting_id)["attendees"] == ("done", None)
    assert stage.ingest(meeting_id, "attendees").attempt == 6


@pytest.mark.parametrize(("status", "reason"), [(403, "no_permission"), (404, "deleted_at_source")])
def test_what_is_stored_is_not_called_absent_when_webex_no_longer_has_it(
    on_both: MakeStage, status: int, reason: str
) -> None:
    stage = on_both(only="attendees")
    stage.control.add_fault(path_regex="/attendees", skip=1, times=None, status=status)
    meeting_id = held(stage, participant_count=5)
    stage.live(hours=12)

    assert extras_of(stage, meeting_id)["attendees"] == ("done", reason)
    assert len(stored(stage, meeting_id, "attendees.json")) == 5


@pytest.mark.parametrize("typed", ["https://example.webex.com/example/ldr.php?RCID=77ab", "hi"])
def test_what_somebody_typed_into_the_chat_stays_as_it_is(
    make_stage: MakeStage, typed: str
) -> None:
    stage = make_stage(only="postMeetingChats")
    change = {"text": typed, "downloadUrl": "https://example.webex.com/x?ticket=T1CKET"}
    stage.control.add_fault(path_regex="/postMeetingChats", answer={"change": change})
    meeting_id = held(stage, extras={"chats": 1})

    (chat,) = stored(stage, meeting_id, "chats.json")
    assert chat["text"] == typed
    assert "downloadUrl" not in chat


@pytest.mark.parametrize("value", ["NaN", "1e999"])
def test_no_number_that_json_does_not_know_is_stored(make_stage: MakeStage, value: str) -> None:
    stage = make_stage(only="postMeetingChats")
    body = f'{{"items": [{{"id": "a", "duration": {value}}}]}}'
    stage.control.add_fault(path_regex="/postMeetingChats", body=body, times=2)
    meeting_id = held(stage, extras={"chats": 1})

    assert extras_of(stage, meeting_id)["postMeetingChats"] == ("done", None)
    assert [each["text"] for each in stored(stage, meeting_id, "chats.json")] == ["Message 1 👋"]


@pytest.mark.parametrize(
    ("summaries", "text"),
    [
        ([{}], ""),
        ([{"notes": {"content": None}, "actionItems": None}], ""),
        ([{"notes": "text", "actionItems": ["x", {"content": 3}]}], ""),
        ([{"notes": 7, "actionItems": True}], ""),
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
