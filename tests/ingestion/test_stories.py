"""Stories of one meeting, in simulated hours: late, doubled, reordered, missing, prevented."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlmodel import col

from app.db.engine import Database
from app.ingestion.commands import request_meetings, resolve_instances, retry
from app.models.snippets import Snippet
from app.models.tables import Participant
from simulator import Settings as SimulatorSettings
from tests.ingestion.archives import differences, manifest_of
from tests.stage import Stage, staged

INSTANCE = "501e995485e2460bb129410116757b13_I_194316955237236650"
RECORDING = "724a81a697201039a976005056819cde"
TRANSCRIPT = "a5038f0b-320a-456f-a51f-7541eeb0eae5_M_501e995485e2460bb129410116757b13"


@pytest.fixture
def odd_stage(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    database: Database,
    broker_url: str,
) -> Iterator[Stage]:
    """A stage whose simulator has the settings of the test's parameter."""
    url = database.url.render_as_string(hide_password=False)
    told = SimulatorSettings.model_validate(request.param)
    with staged(tmp_path, url, broker_url, simulator_settings=told) as stage:
        yield stage


def with_simulator(**settings: Any) -> pytest.MarkDecorator:
    """Let `odd_stage` have such a simulator."""
    return pytest.mark.parametrize("odd_stage", [settings], indirect=True, ids=[""])


def held(stage: Stage, **order: Any) -> str:
    """Hold a meeting, let its end be announced and let it be ingested; its id."""
    meeting_id: str = stage.hold_meeting(**order)["meeting_id"]
    stage.advance(15)
    stage.live_until_complete(meeting_id)
    return meeting_id


def media_requests(stage: Stage) -> int:
    """How many transfers there were."""
    return sum(each["origin"] == "media" for each in stage.control.requests())


@with_simulator(copies=10, shuffle=True, random_seed=7)
def test_ten_copies_of_every_event_in_any_order_make_one_of_each_file(odd_stage: Stage) -> None:
    meeting_id = odd_stage.hold_meeting(recordings=2, transcripts=2)["meeting_id"]
    odd_stage.advance(250)
    odd_stage.control.release_webhooks()
    odd_stage.live_until_complete(meeting_id)
    odd_stage.live(hours=3)

    assert differences(odd_stage, meeting_id) == []
    assert media_requests(odd_stage) == 4, "two videos and two audios, each transferred once"
    kinds = [file["kind"] for file in manifest_of(odd_stage, meeting_id)["files"]]
    assert sorted(kinds) == sorted(
        ["meeting", "participants", *["recording", "video", "audio"] * 2]
        + ["vtt", "txt", "snippets"] * 2
    )


@with_simulator(profile="guide")
def test_the_few_fields_of_the_guides_samples_are_enough(odd_stage: Stage) -> None:
    meeting_id = held(
        odd_stage,
        meeting_id=INSTANCE,
        recordings=[{"id": RECORDING}],
        transcripts=[{"id": TRANSCRIPT}],
    )

    assert differences(odd_stage, meeting_id) == []
    manifest = manifest_of(odd_stage, meeting_id)
    assert manifest["meeting_id"] == INSTANCE
    assert f"recordings/{RECORDING}.mp4" in [file["path"] for file in manifest["files"]]
    assert f"transcripts/{TRANSCRIPT}.snippets.json" in [file["path"] for file in manifest["files"]]


@with_simulator(page_size_cap=1, empty_page_with_next=True, max_null_in_next=True)
def test_lists_are_read_to_their_end_through_small_and_empty_pages(odd_stage: Stage) -> None:
    meeting_id = held(odd_stage, recordings=4, transcripts=3, participant_count=5)

    assert differences(odd_stage, meeting_id) == []
    people = json.loads((odd_stage.place(meeting_id) / "participants.json").read_text())
    assert len(people["items"]) == 5


def test_nothing_is_fetched_before_it_is_there_and_every_look_names_its_window(
    sqlite_stage: Stage,
) -> None:
    stage = sqlite_stage
    held(stage, recordings=2)

    looks = stage.asked("/v1/recordings")
    lists = [each for each in looks if each["path"] == "/v1/recordings"]
    assert len(lists) >= 3, "an empty look, the one that found them, the one that settled them"
    assert all("from=" in each["query"] and "to=" in each["query"] for each in lists)


