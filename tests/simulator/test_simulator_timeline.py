"""What can be seen when: every thing appears at its simulated time."""

import pytest

from simulator import ControlClient, ControlError
from tests.simulator.support import Api, Json, Webex

WIDE = {"from_": "2020-01-01T00:00:00Z", "to": "2040-01-01T00:00:00Z"}


@pytest.fixture
def meeting(control: ControlClient) -> Json:
    """A meeting that ended at this moment, with Webex's usual delays."""
    return control.hold_meeting(recordings=2)


def test_details_of_an_ended_meeting_are_404_for_fifteen_minutes(
    api: Api, control: ControlClient, meeting: Json
) -> None:
    path = f"/meetings/{meeting['meeting_id']}"

    control.advance(899)
    before = api.get(path)
    control.advance(1)
    after = api.get(path)

    assert before.status_code == 404
    assert before.json()["message"] == "The requested resource could not be found."
    assert after.json()["state"] == "ended"


def test_the_list_of_meetings_knows_an_ended_one_after_the_same_delay(
    api: Api, control: ControlClient, meeting: Json
) -> None:
    wanted = {"meetingType": "meeting", "state": "ended", **WIDE}
    assert api.items("/meetings", **wanted) == []

    control.advance(900)

    (found,) = api.items("/meetings", **wanted)
    assert found["id"] == meeting["meeting_id"]
    assert found["meetingSeriesId"] == meeting["series_id"]
    assert (found["hasRecording"], found["hasTranscription"]) == (True, True)


def test_recordings_are_an_empty_list_until_all_are_there_at_once(
    api: Api, control: ControlClient, meeting: Json
) -> None:
    control.advance(118)
    before = api.items("/recordings", meetingId=meeting["meeting_id"])
    one = api.get(f"/recordings/{meeting['recording_ids'][0]}").status_code
    control.advance(1)
    after = api.items("/recordings", meetingId=meeting["meeting_id"])

    assert (before, one) == ([], 404)
    assert {item["id"] for item in after} == set(meeting["recording_ids"])


def test_transcripts_appear_after_their_delay(
    api: Api, control: ControlClient, meeting: Json
) -> None:
    transcript_id = meeting["transcript_ids"][0]
    control.advance(239)
    assert api.items("/meetingTranscripts", meetingId=meeting["meeting_id"]) == []
    assert api.get(f"/meetingTranscripts/{transcript_id}/download").status_code == 404

    control.advance(1)

    (found,) = api.items("/meetingTranscripts", meetingId=meeting["meeting_id"])
    assert found["id"] == transcript_id
    assert api.get(f"/meetingTranscripts/{transcript_id}/download").status_code == 200


def test_participants_have_placeholders_until_they_are_final(
    api: Api, control: ControlClient
) -> None:
    meeting = control.hold_meeting(participant_count=20)
    before = api.items("/meetingParticipants", meetingId=meeting["meeting_id"], max=100)
    control.advance(600)
    after = api.items("/meetingParticipants", meetingId=meeting["meeting_id"], max=100)

    placeholder = "1970-01-01T00:00:00.000Z"
    assert any(person["joinedTime"] == placeholder for person in before)
    assert any("leftTime" not in person for person in before)
    assert all(person["leftTime"] > person["joinedTime"] > "2" for person in after)
    assert len(after) == 20


def test_some_guests_have_no_address(api: Api, control: ControlClient) -> None:
    meeting = control.hold_meeting(participant_count=5)

    people = api.items("/meetingParticipants", meetingId=meeting["meeting_id"])

    assert "" in {person["email"] for person in people}
    assert people[0]["host"] is True
    assert people[0]["email"] == "host@example.com"


def test_a_meeting_runs_until_its_end(api: Api, control: ControlClient) -> None:
    now = control.call("GET", "/clock")["now"]
    meeting = control.hold_meeting(start=now, duration_seconds=600, timeline="instant")
    path = f"/meetings/{meeting['meeting_id']}"

    running = api.json(path)
    control.advance(600)
    ended = api.json(path)

    assert running["state"] == "inProgress"
    assert "end" not in running
    assert ended["state"] == "ended"


def test_a_planned_meeting_has_no_instance_yet(api: Api, control: ControlClient) -> None:
    meeting = control.hold_meeting(start="2035-01-01T10:00:00Z")

    assert api.get(f"/meetings/{meeting['meeting_id']}").status_code == 404
    assert api.json(f"/meetings/{meeting['series_id']}")["state"] == "active"
    assert api.json(f"/meetings/{meeting['scheduled_id']}")["state"] == "scheduled"


