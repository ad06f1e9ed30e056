"""The guide profile: exactly the few fields that the samples of Webex's guide show."""

from collections.abc import Iterator

import pytest

from simulator import Settings, Simulator
from tests.simulator.support import Api, Json, Webex

MEETING_ID = "501e995485e2460bb129410116757b13_I_194316955237236650"
RECORDING_ID = "724a81a697201039a976005056819cde"
TRANSCRIPT_ID = "a5038f0b-320a-456f-a51f-7541eeb0eae5_M_501e995485e2460bb129410116757b13"
RECORDING_FIELDS = {
    "id",
    "meetingId",
    "scheduledMeetingId",
    "meetingSeriesId",
    "topic",
    "createTime",
    "siteUrl",
    "downloadUrl",
    "playbackUrl",
    "password",
    "format",
    "durationSeconds",
    "sizeBytes",
    "shareToMe",
}


@pytest.fixture
def guide() -> Iterator[Webex]:
    """The meeting of the guide, two minutes after its recording was made."""
    settings = Settings(profile="guide")
    with Simulator(settings) as simulator, Api(simulator.api_url) as api:
        simulator.control.freeze()
        simulator.control.call("POST", "/clock", {"now": "2021-05-14T20:26:54Z"})
        simulator.control.hold_meeting(
            title="Test meeting",
            meeting_id=MEETING_ID,
            start="2021-05-14T20:25:19Z",
            scheduled_start="2021-05-14T20:30:00Z",
            end="2021-05-14T20:26:54Z",
            recordings=[{"id": RECORDING_ID, "bytes": 4982263}],
            transcripts=[{"id": TRANSCRIPT_ID}],
        )
        simulator.control.advance(900)
        yield Webex(simulator, api)


def only(items: list[Json]) -> Json:
    (item,) = items
    return item


def test_a_recording_is_the_one_of_the_guide(guide: Webex) -> None:
    recording = only(guide.api.items("/recordings", meetingId=MEETING_ID))

    assert set(recording) == RECORDING_FIELDS
    expected = {
        "id": RECORDING_ID,
        "meetingId": MEETING_ID,
        "scheduledMeetingId": "501e995485e2460bb129410116757b13_20210514T203000Z",
        "meetingSeriesId": "501e995485e2460bb129410116757b13",
        "topic": "Test meeting-20210514 2025-1",
        "createTime": "2021-05-14T20:28:53Z",
        "format": "MP4",
        "durationSeconds": 85,
        "sizeBytes": 4982263,
        "shareToMe": False,
    }
    assert {key: recording[key] for key in expected} == expected


def test_details_of_a_recording_add_links_without_a_transcript(guide: Webex) -> None:
    recording = guide.api.json(f"/recordings/{RECORDING_ID}")

    assert set(recording) == RECORDING_FIELDS | {"temporaryDirectDownloadLinks"}
    links = recording["temporaryDirectDownloadLinks"]
    assert set(links) == {"recordingDownloadLink", "audioDownloadLink", "expiration"}
    assert links["expiration"] == "2021-05-14T23:41:54Z"


def test_a_transcript_has_five_fields(guide: Webex) -> None:
    transcript = only(guide.api.items("/meetingTranscripts", meetingId=MEETING_ID))

    base = f"{guide.api.base_url}/meetingTranscripts/{TRANSCRIPT_ID}/download"
    assert transcript == {
        "id": TRANSCRIPT_ID,
        "meetingId": MEETING_ID,
        "startTime": "2021-05-14T20:25:22Z",
        "vttDownloadLink": f"{base}?meetingId={MEETING_ID}&format=vtt",
        "txtDownloadLink": f"{base}?meetingId={MEETING_ID}&format=txt",
    }


def test_the_links_of_a_transcript_can_be_followed(guide: Webex) -> None:
    transcript = only(guide.api.items("/meetingTranscripts"))

    vtt, txt = (guide.api.get(transcript[f"{kind}DownloadLink"]) for kind in ("vtt", "txt"))

    assert vtt.headers["Content-Type"] == "text/vtt"
    assert vtt.content.startswith(b"WEBVTT")
    assert "Harriet Host" in txt.content.decode()


def test_a_snippet_has_offset_and_duration(guide: Webex) -> None:
    snippet = guide.api.items(f"/meetingTranscripts/{TRANSCRIPT_ID}/snippets")[0]

    assert set(snippet) == {"id", "text", "personName", "personEmail", "offset", "duration"}
    assert snippet["id"].endswith("_00001")


def test_an_ended_meeting_has_few_fields(guide: Webex) -> None:
    meeting = guide.api.json(f"/meetings/{MEETING_ID}")

    assert meeting["start"] == "2021-05-14T20:25:19Z"
    assert set(meeting) == {
        "id",
        "title",
        "meetingType",
        "state",
        "timezone",
        "start",
        "end",
        "hostUserId",
        "hostDisplayName",
        "hostEmail",
        "siteUrl",
    }