def test_participants_are_asked_for_again_until_everybodys_times_are_known(
    sqlite_stage: Stage,
) -> None:
    stage = sqlite_stage
    meeting_id = held(stage, participant_count=3)

    assert len(stage.asked("/v1/meetingParticipants")) >= 2
    people = json.loads((stage.place(meeting_id) / "participants.json").read_text())["items"]
    assert all(not each["leftTime"].startswith("1970") for each in people)


def test_snippets_have_milliseconds_and_are_joined_to_participants_by_email(
    sqlite_stage: Stage,
) -> None:
    stage = sqlite_stage
    meeting_id = held(stage, participant_count=3)

    with stage.bench.database.reading() as session:
        snippets = list(session.scalars(select(Snippet).order_by(col(Snippet.position))))
        people = {each.id: each for each in session.scalars(select(Participant))}
    assert len(snippets) == stage.control.truth(meeting_id)["snippets"][snippets[0].transcript_id]
    starts = [snippet.offset_milliseconds for snippet in snippets]
    assert starts == sorted(starts, key=lambda start: start or 0)
    assert starts[-1] is not None
    assert starts[-1] > 1000
    for snippet in snippets:
        speaker = people.get(snippet.participant_row_id)
        assert (speaker.email if speaker else None) == snippet.person_email


def test_what_webex_lists_as_not_recorded_is_absent_an_hour_after_the_end(
    sqlite_stage: Stage,
) -> None:
    stage = sqlite_stage
    meeting_id = held(stage, recordings=0, transcripts=0)

    states = stage.states(meeting_id)
    assert states["recordings"] == ("absent", "not_recorded")
    assert states["meetingTranscripts"] == ("absent", "transcription_off")
    assert 3600 <= hours_waited(stage, meeting_id) * 3600 <= 2.6 * 3600
    assert manifest_of(stage, meeting_id)["complete"] is True


def test_what_never_appears_and_is_not_listed_is_absent_after_two_days(
    sqlite_stage: Stage,
) -> None:
    stage = sqlite_stage
    meeting_id = held(stage, recordings=0, transcripts=0, timeline={"details": None})

    states = stage.states(meeting_id)
    assert set(states.values()) == {("absent", "gave_up"), ("done", None)}
    assert states["recordings"][0] == "absent"
    assert 48 <= hours_waited(stage, meeting_id) <= 50
    assert len(stage.asked("/v1/meetingTranscripts")) < 90, "looks grow rarer, up to an hour"


def hours_waited(stage: Stage, meeting_id: str) -> float:
    """How long after its end a meeting was complete."""
    meeting = stage.meeting(meeting_id)
    assert meeting.end_at is not None
    return (stage.now - meeting.end_at).total_seconds() / 3600


def test_a_recording_that_comes_after_all_hope_is_still_fetched(stage: Stage) -> None:
    meeting_id = held(stage, recordings=0, transcripts=0)
    stage.control.add_recording(meeting_id, delay_seconds=0, webhook_delay_seconds=5)
    stage.advance(10)
    stage.work()

    assert stage.states(meeting_id)["recordings"][0] != "absent"
    stage.live_until_complete(meeting_id)
    assert differences(stage, meeting_id) == []
    assert stage.states(meeting_id)["recordings"] == ("done", None)


def test_a_recording_that_follows_a_finished_one_is_fetched_as_well(stage: Stage) -> None:
    meeting_id = held(stage, recordings=1)
    before = media_requests(stage)
    stage.control.add_recording(meeting_id, delay_seconds=0, webhook_delay_seconds=5)
    stage.advance(10)
    stage.work()
    assert stage.meeting(meeting_id).completed_at is None

    stage.live_until_complete(meeting_id)

    assert differences(stage, meeting_id) == []
    assert media_requests(stage) == before + 2, "the first recording is not transferred again"


def test_a_prevented_download_is_told_and_holds_nothing_back(sqlite_stage: Stage) -> None:
    stage = sqlite_stage
    meeting_id = held(stage, recordings=[{"prevent_download": True}, {}], transcripts=1)

    states = stage.states(meeting_id)
    reasons = sorted(str(states[name]) for name in states if name.startswith("recordings/"))
    looks = {each.reason: each.attempt for each in stage.ingests(meeting_id) if each.resource_id}
    assert looks["download_prevented"] >= 2, "missing links may also be a look too early"
    assert reasons == ["('absent', 'download_prevented')", "('done', None)"]
    assert states["recordings"] == ("done", None)


