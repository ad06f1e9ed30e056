"""The resources of a meeting are asked for in a way that Webex answers completely."""

import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from urllib.parse import parse_qs

import pytest

from app.errors import IdUnusable, NotFound, PartialList
from app.models.webex import Recording, Webhook
from app.webex import history, planned, resources, webhooks
from app.webex.addresses import part
from app.webex.client import WebexClient
from simulator import Simulator
from tests.webex.conftest import NOW, MakeClient
from tests.webex.host import Answer, Host


@pytest.fixture
def meeting(simulator: Simulator) -> dict[str, Any]:
    return simulator.control.hold_meeting(recordings=2, transcripts=2, timeline="instant")


def asked(simulator: Simulator, path: str) -> list[dict[str, list[str]]]:
    return [parse_qs(each["query"]) for each in simulator.control.requests(path_contains=path)]


def test_a_meeting_has_its_details(client: WebexClient, meeting: dict[str, Any]) -> None:
    details = resources.meeting(client, meeting["meeting_id"])

    assert (details.id, details.state) == (meeting["meeting_id"], "ended")
    assert details.site_url == "example.webex.com"


def test_a_meeting_that_is_not_there_yet_is_not_found(client: WebexClient) -> None:
    with pytest.raises(NotFound):
        resources.meeting(client, "0" * 32 + "_I_1")


def test_participants_are_all_there(
    simulator: Simulator, client: WebexClient, meeting: dict[str, Any]
) -> None:
    simulator.control.change_settings(page_size_cap=1)

    people = resources.participants(client, meeting["meeting_id"])

    assert len(people) == 4
    assert all(person.is_final for person in people)


@pytest.mark.parametrize("path", ["/recordings", "/meetingTranscripts"])
def test_from_and_to_are_always_sent_with_seconds_and_z(
    simulator: Simulator, client: WebexClient, meeting: dict[str, Any], path: str
) -> None:
    since = NOW.replace(microsecond=123_456)
    _list(path, client, meeting["meeting_id"], since, NOW)

    (query,) = asked(simulator, path)
    assert query["from"] == ["2026-03-01T09:00:00Z"]
    assert query["to"] == ["2026-03-03T09:00:00Z"]
    assert query["meetingId"] == [meeting["meeting_id"]]
    assert query["max"] == ["100"]


@pytest.mark.parametrize("path", ["/recordings", "/meetingTranscripts"])
def test_a_long_span_is_asked_in_windows_of_thirty_days_without_gaps(
    simulator: Simulator, client: WebexClient, meeting: dict[str, Any], path: str
) -> None:
    found = _list(path, client, meeting["meeting_id"], NOW - timedelta(days=70), NOW)

    windows = [(each["from"][0], each["to"][0]) for each in asked(simulator, path)]
    assert len(found) == 2
    assert len(windows) == 3
    assert all(end == start for (_, end), (start, _) in pairwise(windows))
    assert (windows[0][0], windows[-1][1]) == ("2025-12-21T09:00:00Z", "2026-03-03T09:00:00Z")


def test_old_recordings_are_found_although_webex_looks_back_seven_days_only(
    simulator: Simulator, client: WebexClient, meeting: dict[str, Any]
) -> None:
    simulator.control.advance(20 * 24 * 3600)

    found = resources.recordings(
        client, meeting["meeting_id"], since=NOW, now=NOW + timedelta(days=20)
    )

    assert len(found) == 2


def test_a_recording_in_two_windows_counts_once(make_client: MakeClient) -> None:
    with Host(Answer(body=b'{"items": [{"id": "r"}, {"id": "r"}]}')) as host:
        since = NOW - timedelta(days=40)

        found = resources.recordings(make_client(host.url), "m", since=since, now=NOW)

        assert [each.id for each in found] == ["r"]
        assert len(host.requests) == 2


@pytest.mark.parametrize("odd", [{"topic": "no id"}, {"id": None}, {"id": ["r2"]}])
def test_a_recording_that_is_not_as_described_hides_no_other(
    make_client: MakeClient, odd: dict[str, Any]
) -> None:
    items = [{"id": "r1", "meetingId": "m_I_1"}, odd, {"id": "r3", "meetingId": "m_I_1"}]
    answer = Answer(body=json.dumps({"items": items}).encode())
    with Host(answer) as host, pytest.raises(PartialList, match="id is wrong") as partial:
        resources.recordings(make_client(host.url), "m_I_1", since=NOW, now=NOW)

    assert [each.id for each in partial.value.items] == ["r1", "r3"]


def test_transcripts_of_the_account_are_asked_without_a_meeting(
    simulator: Simulator, client: WebexClient
) -> None:
    simulator.control.hold_meeting(transcripts=2, timeline="instant")

    found = resources.transcripts(client, None, since=NOW, now=NOW)

    assert len(found) == 2
    assert "meetingId" not in asked(simulator, "/meetingTranscripts")[0]


def test_a_recordings_links_are_fresh(client: WebexClient, meeting: dict[str, Any]) -> None:
    first = _recording(client, meeting)

    links = resources.recording(client, first.id).temporary_direct_download_links

    assert links is not None
    assert links.expiration == NOW + timedelta(hours=3)
    assert links.recording_download_link != links.audio_download_link


