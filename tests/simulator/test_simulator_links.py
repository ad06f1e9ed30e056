"""The media origin: tickets, ranges, tags, expiry."""

import hashlib
import time
from typing import Any
from urllib.parse import parse_qs, urlparse

import pytest
import requests

from simulator import ControlClient
from tests.simulator.support import Api, Json, Webex


def fetch(link: str, **options: Any) -> requests.Response:
    options.setdefault("timeout", 10)
    with requests.Session() as session:
        session.trust_env = False
        return session.get(link, **options)


@pytest.fixture
def meeting(webex: Webex) -> Json:
    return webex.meeting(recordings=[{"bytes": 300_000}])


@pytest.fixture
def links(api: Api, meeting: Json) -> dict[str, str]:
    return api.links(meeting["recording_ids"][0])


def test_every_file_of_the_truth_can_be_downloaded(
    api: Api, control: ControlClient, meeting: Json
) -> None:
    names = {"video": "recordingDownloadLink", "audio": "audioDownloadLink"}
    files = control.truth(meeting["meeting_id"])["files"]
    for file in files:
        if file["resource"] == "recordings":
            body = fetch(api.links(file["resource_id"])[names[file["kind"]]]).content
        else:
            path = f"/meetingTranscripts/{file['resource_id']}/download"
            body = api.get(path, format=file["kind"]).content
        assert (len(body), hashlib.sha256(body).hexdigest()) == (file["bytes"], file["sha256"])

    assert [file["kind"] for file in files] == ["video", "audio", "vtt", "txt"]


def test_a_link_is_on_the_media_origin_and_looks_like_webex(
    webex: Webex, meeting: Json, links: dict[str, str]
) -> None:
    address = urlparse(links["recordingDownloadLink"])
    query = parse_qs(address.query)

    assert links["recordingDownloadLink"].startswith(webex.simulator.media_url)
    assert address.path == "/nbr/MultiThreadDownloadServlet"
    assert query["confid"] == [meeting["meeting_id"].split("_I_")[1]]
    assert {"siteid", "recordid", "ticket", "timestamp"} <= set(query)
    assert urlparse(links["audioDownloadLink"]).path.endswith("/audio.mp3")
    assert urlparse(links["transcriptDownloadLink"]).path.endswith("/transcript.txt")


def test_every_request_mints_new_links(api: Api, meeting: Json) -> None:
    first, second = (api.links(meeting["recording_ids"][0]) for _ in range(2))

    assert first["recordingDownloadLink"] != second["recordingDownloadLink"]
    assert first["expiration"] == second["expiration"], "the clock is frozen"


def test_a_download_names_its_type_length_and_file(links: dict[str, str]) -> None:
    response = fetch(links["recordingDownloadLink"])

    assert response.headers["Content-Type"] == "video/mp4"
    assert response.headers["Content-Length"] == "300000"
    assert response.headers["Accept-Ranges"] == "bytes"
    name = response.headers["Content-Disposition"]
    assert name.startswith("attachment; filename*=UTF-8''Weekly%20sync-")
    assert name.endswith("-1.mp4")


def test_a_head_request_tells_the_length_without_the_body(links: dict[str, str]) -> None:
    with requests.Session() as session:
        session.trust_env = False
        response = session.head(links["audioDownloadLink"], timeout=10)

    assert response.status_code == 200
    assert int(response.headers["Content-Length"]) > 100_000
    assert response.content == b""


@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [("bytes=1000-", 1000, 300_000), ("bytes=5-9", 5, 10), ("bytes=-7", 299_993, 300_000)],
)
def test_a_range_is_answered_with_that_part(
    links: dict[str, str], asked: str, start: int, stop: int
) -> None:
    whole = fetch(links["recordingDownloadLink"]).content

    response = fetch(links["recordingDownloadLink"], headers={"Range": asked})

    assert response.status_code == 206
    assert response.headers["Content-Range"] == f"bytes {start}-{stop - 1}/300000"
    assert response.content == whole[start:stop]


def test_a_range_behind_the_end_is_refused_with_the_length(links: dict[str, str]) -> None:
    response = fetch(links["recordingDownloadLink"], headers={"Range": "bytes=300000-"})

    assert response.status_code == 416
    assert response.headers["Content-Range"] == "bytes */300000"


def test_if_range_gives_the_part_for_the_same_tag_and_the_whole_for_another(
    links: dict[str, str],
) -> None:
    link = links["recordingDownloadLink"]
    tag = fetch(link).headers["ETag"]

    same = fetch(link, headers={"Range": "bytes=10-", "If-Range": tag})
    other = fetch(link, headers={"Range": "bytes=10-", "If-Range": '"another"'})

    assert not tag.startswith("W/")
    assert (same.status_code, len(same.content)) == (206, 299_990)
    assert (other.status_code, len(other.content)) == (200, 300_000)