def test_a_recordings_event_alone_is_enough_for_an_unknown_meeting(stage: Stage) -> None:
    meeting_id = stage.hold_meeting(webhooks=False, recordings=[{"id": RECORDING}])["meeting_id"]
    stage.advance(3600)
    stage.control.send_event(resource="recordings", event="created", data={"id": RECORDING})
    stage.control.settle()

    stage.live_until_complete(meeting_id)

    assert differences(stage, meeting_id) == []
    assert stage.meeting(meeting_id).title == "Weekly sync"


def test_a_transcripts_event_alone_is_enough_for_an_unknown_meeting(stage: Stage) -> None:
    meeting_id = stage.hold_meeting(webhooks=False, transcripts=[{"id": TRANSCRIPT}])["meeting_id"]
    stage.advance(3600)
    stage.control.send_event(
        resource="meetingTranscripts", event="created", data={"id": TRANSCRIPT}
    )
    stage.control.settle()

    stage.live_until_complete(meeting_id)

    assert differences(stage, meeting_id) == []


def test_a_transcript_that_webex_cannot_read_hides_no_other(stage: Stage) -> None:
    told = stage.hold_meeting(webhooks=False, transcripts=2)
    stage.advance(3600)
    # Always the first one that it lists.
    answer = {"unreadable_items": 1}
    stage.control.add_fault(path_regex="/meetingTranscripts$", answer=answer, times=None)
    for each in told["transcript_ids"]:
        data = {"id": each}
        stage.control.send_event(resource="meetingTranscripts", event="created", data=data)
    stage.control.settle()

    stage.live(hours=1)

    states = [state for name, state in stage.states(told["meeting_id"]).items() if "/" in name]
    assert ("done", None) in states


@pytest.mark.parametrize("named", ["series_id", "scheduled_id"])
@pytest.mark.parametrize("resource", ["recordings", "meetingTranscripts"])
def test_an_event_that_names_no_more_than_what_was_planned_is_asked_about(
    stage: Stage, resource: str, named: str
) -> None:
    items = {"recordings": [{"id": RECORDING}], "transcripts": [{"id": TRANSCRIPT}]}
    meeting = stage.hold_meeting(webhooks=False, **items)
    stage.advance(3600)
    item_id = RECORDING if resource == "recordings" else TRANSCRIPT
    data = {"id": item_id, "meetingId": meeting[named]}
    stage.control.send_event(resource=resource, event="created", data=data)
    stage.control.settle()

    stage.live_until_complete(meeting["meeting_id"])

    assert differences(stage, meeting["meeting_id"]) == []


def test_an_event_about_a_recording_that_webex_does_not_know_yet_is_looked_at_again(
    stage: Stage,
) -> None:
    meeting_id = stage.hold_meeting(webhooks=False, recordings=[{"id": RECORDING}])["meeting_id"]
    stage.control.send_event(resource="recordings", event="created", data={"id": RECORDING})
    stage.control.settle()
    stage.work()

    stage.live(hours=1)

    assert stage.states(meeting_id)[f"recordings/{RECORDING}"] == ("done", None)


def test_a_meeting_without_any_webhook_is_ingested_on_request_by_any_of_its_ids(
    stage: Stage,
) -> None:
    meeting = stage.hold_meeting(webhooks=False)
    stage.advance(3600)

    for name in ("meeting_id", "series_id", "scheduled_id"):
        assert resolve_instances(stage.bench, meeting[name]) == [meeting["meeting_id"]]
    request_meetings(stage.bench, [meeting["meeting_id"]])
    stage.live_until_complete(meeting["meeting_id"])

    assert differences(stage, meeting["meeting_id"]) == []


def test_an_old_meeting_needs_only_two_looks_to_be_absent(stage: Stage) -> None:
    meeting_id = stage.hold_meeting(
        webhooks=False,
        recordings=0,
        transcripts=0,
        start="2026-02-10T10:00:00Z",
        end="2026-02-10T11:00:00Z",
    )["meeting_id"]

    request_meetings(stage.bench, [meeting_id])
    stage.live(minutes=5)

    assert stage.states(meeting_id)["recordings"] == ("absent", "not_recorded")
    assert stage.meeting(meeting_id).completed_at is not None


def test_calendar_events_and_unknown_ones_are_kept_and_change_nothing(stage: Stage) -> None:
    for resource, event in (("meetings", "created"), ("telephony_calls", "created")):
        stage.control.send_event(resource=resource, event=event, data={"id": "abc"})
    stage.control.settle()

    assert stage.work() == 0