@pytest.mark.parametrize(("text_format", "start"), [("vtt", b"WEBVTT"), ("txt", b"")])
def test_a_transcripts_text_comes_from_an_address_made_of_its_id(
    simulator: Simulator,
    client: WebexClient,
    meeting: dict[str, Any],
    text_format: str,
    start: bytes,
) -> None:
    (transcript, *_) = resources.transcripts(client, meeting["meeting_id"], since=NOW, now=NOW)

    text = resources.transcript_text(client, transcript.id, meeting["meeting_id"], text_format)

    assert text.startswith(start)
    assert len(text) > 100
    (query,) = asked(simulator, "/download")
    assert query == {"meetingId": [meeting["meeting_id"]], "format": [text_format]}


@pytest.mark.parametrize("profile", ["spec", "guide"])
def test_snippets_are_the_same_in_both_spellings(
    simulator: Simulator, client: WebexClient, meeting: dict[str, Any], profile: str
) -> None:
    simulator.control.change_settings(profile=profile, page_size_cap=5)
    (transcript, *_) = resources.transcripts(client, meeting["meeting_id"], since=NOW, now=NOW)

    snippets = resources.snippets(client, transcript.id)

    offsets = [each.offset_milliseconds for each in snippets]
    assert len(snippets) == 12
    assert None not in offsets
    assert offsets == sorted(each for each in offsets if each is not None)


def test_an_id_cannot_lead_to_another_resource(make_client: MakeClient) -> None:
    with Host(Answer(404)) as host:
        for ask in (resources.meeting, resources.recording, resources.snippets):
            with pytest.raises(NotFound):
                ask(make_client(host.url), "../people/me?x=1#y")

        assert {each.path.count("/") for each in host.requests} <= {2, 3}
        assert all("..%2Fpeople%2Fme%3Fx%3D1%23y" in each.path for each in host.requests)


@pytest.mark.parametrize("unusable", [".", "..", "...", "\ud800", "x" * 513])
def test_an_id_that_would_lead_elsewhere_is_never_asked_for(
    make_client: MakeClient, unusable: str
) -> None:
    webhook = Webhook.model_construct(id=unusable, name="x")
    with Host(Answer(404)) as host:
        client = make_client(host.url)
        for ask in (
            lambda: resources.meeting(client, unusable),
            lambda: resources.recording(client, unusable),
            lambda: resources.snippets(client, unusable),
            lambda: resources.transcript_text(client, unusable, "m", "vtt"),
            lambda: planned.let_record(client, unusable, on=True),
            lambda: webhooks.delete(client, webhook),
            lambda: webhooks.repair(client, webhook, target_url="http://127.0.0.1:9", secret=None),
        ):
            with pytest.raises(IdUnusable):
                ask()

        assert host.requests == []


@pytest.mark.parametrize("unusable", [None, "", True, [], {}, 1.5])
def test_what_is_no_id_is_no_part_of_an_address(unusable: Any) -> None:
    with pytest.raises(IdUnusable):
        part(unusable)


@pytest.mark.parametrize(("usable", "as_part"), [("a..b", "a..b"), (7, "7"), ("..%2e", "..%252e")])
def test_an_id_with_dots_in_it_may_be_one(usable: Any, as_part: str) -> None:
    assert part(usable) == as_part


def test_whose_token_it_is(client: WebexClient) -> None:
    assert resources.me(client).emails == ["host@example.com"]


def test_a_webhook_is_created_listed_repaired_and_deleted(client: WebexClient) -> None:
    target_url = "http://127.0.0.1:9/webhooks/webex"

    made = webhooks.create(client, "meetings", "ended", target_url=target_url, secret="s3cret")
    webhooks.repair(client, made, target_url=target_url, secret="another")

    (listed,) = webhooks.webhooks(client)
    assert (listed.id, listed.secret) == (made.id, "another")
    assert (made.target_url, made.status) == (target_url, "active")
    webhooks.delete(client, made)
    assert webhooks.webhooks(client) == []


def test_the_webhooks_that_are_wanted_are_accepted_by_webex(client: WebexClient) -> None:
    for resource, event in webhooks.WANTED:
        webhooks.create(client, resource, event, target_url="http://127.0.0.1:9/", secret=None)

    assert len(webhooks.webhooks(client)) == len(webhooks.WANTED)


def _recording(client: WebexClient, meeting: dict[str, Any]) -> Any:
    return resources.recordings(client, meeting["meeting_id"], since=NOW, now=NOW)[0]


def _list(path: str, client: WebexClient, meeting_id: str, since: Any, now: Any) -> list[Any]:
    if path == "/recordings":
        return list(resources.recordings(client, meeting_id, since=since, now=now))
    return list(resources.transcripts(client, meeting_id, since=since, now=now))


def test_a_list_that_is_as_long_as_a_list_can_be_is_read_in_halves() -> None:
    since = datetime(2026, 3, 1, tzinfo=UTC)
    spans: list[tuple[str, str]] = []

    def find(span: dict[str, str]) -> list[history.Listed]:
        spans.append((span["from"][8:], span["to"][8:]))
        is_long = len(spans) in (1, 2)
        return [Recording(id=f"r{len(spans)}")] * (history.MOST_LISTED if is_long else 1)

    found = [each.id for some in history.listed_between(find, since, NOW) for each in some]

    assert found == ["r3", "r4", "r5"]
    assert spans == [
        ("01T00:00:00Z", "02T09:00:00Z"),
        ("01T00:00:00Z", "01T16:30:00Z"),
        ("01T00:00:00Z", "01T08:15:00Z"),
        ("01T08:15:00Z", "01T16:30:00Z"),
        ("01T16:30:00Z", "02T09:00:00Z"),
    ]