def test_ranges_tags_and_lengths_can_be_switched_off(
    control: ControlClient, links: dict[str, str]
) -> None:
    control.change_settings(media_ranges=False, media_etag=False, media_content_length=False)

    response = fetch(links["recordingDownloadLink"], headers={"Range": "bytes=10-"})

    assert response.status_code == 200
    assert len(response.content) == 300_000
    assert not {"ETag", "Content-Length", "Accept-Ranges"} & set(response.headers)


def test_a_request_with_a_bearer_gets_a_login_page(links: dict[str, str]) -> None:
    headers = {"Authorization": "Bearer simulator-token"}

    response = fetch(links["recordingDownloadLink"], headers=headers)

    assert response.status_code == 200
    assert response.headers["Content-Type"].startswith("text/html")
    assert "Sign in" in response.text


def test_a_link_works_for_three_hours(control: ControlClient, links: dict[str, str]) -> None:
    control.advance(3 * 3600 - 1)
    assert fetch(links["recordingDownloadLink"]).status_code == 200

    control.advance(1)
    assert fetch(links["recordingDownloadLink"]).status_code == 403


@pytest.mark.parametrize(
    ("manner", "status", "kind"),
    [("403-json", 403, "application/json"), ("200-html", 200, "text/html")],
)
def test_an_expired_link_is_refused_in_the_manner_that_was_set(
    control: ControlClient, links: dict[str, str], manner: str, status: int, kind: str
) -> None:
    control.change_settings(expired_link=manner)
    control.expire_links()

    response = fetch(links["recordingDownloadLink"])

    assert response.status_code == status
    assert response.headers["Content-Type"].startswith(kind)


def test_an_expired_link_can_lead_to_a_login_page(
    control: ControlClient, links: dict[str, str]
) -> None:
    control.change_settings(expired_link="302-login")
    control.expire_links()

    response = fetch(links["recordingDownloadLink"], allow_redirects=False)

    assert response.status_code == 302
    assert fetch(response.headers["Location"]).headers["Content-Type"].startswith("text/html")


def test_a_ticket_opens_only_what_it_was_minted_for(links: dict[str, str]) -> None:
    link = links["recordingDownloadLink"]

    as_audio = link.replace("Servlet?", "Servlet/audio.mp3?")
    without = link.split("&ticket=")[0]
    later = link.replace("timestamp=1", "timestamp=2")

    assert [fetch(each).status_code for each in (as_audio, without, later)] == [403, 403, 403]


def test_the_transcript_link_serves_vtt_under_a_txt_name(links: dict[str, str]) -> None:
    response = fetch(links["transcriptDownloadLink"])

    assert response.content.startswith(b"WEBVTT")
    assert response.headers["Content-Disposition"].endswith(".txt")


def test_a_recording_without_audio_has_no_audio_link(webex: Webex) -> None:
    meeting = webex.meeting(recordings=[{"audio": False}], transcripts=0)

    links = webex.api.links(meeting["recording_ids"][0])

    assert set(links) == {"recordingDownloadLink", "expiration"}


def test_prevent_downloading_hides_every_link(webex: Webex) -> None:
    meeting = webex.meeting(recordings=[{"prevent_download": True}])

    recording = webex.api.json(f"/recordings/{meeting['recording_ids'][0]}")

    assert "temporaryDirectDownloadLinks" not in recording
    assert "downloadUrl" not in recording
    files = webex.simulator.control.truth(meeting["meeting_id"])["files"]
    assert {file["resource"] for file in files} == {"meetingTranscripts"}


def test_an_arf_recording_is_served_as_bytes(webex: Webex) -> None:
    meeting = webex.meeting(recordings=[{"format": "ARF", "bytes": 5000, "audio": False}])

    response = fetch(webex.api.links(meeting["recording_ids"][0])["recordingDownloadLink"])

    assert response.headers["Content-Type"] == "application/octet-stream"
    assert response.headers["Content-Disposition"].endswith(".arf")
    assert len(response.content) == 5000


def test_the_pace_of_downloads_can_be_set(webex: Webex) -> None:
    meeting = webex.meeting(recordings=[{"bytes": 20_000}])
    link = webex.api.links(meeting["recording_ids"][0])["recordingDownloadLink"]
    webex.simulator.control.change_settings(media_bytes_per_second=100_000)

    began = time.monotonic()
    response = fetch(link)

    assert len(response.content) == 20_000
    assert 0.1 < time.monotonic() - began < 2