def test_a_recording_that_is_fetched_again_makes_the_meeting_incomplete_until_it_is_there(
    stage: Stage,
) -> None:
    meeting_id = held(stage, recordings=[{"id": RECORDING, "prevent_download": True}])
    stage.control.add_fault(
        method="GET", origin="api", path_regex=f"/recordings/{RECORDING}", status=503, times=99
    )

    retry(stage.bench, [meeting_id])
    stage.live(minutes=30)

    assert stage.states(meeting_id)[f"recordings/{RECORDING}"] == ("waiting", "retrying")
    assert stage.meeting(meeting_id).completed_at is None
    assert manifest_of(stage, meeting_id)["complete"] is False
    stage.control.forget_faults()
    stage.live_until_complete(meeting_id)


def test_a_recording_that_webex_cannot_list_for_a_while_is_not_forgotten(stage: Stage) -> None:
    meeting = stage.hold_meeting(webhooks=False, recordings=2)
    meeting_id, (first, second) = meeting["meeting_id"], meeting["recording_ids"]
    stage.advance(3600)
    body = {"items": [{"id": first}, {"id": second, "errors": {"topic": {"code": "kms_failure"}}}]}
    stage.control.add_fault(
        method="GET", origin="api", path_regex="/v1/recordings$", status=200, body=body, times=6
    )

    request_meetings(stage.bench, [meeting_id])
    stage.live_until_complete(meeting_id)

    assert differences(stage, meeting_id) == []


def test_a_recording_of_another_meeting_is_stored_where_it_belongs(stage: Stage) -> None:
    right = stage.hold_meeting(webhooks=False, recordings=[{"id": RECORDING}])["meeting_id"]
    wrong = stage.hold_meeting(recordings=0, transcripts=0)["meeting_id"]
    stage.advance(3600)
    data = {"id": RECORDING, "meetingId": wrong}
    stage.control.send_event(resource="recordings", event="created", data=data)
    stage.control.settle()

    stage.live_until_complete(wrong)
    stage.live_until_complete(right)

    assert differences(stage, right) == []
    assert differences(stage, wrong) == []
    assert not list(stage.place(wrong).glob("recordings/*"))


def test_a_file_without_a_length_that_ends_early_is_not_believed(sqlite_stage: Stage) -> None:
    stage = sqlite_stage
    stage.control.change_settings(media_content_length=False)
    arf = {"id": RECORDING, "format": "ARF", "bytes": 500_000}
    meeting_id = stage.hold_meeting(recordings=[arf])["meeting_id"]
    stage.control.add_fault(
        method="GET", origin="media", path_regex=".*", short_bytes=60_000, times=3
    )
    stage.advance(15)
    stage.live_until_complete(meeting_id)

    assert differences(stage, meeting_id) == []


@pytest.mark.parametrize("headers", [{}, {"Content-Type": "text/plain"}])
def test_a_web_page_is_no_transcript(sqlite_stage: Stage, headers: dict[str, str]) -> None:
    stage = sqlite_stage
    page = {"status": 200, "body": "<html>sign in</html>", "headers": headers}
    stage.control.add_fault(origin="api", path_regex="format=txt", times=2, **page)

    meeting_id = held(stage)

    assert differences(stage, meeting_id) == []


def test_an_archive_that_cannot_be_written_is_waited_for(sqlite_stage: Stage) -> None:
    stage = sqlite_stage
    meeting_id = stage.hold_meeting()["meeting_id"]
    stage.archive.parent.mkdir(parents=True, exist_ok=True)
    stage.archive.write_text("in the way")
    stage.advance(15)
    stage.live(minutes=20)
    reasons = {reason for _, reason in stage.states(meeting_id).values()}
    assert "archive_unavailable" in reasons
    assert "failed" not in {state for state, _ in stage.states(meeting_id).values()}

    stage.archive.unlink()
    stage.live_until_complete(meeting_id)

    assert differences(stage, meeting_id) == []


def test_an_event_outlasts_a_token_that_has_expired(stage: Stage) -> None:
    meeting_id = stage.hold_meeting(webhooks=False, recordings=[{"id": RECORDING}])["meeting_id"]
    stage.advance(3600)
    stage.control.add_fault(method="GET", origin="api", path_regex=".*", status=401, times=10_000)
    stage.control.send_event(resource="recordings", event="created", data={"id": RECORDING})
    stage.control.settle()

    stage.live(hours=30)
    stage.control.forget_faults()
    stage.live(hours=2)

    assert differences(stage, meeting_id) == []
