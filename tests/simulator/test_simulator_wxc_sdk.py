"""A client that others have written finds in the simulator what it finds at Webex."""

from collections.abc import Iterator

import pytest
from wxc_sdk import WebexSimpleApi
from wxc_sdk.rest import RestSession

from tests.simulator.support import TOKEN, Json, Webex


@pytest.fixture
def sdk(webex: Webex, monkeypatch: pytest.MonkeyPatch) -> Iterator[WebexSimpleApi]:
    """The client, asking the simulator."""
    monkeypatch.setattr(RestSession, "BASE", webex.simulator.api_url)
    with WebexSimpleApi(tokens=TOKEN) as client:
        yield client


@pytest.fixture
def meeting(webex: Webex) -> Json:
    return webex.meeting(recordings=3, transcripts=2, participant_count=5)


def test_it_lists_meetings(sdk: WebexSimpleApi, meeting: Json) -> None:
    listed = list(sdk.meetings.list(meeting_type="meeting", state="ended"))

    assert [each.id for each in listed] == [meeting["meeting_id"]]
    assert sdk.meetings.get(meeting_id=meeting["meeting_id"]).id == meeting["meeting_id"]


def test_it_lists_recordings_over_several_pages(
    webex: Webex, sdk: WebexSimpleApi, meeting: Json
) -> None:
    webex.simulator.control.change_settings(page_size_cap=2)

    listed = list(sdk.meetings.recordings.list_recordings(meeting_id=meeting["meeting_id"]))

    assert {each.id for each in listed} == set(meeting["recording_ids"])
    details = sdk.meetings.recordings.get_recording_details(
        recording_id=meeting["recording_ids"][0]
    )
    assert details.temporary_direct_download_links is not None


def test_it_lists_transcripts_and_what_was_said(sdk: WebexSimpleApi, meeting: Json) -> None:
    listed = list(sdk.meetings.transcripts.list(meeting_id=meeting["meeting_id"]))
    said = list(sdk.meetings.transcripts.list_snippets(transcript_id=meeting["transcript_ids"][0]))

    assert {each.id for each in listed} == set(meeting["transcript_ids"])
    assert len(said) == 12
    assert all(each.text and each.duration_millisecond for each in said)


def test_it_lists_participants(sdk: WebexSimpleApi, meeting: Json) -> None:
    listed = list(sdk.meetings.participants.list_participants(meeting_id=meeting["meeting_id"]))

    assert len(listed) == 5
    assert [each.host for each in listed].count(True) == 1
