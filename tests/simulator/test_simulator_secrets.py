"""Secrets: with a marker every one of them can be found again, wherever it went."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from simulator import Settings, Simulator
from tests.simulator.support import Api, Receiver, Webex
from tests.simulator.test_simulator_tokens import REFRESH

MARKER = "s3cr3t-marker"
SECRET_KEYS = {
    "password",
    "phoneAndVideoSystemPassword",
    "hostKey",
    "accessCode",
    "downloadUrl",
    "playbackUrl",
    "recordingViewerInfoToken",
    "recordingDownloadLink",
    "audioDownloadLink",
    "transcriptDownloadLink",
    "access_token",
}


@pytest.fixture
def leaky() -> Iterator[Webex]:
    settings = Settings(secret_marker=MARKER, leaky=True)
    with Simulator(settings) as simulator, Api(simulator.api_url) as api:
        yield Webex(simulator, api)


def secrets_in(value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in SECRET_KEYS:
                yield key, str(inner)
            yield from secrets_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from secrets_in(inner)


def test_every_secret_that_is_handed_out_contains_the_marker(
    leaky: Webex, receiver: Receiver
) -> None:
    for resource, event in [
        ("meetings", "ended"),
        ("recordings", "created"),
        ("meetingTranscripts", "created"),
    ]:
        leaky.api.register(receiver.url, resource, event, secret="plain")
    meeting = leaky.meeting()
    answers = [
        leaky.api.json(f"/meetings/{meeting['meeting_id']}"),
        leaky.api.json(f"/meetings/{meeting['series_id']}"),
        leaky.api.json("/meetings", meetingType="meeting"),
        leaky.api.json("/recordings"),
        leaky.api.json(f"/recordings/{meeting['recording_ids'][0]}"),
        leaky.api.call("POST", "/access_token", data=REFRESH).json(),
        *(each.data for each in receiver.received),
    ]

    found = [pair for answer in answers for pair in secrets_in(answer)]

    assert {key for key, _ in found} == SECRET_KEYS
    assert [key for key, value in found if MARKER not in value] == []
    assert all(any(secrets_in(each.data)) for each in receiver.received)


def test_without_leaks_events_and_ended_meetings_carry_no_secret(
    webex: Webex, receiver: Receiver
) -> None:
    webex.api.register(receiver.url, "meetings", "ended")
    webex.api.register(receiver.url, "recordings", "created")
    meeting = webex.meeting()

    details = webex.api.json(f"/meetings/{meeting['meeting_id']}")

    assert list(secrets_in(details)) == []
    assert [each for received in receiver.received for each in secrets_in(received.data)] == []


def test_links_with_a_marker_still_work(leaky: Webex) -> None:
    meeting = leaky.meeting()
    link = leaky.api.links(meeting["recording_ids"][0])["recordingDownloadLink"]

    with Api("", None) as anonymous:
        assert anonymous.get(link).status_code == 200
    assert MARKER not in json.dumps(leaky.simulator.control.requests(origin="media"))
