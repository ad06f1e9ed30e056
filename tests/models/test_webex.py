"""Webex's answers become models at the border, or AnswerUnreadable, and nothing else."""

import copy
import re
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import AnswerUnreadable
from app.models.webex import (
    Event,
    MeetingDetails,
    MeetingParticipant,
    Recording,
    Transcript,
    TranscriptSnippet,
    WebexModel,
)
from tests.models import samples

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
EVENT_LIKE = st.fixed_dictionaries(
    {"resource": JSON | st.just("meetings"), "event": JSON | st.just("ended")},
    optional={
        "raw": JSON,
        "data": JSON
        | st.fixed_dictionaries(
            {"id": JSON | st.just("x_I_1")},
            optional=dict.fromkeys(("meetingId", "title", "start", "end", "raw"), JSON),
        ),
    },
)


def test_the_guides_ended_event_is_read() -> None:
    event = Event.read(samples.ENDED_EVENT)

    assert (event.resource, event.event) == ("meetings", "ended")
    assert event.data.id == samples.INSTANCE_ID
    assert event.data.start == datetime(2021, 5, 14, 20, 25, 19, tzinfo=UTC)
    assert event.data.end == datetime(2021, 5, 14, 20, 26, 54, tzinfo=UTC)
    assert event.data.host_email == "host@example.com"
    assert event.data.site_url == "example.webex.com"


def test_an_event_needs_only_resource_event_and_id() -> None:
    event = Event.read({"resource": "recordings", "event": "created", "data": {"id": "x"}})

    assert event.data.id == "x"
    assert event.data.meeting_id is None


def test_the_guides_listed_recording_is_read_without_the_newer_fields() -> None:
    recording = Recording.read(samples.LISTED_RECORDING)

    assert recording.id == samples.RECORDING_ID
    assert recording.meeting_id == samples.INSTANCE_ID
    assert (recording.format, recording.duration_seconds) == ("MP4", 85)
    assert recording.size_bytes == 4982263
    assert recording.temporary_direct_download_links is None
    assert recording.time_recorded is None
    assert recording.status is None


def test_the_guides_recording_details_have_links_and_their_end() -> None:
    links = Recording.read(samples.DETAILED_RECORDING).temporary_direct_download_links

    assert links is not None
    assert links.recording_download_link is not None
    assert links.recording_download_link.startswith("https://nsj1wss.webex.com/")
    assert links.audio_download_link is not None
    assert links.expiration == datetime(2021, 5, 17, 23, 29, 31, tzinfo=UTC)


def test_the_text_of_a_recording_shows_neither_links_nor_passwords() -> None:
    shown = repr(Recording.read(samples.DETAILED_RECORDING))

    assert re.search("http|ticket|tA3h", shown) is None


def test_the_guides_transcript_is_read() -> None:
    transcript = Transcript.read(samples.LISTED_TRANSCRIPT)

    assert transcript.id == samples.TRANSCRIPT_ID
    assert transcript.start_time == datetime(2021, 5, 14, 20, 25, 22, tzinfo=UTC)
    assert transcript.status is None


def test_the_guides_snippet_has_its_times_in_milliseconds() -> None:
    snippet = TranscriptSnippet.read(samples.SNIPPET)

    assert (snippet.offset_milliseconds, snippet.duration_milliseconds) == (1000, 1500)
    assert (snippet.text, snippet.person_name) == ("Hello everyone", "Alice Example")


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ({"offsetMillisecond": 1000, "durationMillisecond": 1500}, (1000, 1500)),
        ({"offsetMillisecond": "1000", "durationMillisecond": "1500"}, (1000, 1500)),
        ({"offset": "1000", "duration": "1500"}, (1000, 1500)),
        ({"offsetMillisecond": 7, "offset": 1, "duration": 2}, (7, 2)),
        ({"offset": "soon", "duration": None}, (None, None)),
        ({"offset": float("inf"), "duration": float("nan")}, (None, None)),
        ({"offset": 10**30, "duration": -(10**30)}, (None, None)),
        ({}, (None, None)),
    ],
)
def test_a_snippets_times_are_read_under_both_names(
    times: dict[str, Any], expected: tuple[int | None, int | None]
) -> None:
    snippet = TranscriptSnippet.read({"id": "s", "text": "x", **times})

    assert (snippet.offset_milliseconds, snippet.duration_milliseconds) == expected


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("Grüße 👋", "Grüße 👋"),
        ("a\x00b", "ab"),
        ("half \ud83d of a pair", "half ? of a pair"),
        (None, ""),
        (5, ""),
    ],
)
def test_a_snippets_text_can_be_kept_by_any_database(text: Any, kept: str) -> None:
    assert TranscriptSnippet.read({"id": "s", "text": text}).text == kept


@pytest.mark.parametrize(
    ("title", "kept"),
    [
        ("Weekly sync", "Weekly sync"),
        ("a\x00b", "ab"),
        ("\x00", None),
        ("", None),
        ("half \ud83d", "half ?"),
        (["Weekly"], None),
        (None, None),
    ],
)
def test_free_text_can_be_kept_by_any_database(title: Any, kept: str | None) -> None:
    assert MeetingDetails.read({"id": "m", "title": title}).title == kept


def test_a_participant_with_times_of_1970_is_not_final() -> None:
    unknown = "1970-01-01T00:00:00.000Z"

    person = MeetingParticipant.read({"id": "p", "joinedTime": unknown, "leftTime": unknown})

    assert (person.joined_time, person.left_time) == (None, None)
    assert not person.is_final


def test_a_participant_with_both_times_is_final() -> None:
    person = MeetingParticipant.read(
        {
            "id": "p",
            "host": True,
            "joinedTime": "2021-05-14T20:25:19Z",
            "leftTime": "2021-05-14T20:26:54Z",
        }
    )

    assert person.is_final
    assert person.host
    assert not person.co_host


@pytest.mark.parametrize(
    "model", [Event, MeetingDetails, Recording, Transcript, TranscriptSnippet, MeetingParticipant]
)
@pytest.mark.parametrize("value", [None, 5, "text", [], {}, {"id": ""}, {"id": "a\nb"}, {"id": 5}])
def test_what_has_no_usable_id_is_unreadable(model: type[WebexModel], value: Any) -> None:
    with pytest.raises(AnswerUnreadable, match="cannot be read"):
        model.read(value)


def test_an_unreadable_answer_names_the_field_and_never_its_value() -> None:
    with pytest.raises(AnswerUnreadable) as raised:
        Event.read({"resource": "meetings", "event": "ended", "data": {"id": "secret\n"}})

    assert "data.id" in str(raised.value)
    assert "secret" not in str(raised.value)
    assert raised.value.__cause__ is None


def test_what_was_read_keeps_what_webex_sent() -> None:
    sent = copy.deepcopy(samples.DETAILED_RECORDING)

    recording = Recording.read(sent)

    assert recording.raw == samples.DETAILED_RECORDING
    assert "raw" not in recording.model_dump()


def test_a_field_of_webex_named_raw_disturbs_nothing() -> None:
    sent = {"id": "r", "topic": "t", "raw": 5}

    assert Recording.read(sent).raw == sent


@settings(max_examples=300, deadline=None)
@given(JSON | EVENT_LIKE)
def test_any_json_is_an_event_or_unreadable(value: Any) -> None:
    try:
        event = Event.read(value)
    except AnswerUnreadable:
        return
    assert event.data.id == value["data"]["id"]
    assert event.data.title is None or "\x00" not in event.data.title
