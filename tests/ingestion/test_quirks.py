"""Oddities of Webex that whole meetings have: what there is is brought, and nothing is mixed."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.models.snippets import Snippet
from app.models.tables import Participant
from tests.ingestion.alternating import database_url  # noqa: F401 -- a fixture
from tests.ingestion.archives import differences, manifest_of
from tests.ingestion.conftest import MakeStage
from tests.stage import MORNING, Stage

FIRST, SECOND = "724a81a697201039a976005056819cde", "924a81a697201039a976005056819cdf"
# All that Webex's description has of these and an answer can be without.
OPTIONAL = [
    *("meetingSeriesId", "scheduledMeetingId", "title", "topic", "agenda", "createTime"),
    *("timeRecorded", "siteUrl", "downloadUrl", "playbackUrl", "password", "format"),
    *("serviceType", "durationSeconds", "sizeBytes", "shareToMe", "status", "startTime"),
    *("meetingTopic", "hostUserId", "hostEmail", "hostDisplayName", "vttDownloadLink"),
    *("txtDownloadLink", "personName", "personEmail", "offsetMillisecond", "displayName"),
    *("durationMillisecond", "email", "host", "coHost", "devices", "timezone", "meetingType"),
    *("webLink", "scheduledType", "hasRecording", "hasTranscription", "meetingStartTime"),
]


def brought(stage: Stage, **order: Any) -> str:
    """Hold a meeting and ingest it; its id."""
    meeting_id: str = stage.hold_meeting(**order)["meeting_id"]
    stage.advance(15)
    stage.live_until_complete(meeting_id)
    return meeting_id


def answering(stage: Stage, path: str = "", **answer: Any) -> None:
    """Let each answer of the API to such a path be wrong in this way."""
    stage.control.add_fault(origin="api", method="GET", path_regex=path, times=None, answer=answer)


def people(stage: Stage) -> list[Participant]:
    with stage.bench.database.reading() as session:
        return list(session.scalars(select(Participant)))


def stored_json(stage: Stage, meeting_id: str, name: str) -> Any:
    return json.loads((stage.place(meeting_id) / name).read_text())


@pytest.mark.parametrize(
    "answer",
    [
        {"status": 408},
        {"status": 423},
        {"status": 423, "headers": {"Retry-After": "120"}},
        {"status": 425},
        {"status": 504, "body": "<html>Gateway Timeout</html>"},
    ],
)
def test_what_webex_says_to_try_later_arrives_later(
    sqlite_stage: Stage, answer: dict[str, Any]
) -> None:
    for path in ("/recordings", "/meetingTranscripts", "/meetingParticipants", "/meetings/"):
        sqlite_stage.control.add_fault(origin="api", path_regex=path, times=4, **answer)

    meeting_id = brought(sqlite_stage)

    assert differences(sqlite_stage, meeting_id) == []
    assert sqlite_stage.control.faults() == []


def test_what_webex_has_locked_is_asked_for_again_when_it_says(sqlite_stage: Stage) -> None:
    path = "/meetingParticipants"
    sqlite_stage.control.add_fault(
        origin="api", path_regex=path, status=423, headers={"Retry-After": "1200"}
    )

    meeting_id = brought(sqlite_stage)

    locked, following = [
        datetime.fromisoformat(each["at"]) for each in sqlite_stage.asked(path) if each["status"]
    ][:2]
    assert following - locked >= timedelta(seconds=1200)
    assert differences(sqlite_stage, meeting_id) == []


def test_what_is_gone_is_absent_and_the_others_are_there(sqlite_stage: Stage) -> None:
    path = f"/recordings/{FIRST}"
    sqlite_stage.control.add_fault(origin="api", path_regex=path, status=410, times=None)

    meeting_id = brought(sqlite_stage, recordings=[{"id": FIRST}, {"id": SECOND}])

    states = sqlite_stage.states(meeting_id)
    assert states[f"recordings/{FIRST}"] == ("absent", "deleted_at_source")
    assert states[f"recordings/{SECOND}"] == ("done", None)


def test_what_webex_wants_something_else_for_fails_alone_and_visibly(sqlite_stage: Stage) -> None:
    path = f"/recordings/{FIRST}"
    sqlite_stage.control.add_fault(
        origin="api", path_regex=path, status=428, body={"message": "Unscannable."}, times=None
    )
    told = sqlite_stage.hold_meeting(recordings=[{"id": FIRST}, {"id": SECOND}])
    sqlite_stage.advance(15)
    sqlite_stage.live(hours=3)

    failed = sqlite_stage.ingest(told["meeting_id"], "recordings", FIRST)
    assert (failed.state, failed.error) == ("failed", "Webex answered 428: Unscannable.")
    states = sqlite_stage.states(told["meeting_id"])
    assert states[f"recordings/{SECOND}"] == ("done", None)


def test_times_with_an_offset_are_the_same_moments(sqlite_stage: Stage) -> None:
    answering(sqlite_stage, times_hours_ahead=8)

    meeting_id = brought(sqlite_stage)

    assert differences(sqlite_stage, meeting_id) == []
    meeting = sqlite_stage.meeting(meeting_id)
    assert (meeting.start_at, meeting.end_at) == (MORNING - timedelta(minutes=5), MORNING)
    assert {each.joined_at.utcoffset() for each in people(sqlite_stage) if each.joined_at} == {
        timedelta(0)
    }


def test_numbers_that_are_texts_are_numbers_all_the_same(sqlite_stage: Stage) -> None:
    answering(sqlite_stage, numbers_as_text=True)

    meeting_id = brought(sqlite_stage)

    assert differences(sqlite_stage, meeting_id) == []
    with sqlite_stage.bench.database.reading() as session:
        starts = [each.offset_milliseconds for each in session.scalars(select(Snippet))]
    assert sorted(each for each in starts if each is not None) == starts
    assert len(starts) == 12


def test_fields_that_nobody_knows_change_nothing_and_are_kept(sqlite_stage: Stage) -> None:
    answering(sqlite_stage, change={"raw": 1, "newField": {"deep": [None]}})

    meeting_id = brought(sqlite_stage)

    assert differences(sqlite_stage, meeting_id) == []
    assert stored_json(sqlite_stage, meeting_id, "meeting.json")["newField"] == {"deep": [None]}


def test_ids_times_and_links_are_enough(sqlite_stage: Stage) -> None:
    answering(sqlite_stage, leave_out=OPTIONAL)

    meeting_id = brought(sqlite_stage)

    assert differences(sqlite_stage, meeting_id) == []


def test_recordings_without_a_meetings_id_belong_to_the_meeting_that_was_asked_for(
    sqlite_stage: Stage,
) -> None:
    answering(sqlite_stage, "/recordings", leave_out=["meetingId"])

    meeting_id = brought(sqlite_stage, recordings=[{"format": "UPLOADED"}, {}])

    assert differences(sqlite_stage, meeting_id) == []


@pytest.mark.parametrize("odd", [{"names_speakers": False}, {"broken_bytes": True}])
def test_transcripts_without_speakers_or_with_broken_bytes_are_kept_as_they_are(
    sqlite_stage: Stage, odd: dict[str, bool]
) -> None:
    meeting_id = brought(sqlite_stage, transcripts=[odd, {}])

    assert differences(sqlite_stage, meeting_id) == []
    states = {state for state, _ in sqlite_stage.states(meeting_id).values()}
    assert states == {"done"}


def test_a_meeting_that_was_restarted_is_several_and_none_has_anothers_files(
    sqlite_stage: Stage,
) -> None:
    series_id = "501e995485e2460bb129410116757b13"
    order = {"series_id": series_id, "scheduled_start": "2026-03-02T09:00:00Z"}
    held = [
        sqlite_stage.hold_meeting(recordings=count, transcripts=1, **order) for count in (1, 2, 3)
    ]
    assert len({each["scheduled_id"] for each in held}) == 1
    sqlite_stage.advance(15)
    for each in held:
        sqlite_stage.live_until_complete(each["meeting_id"])

    for each in held:
        meeting_id, wanted = each["meeting_id"], set(each["recording_ids"])
        assert differences(sqlite_stage, meeting_id) == []
        videos = sqlite_stage.place(meeting_id).glob("recordings/*.mp4")
        assert {path.stem for path in videos} == wanted
    assert len({sqlite_stage.place(each["meeting_id"]) for each in held}) == 3


def test_people_without_an_address_are_told_apart_by_their_id(sqlite_stage: Stage) -> None:
    guests = [{"display_name": "Guest"} for _ in range(4)]

    brought(sqlite_stage, participants=guests)

    assert [(each.email, each.display_name) for each in people(sqlite_stage)] == [
        (None, "Guest")
    ] * 4


def test_times_that_webex_never_tells_hold_nothing_back(sqlite_stage: Stage) -> None:
    meeting_id = brought(sqlite_stage, timeline={"participants_final": None})

    states = sqlite_stage.states(meeting_id)
    assert states["meetingParticipants"] == ("done", "times_missing")
    assert {each.left_at for each in people(sqlite_stage)} == {None}
    assert len(stored_json(sqlite_stage, meeting_id, "participants.json")["items"]) == 4


def test_a_meeting_of_which_nobody_is_known_is_complete_without_them(sqlite_stage: Stage) -> None:
    meeting_id = brought(sqlite_stage, participants=[])

    assert sqlite_stage.states(meeting_id)["meetingParticipants"] == ("absent", "gave_up")
    assert differences(sqlite_stage, meeting_id) == []
    assert manifest_of(sqlite_stage, meeting_id)["complete"] is True


def test_a_flag_that_outlives_its_recording_is_not_believed_for_ever(sqlite_stage: Stage) -> None:
    told = sqlite_stage.hold_meeting(recordings=[{"id": FIRST}], transcripts=0)
    sqlite_stage.control.call("DELETE", f"/recordings/{FIRST}")
    sqlite_stage.advance(15)

    sqlite_stage.live_until_complete(told["meeting_id"])

    assert sqlite_stage.states(told["meeting_id"])["recordings"] == ("absent", "gave_up")
    lists = [each for each in sqlite_stage.asked("/v1/recordings") if "from=" in each["query"]]
    assert len(lists) < 150, "what was announced and never comes costs no look a minute"


def test_formats_that_are_no_movie_are_stored_as_what_they_are(sqlite_stage: Stage) -> None:
    arf = {"id": FIRST, "format": "ARF", "bytes": 50_000, "audio": False}
    uploaded = {"id": SECOND, "format": "UPLOADED", "audio": False}

    meeting_id = brought(sqlite_stage, recordings=[arf, uploaded])

    assert differences(sqlite_stage, meeting_id) == []
    stored = {path.name for path in sqlite_stage.place(meeting_id).glob("recordings/*")}
    assert {f"{FIRST}.arf", f"{SECOND}.bin"} <= stored


def test_ids_of_an_unknown_form_are_names_of_files_or_fail_alone(sqlite_stage: Stage) -> None:
    odd = {"items": [{"id": "a/../b"}, {"id": FIRST}, {"id": "8F-x.1_Z"}]}
    recordings = [{"id": FIRST}, {"id": "8F-x.1_Z"}]
    told = sqlite_stage.hold_meeting(recordings=recordings)
    sqlite_stage.control.add_fault(path_regex="/v1/recordings$", times=None, body=odd)
    sqlite_stage.advance(15)
    sqlite_stage.live(hours=3)

    meeting_id = told["meeting_id"]
    assert sqlite_stage.ingest(meeting_id, "recordings", "a/../b").error_code == "id_unusable"
    names = {path.name for path in sqlite_stage.place(meeting_id).glob("recordings/*.mp4")}
    assert names == {f"{FIRST}.mp4", "8F-x.1_Z.mp4"}


def test_no_download_of_a_whole_meeting_carries_the_token(sqlite_stage: Stage) -> None:
    brought(sqlite_stage, recordings=2)

    downloads = sqlite_stage.control.requests(origin="media")
    assert len(downloads) == 4
    assert all("Authorization" not in each["headers"] for each in downloads)


def test_lists_that_take_webex_too_long_are_read_to_their_end(sqlite_stage: Stage) -> None:
    sqlite_stage.control.change_settings(timeout_above_max=50)

    meeting_id = brought(sqlite_stage, participant_count=55, timeline="instant")

    assert differences(sqlite_stage, meeting_id) == []
    assert len(people(sqlite_stage)) == 55


def test_participants_of_whom_webex_cannot_read_one_are_stored_and_the_list_is_not_done(
    make_stage: MakeStage,
) -> None:
    stage = make_stage(poll_give_up_hours=1)
    meeting_id = stage.hold_meeting()["meeting_id"]
    answering(stage, "/meetingParticipants", unreadable_items=1)

    stage.live(hours=3)

    row = stage.ingest(meeting_id, "meetingParticipants")
    assert (row.state, row.error_code) == ("failed", "partial_list")
    assert len(stored_json(stage, meeting_id, "participants.json")["items"]) == len(people(stage))
    assert people(stage)


def test_a_meeting_that_webex_cannot_list_does_not_make_the_others_of_its_series_fail(
    sqlite_stage: Stage,
) -> None:
    stage = sqlite_stage
    order = {"series_id": "501e995485e2460bb129410116757b13", "recordings": 0, "transcripts": 0}
    held = [stage.hold_meeting(**order)["meeting_id"] for _ in range(2)]
    # Always the first one that it lists.
    answer = {"unreadable_items": 1}
    stage.control.add_fault(path_regex="/v1/meetings$", answer=answer, times=None)

    stage.live(days=4)

    reasons = {stage.states(each)["recordings"] for each in held}
    assert reasons == {("absent", "not_recorded"), ("absent", "gave_up")}


def test_a_snippet_that_webex_cannot_read_hides_no_other(make_stage: MakeStage) -> None:
    stage = make_stage(poll_give_up_hours=1)
    meeting_id = stage.hold_meeting()["meeting_id"]
    answering(stage, "/snippets", unreadable_items=1)
    stage.live(hours=3)

    rows = [each for each in stage.ingests(meeting_id) if each.resource == "meetingTranscripts"]
    said = next(each for each in rows if each.resource_id)
    assert (said.state, said.error_code) == ("failed", "partial_list")
    assert "what could be read is stored" in (said.error or "")
    (file,) = stage.place(meeting_id).glob("transcripts/*.snippets.json")
    with stage.bench.database.reading() as session:
        kept = session.scalars(select(Snippet)).all()
    assert len(json.loads(file.read_text())["items"]) == len(kept) == 11


def test_a_transcript_comes_further_with_each_request_that_gets_through(stage: Stage) -> None:
    told = stage.hold_meeting()
    meeting_id, (transcript_id,) = told["meeting_id"], told["transcript_ids"]
    later = {"status": 429, "headers": {"Retry-After": "1"}}
    # Never two in a row.
    stage.control.add_fault(path_regex="/download|/snippets", every=2, times=None, **later)

    stage.live(hours=1)

    assert stage.states(meeting_id)[f"meetingTranscripts/{transcript_id}"] == ("done", None)
    through = [each for each in stage.asked(transcript_id) if each["status"] == 200]
    assert len(through) == 4
