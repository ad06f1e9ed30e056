"""Every answer against Webex's own description, or, where that is not at hand, key lists."""

from typing import Any

import pytest

from tests.simulator.description import answer_problems, problems
from tests.simulator.support import Json, Webex

# What a program may rely on, written down here so that this also holds without the file.
SURE: dict[str, set[str]] = {
    "/webhooks": {"id", "name", "targetUrl", "resource", "event", "status", "created", "ownedBy"},
    "meetingSeries": {
        *("id", "title", "meetingType", "state", "timezone", "start", "end", "hostUserId"),
        *("hostDisplayName", "hostEmail", "hostKey", "password", "siteUrl", "webLink"),
        *("telephony", "enabledAutoRecordMeeting", "enabledBreakoutSessions"),
    },
    "instance": {
        *("id", "title", "meetingType", "state", "timezone", "start", "end", "hostUserId"),
        *("hostDisplayName", "hostEmail", "siteUrl"),
    },
    "/recordings": {
        *("id", "meetingId", "scheduledMeetingId", "meetingSeriesId", "topic", "createTime"),
        *("timeRecorded", "siteUrl", "downloadUrl", "playbackUrl", "password", "format"),
        *("serviceType", "durationSeconds", "sizeBytes", "shareToMe", "status"),
    },
    "/meetingTranscripts": {
        *("id", "siteUrl", "startTime", "meetingTopic", "meetingId", "scheduledMeetingId"),
        *("meetingSeriesId", "hostUserId", "vttDownloadLink", "txtDownloadLink", "status"),
    },
    "snippets": {
        *("id", "text", "personName", "personEmail", "offsetMillisecond", "durationMillisecond"),
    },
    "/meetingParticipants": {
        *("id", "host", "coHost", "email", "displayName", "invitee", "meetingStartTime", "state"),
        *("siteUrl", "meetingId", "hostEmail", "devices"),
    },
    "/people/me": {"id", "emails", "displayName", "orgId", "created", "type"},
}
SURE["listed instance"] = SURE["instance"] | {
    *("meetingSeriesId", "scheduledMeetingId", "hasRecording", "hasTranscription"),
}


def check(webex: Webex, method: str, rule: str, path: str, **options: Any) -> Json:
    """Make a call and compare status, content type and body with the description."""
    response = webex.api.call(method, path, **options)
    assert response.status_code == 200, response.text
    assert response.headers["trackingId"]
    body: Json = response.json()
    assert list(answer_problems(f"{method} {rule}", response)) == []
    return body


def assert_sure(items: list[Json], kind: str) -> None:
    assert items
    for item in items:
        assert SURE[kind] - set(item) == set()


@pytest.fixture
def meeting(webex: Webex) -> Json:
    return webex.meeting(recordings=2, transcripts=2, participant_count=6)


def test_webhooks_are_as_described(webex: Webex) -> None:
    body = {
        "name": "n",
        "targetUrl": "http://127.0.0.1:9/x",
        "resource": "meetings",
        "event": "ended",
        "secret": "s",
        "filter": "state=ended",
    }
    created = check(webex, "POST", "/webhooks", "/webhooks", json=body)
    path = f"/webhooks/{created['id']}"
    read = check(webex, "GET", "/webhooks/{webhookId}", path)
    changed = check(webex, "PUT", "/webhooks/{webhookId}", path, json=body)
    listed = check(webex, "GET", "/webhooks", "/webhooks")["items"]

    assert_sure([created, read, changed, *listed], "/webhooks")


def test_an_ended_meeting_is_as_described(webex: Webex, meeting: Json) -> None:
    path = f"/meetings/{meeting['meeting_id']}"

    assert_sure([check(webex, "GET", "/meetings/{meetingId}", path)], "instance")


@pytest.mark.parametrize("key", ["series_id", "scheduled_id"])
def test_a_series_and_an_occurrence_are_as_described(webex: Webex, meeting: Json, key: str) -> None:
    path = f"/meetings/{meeting[key]}"
    changes = {"enabledAutoRecordMeeting": True, "sendEmail": False}

    read = check(webex, "GET", "/meetings/{meetingId}", path)
    changed = check(webex, "PATCH", "/meetings/{meetingId}", path, json=changes)

    assert_sure([read, changed], "meetingSeries")


def test_lists_of_meetings_are_as_described(webex: Webex, meeting: Json) -> None:
    webex.simulator.control.hold_meeting(scheduled_start=in_an_hour(webex))
    ended = check(webex, "GET", "/meetings", "/meetings?meetingType=meeting&state=ended")
    series = check(webex, "GET", "/meetings", "/meetings")
    occurrences = check(webex, "GET", "/meetings", "/meetings?meetingType=scheduledMeeting")

    assert meeting["meeting_id"] in {item["id"] for item in ended["items"]}
    assert_sure(ended["items"], "listed instance")
    assert_sure(series["items"] + occurrences["items"], "meetingSeries")


def in_an_hour(webex: Webex) -> str:
    webex.simulator.control.advance(3600)
    moment: str = webex.simulator.control.call("GET", "/clock")["now"]
    webex.simulator.control.advance(-3600)
    return moment


def test_recordings_are_as_described(webex: Webex, meeting: Json) -> None:
    listed = check(webex, "GET", "/recordings", "/recordings")["items"]
    path = f"/recordings/{meeting['recording_ids'][0]}"
    read = check(webex, "GET", "/recordings/{recordingId}", path)

    assert_sure([*listed, read], "/recordings")
    assert set(read["temporaryDirectDownloadLinks"]) == {
        "recordingDownloadLink",
        "audioDownloadLink",
        "transcriptDownloadLink",
        "expiration",
    }


def test_transcripts_are_as_described(webex: Webex, meeting: Json) -> None:
    listed = check(webex, "GET", "/meetingTranscripts", "/meetingTranscripts")["items"]
    path = f"/meetingTranscripts/{meeting['transcript_ids'][0]}/snippets"
    rule = "/meetingTranscripts/{transcriptId}/snippets"

    assert_sure(listed, "/meetingTranscripts")
    assert_sure(check(webex, "GET", rule, path)["items"], "snippets")


def test_a_transcript_is_downloaded_with_the_described_type(webex: Webex, meeting: Json) -> None:
    path = f"/meetingTranscripts/{meeting['transcript_ids'][0]}/download"

    assert webex.api.get(path).headers["Content-Type"] == "text/vtt"
    assert webex.api.get(path, format="txt").headers["Content-Type"].startswith("text/plain")


@pytest.mark.parametrize("timeline", ["instant", "realistic"])
def test_participants_are_as_described_before_and_after_they_are_final(
    webex: Webex, timeline: str
) -> None:
    meeting = webex.meeting(timeline=timeline, participant_count=8)
    path = f"/meetingParticipants?meetingId={meeting['meeting_id']}"

    body = check(webex, "GET", "/meetingParticipants", path)

    assert_sure(body["items"], "/meetingParticipants")


def test_the_caller_and_the_sites_are_as_described(webex: Webex) -> None:
    me = check(webex, "GET", "/people/me", "/people/me")
    sites = check(webex, "GET", "/meetingPreferences/sites", "/meetingPreferences/sites")

    assert_sure([me], "/people/me")
    assert sites["sites"][0]["default"] is True


def test_the_description_itself_would_notice_a_wrong_answer() -> None:
    schema = {"properties": {"id": {"type": "string"}, "on": {"type": "boolean"}}}

    found = list(problems({"id": 5, "on": True, "extra": 1}, schema, "answer"))

    assert found == ["answer.id: 5 is no string", "answer.extra is unknown"]