def test_a_recording_can_be_added_later(webex: Webex) -> None:
    control = webex.simulator.control
    meeting = webex.meeting(recordings=0)

    added = control.add_recording(meeting["meeting_id"], bytes=9000, delay_seconds=60)
    before = webex.api.items("/recordings", meetingId=meeting["meeting_id"])
    control.advance(60)
    after = webex.api.items("/recordings", meetingId=meeting["meeting_id"])

    assert before == []
    assert [item["id"] for item in after] == [added["recording_id"]]


def test_a_transcript_can_be_added_later(webex: Webex) -> None:
    meeting = webex.meeting(transcripts=0)

    added = webex.simulator.control.add_transcript(meeting["meeting_id"], snippets=3)

    transcript_id = added["transcript_id"]
    assert len(webex.api.items(f"/meetingTranscripts/{transcript_id}/snippets")) == 3


def test_a_deleted_recording_is_gone_but_the_flag_stays(webex: Webex) -> None:
    meeting = webex.meeting()
    recording_id = meeting["recording_ids"][0]

    webex.simulator.control.call("DELETE", f"/recordings/{recording_id}")

    assert webex.api.get(f"/recordings/{recording_id}").status_code == 404
    assert webex.api.items("/recordings") == []
    assert [item["id"] for item in webex.api.items("/recordings", status="deleted")] == [
        recording_id
    ]
    (listed,) = webex.api.items("/meetings", meetingType="meeting", state="ended")
    assert listed["hasRecording"] is True


def test_a_frozen_clock_moves_only_by_advance(control: ControlClient) -> None:
    first = control.call("GET", "/clock")
    second = control.call("GET", "/clock")
    moved = control.advance(3600)

    assert first == second
    assert first["frozen"] is True
    assert moved["now"] > second["now"]


def test_the_clock_says_how_far_it_can_go_in_one_step(control: ControlClient) -> None:
    assert control.call("GET", "/clock")["next"] is None

    control.hold_meeting(timeline={"ended_webhook": 5, "recording_webhook": 90})
    moments = []
    while next_at := control.call("GET", "/clock")["next"]:
        moments.append(next_at)
        control.call("POST", "/clock", {"now": next_at})

    assert moments == sorted(set(moments))
    assert len(moments) >= 2


def test_the_clock_can_be_set_and_let_go(control: ControlClient) -> None:
    control.call("POST", "/clock", {"now": "2021-05-14T20:26:54Z", "freeze": False})

    clock = control.call("GET", "/clock")

    assert clock["frozen"] is False
    assert clock["now"].startswith("2021-05-14T20:26:5")


def test_the_truth_tells_when_everything_is_ready(control: ControlClient) -> None:
    meeting = control.hold_meeting(end="2021-05-14T20:26:54Z", timeline={"transcripts": None})

    truth = control.truth(meeting["meeting_id"])

    assert truth["ready"]["meetings"] == "2021-05-14T20:41:54.000Z"
    assert truth["ready"][meeting["recording_ids"][0]] == "2021-05-14T20:28:53.000Z"
    assert truth["ready"][meeting["transcript_ids"][0]] is None
    assert {file["kind"] for file in truth["files"]} == {"video", "audio"}


@pytest.mark.parametrize(
    "order",
    [
        {"titel": "a typing error"},
        {"recordings": [{"bytes": 10}]},
        {"start": "2021-05-14T20:26:54Z", "end": "2021-05-14T20:20:00Z"},
        {"participants": "many"},
        {"timeline": {"soon": 5}},
        {"end": "yesterday"},
    ],
)
def test_a_wrong_order_is_refused_with_a_reason(control: ControlClient, order: Json) -> None:
    with pytest.raises(ControlError, match=r"POST /meetings: .+"):
        control.hold_meeting(**order)


def test_an_id_is_given_only_once(control: ControlClient) -> None:
    control.hold_meeting(meeting_id="a" * 32 + "_I_1", recordings=[{"id": "r"}])

    with pytest.raises(ControlError, match="already"):
        control.hold_meeting(meeting_id="a" * 32 + "_I_1")
    with pytest.raises(ControlError, match="already"):
        control.hold_meeting(recordings=[{"id": "r"}])
