"""A client that others have written finds in the simulator what it finds at Webex."""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from tests.simulator.support import ADMIN_TOKEN, TOKEN, Json, Webex

if TYPE_CHECKING:
    from wxc_sdk import WebexSimpleApi

MakeSdk = Callable[[str], "WebexSimpleApi"]


@pytest.fixture
def make_sdk(webex: Webex, monkeypatch: pytest.MonkeyPatch) -> Iterator[MakeSdk]:
    """Make the client, asking the simulator with a token."""
    if sys.version_info >= (3, 14):
        pytest.skip("wxc-sdk is not made for Python 3.14")
    # Here, since every process that runs tests would wait two seconds for it.
    from wxc_sdk import WebexSimpleApi
    from wxc_sdk.rest import RestSession

    monkeypatch.setattr(RestSession, "BASE", webex.simulator.api_url)
    with ExitStack() as stack:
        yield lambda token: stack.enter_context(WebexSimpleApi(tokens=token))


@pytest.fixture
def sdk(make_sdk: MakeSdk) -> "WebexSimpleApi":
    """The client of a host."""
    return make_sdk(TOKEN)


@pytest.fixture
def meeting(webex: Webex) -> Json:
    extras = {"chats": 2, "questions": 2, "captions": True}
    return webex.meeting(recordings=3, transcripts=2, participant_count=5, extras=extras)


def test_it_lists_meetings(sdk: "WebexSimpleApi", meeting: Json) -> None:
    listed = list(sdk.meetings.list(meeting_type="meeting", state="ended"))

    assert [each.id for each in listed] == [meeting["meeting_id"]]
    assert sdk.meetings.get(meeting_id=meeting["meeting_id"]).id == meeting["meeting_id"]


def test_it_lists_recordings_over_several_pages(
    webex: Webex, sdk: "WebexSimpleApi", meeting: Json
) -> None:
    webex.simulator.control.change_settings(page_size_cap=2)

    listed = list(sdk.meetings.recordings.list_recordings(meeting_id=meeting["meeting_id"]))

    assert {each.id for each in listed} == set(meeting["recording_ids"])
    details = sdk.meetings.recordings.get_recording_details(
        recording_id=meeting["recording_ids"][0]
    )
    assert details.temporary_direct_download_links is not None


def test_it_lists_transcripts_and_what_was_said(sdk: "WebexSimpleApi", meeting: Json) -> None:
    listed = list(sdk.meetings.transcripts.list(meeting_id=meeting["meeting_id"]))
    said = list(sdk.meetings.transcripts.list_snippets(transcript_id=meeting["transcript_ids"][0]))

    assert {each.id for each in listed} == set(meeting["transcript_ids"])
    assert len(said) == 12
    assert all(each.text and each.duration_millisecond for each in said)


def test_it_lists_participants(webex: Webex, sdk: "WebexSimpleApi", meeting: Json) -> None:
    listed = list(sdk.meetings.participants.list_participants(meeting_id=meeting["meeting_id"]))

    there = webex.simulator.control.truth(meeting["meeting_id"])["participants"]
    assert {each.id for each in listed} == {each["id"] for each in there}
    assert [each.host for each in listed].count(True) == 1


def test_it_lists_chats_questions_and_who_was_invited(sdk: "WebexSimpleApi", meeting: Json) -> None:
    chats = list(sdk.meetings.chats.list(meeting["meeting_id"]))
    questions = list(sdk.meetings.qanda.list(meeting["meeting_id"]))
    asked = str(questions[0].id)
    answers = list(sdk.meetings.qanda.list_answers(asked, meeting["meeting_id"]))
    invited = list(sdk.meetings.invitees.list(meeting["meeting_id"]))

    assert [len(found) for found in (chats, questions, answers, invited)] == [2, 2, 5, 3]
    assert {each.meeting_id for each in chats} == {meeting["meeting_id"]}


def test_an_administrator_lists_recordings_and_registers_for_everybody(
    make_sdk: MakeSdk, meeting: Json
) -> None:
    admin = make_sdk(ADMIN_TOKEN)
    from wxc_sdk.webhook import WebhookEventType, WebhookResource

    made = admin.webhook.create(
        name="n",
        target_url="http://127.0.0.1:9/",
        resource=WebhookResource("meetings"),
        event=WebhookEventType("ended"),
        owned_by="org",
    )
    listed = admin.meetings.recordings.list_recordings_for_an_admin_or_compliance_officer()

    assert {each.id for each in listed} == set(meeting["recording_ids"])
    assert [each.webhook_id for each in admin.webhook.list()] == [made.webhook_id]
