"""Media faults field by field: whom they meet, what they spoil, and what is noted of it."""

import gzip
import socket
import threading
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from simulator import ControlClient, ControlError, Simulator
from tests.simulator.conftest import BYTES
from tests.simulator.download import download, video_link
from tests.simulator.support import Api, Json, Webex, eventually


def test_a_fault_meets_only_the_downloads_of_its_recording(webex: Webex) -> None:
    first, second = webex.meeting(recordings=2)["recording_ids"]
    webex.simulator.control.add_fault(recording_id=second, status=500)

    assert webex.api.get(f"/recordings/{second}").status_code == 200
    assert [download(video_link(webex, each)).status for each in (first, second)] == [200, 500]


def test_a_fault_meets_only_the_wanted_kind_of_file(
    webex: Webex, control: ControlClient, recording_id: str
) -> None:
    control.add_fault(kind="audio", status=500)
    links = webex.api.links(recording_id)

    names = ("recordingDownloadLink", "transcriptDownloadLink", "audioDownloadLink")
    assert [download(links[name]).status for name in names] == [200, 200, 500]


@pytest.mark.parametrize(("resumed", "statuses"), [(True, [200, 500]), (False, [500, 206])])
def test_a_fault_can_wait_for_a_resumed_or_for_a_fresh_request(
    control: ControlClient, link: str, resumed: bool, statuses: list[int]
) -> None:
    control.add_fault(resumed=resumed, status=500, times=None)

    assert [download(link).status, download(link, Range="bytes=9-").status] == statuses


@pytest.mark.parametrize(
    ("shift", "expected"),
    [
        (500, slice(100_500, None)),
        (-500, slice(99_500, None)),
        (-BYTES, slice(0, None)),
        (BYTES, slice(-1, None)),
    ],
)
def test_a_part_can_begin_elsewhere_and_say_so(
    control: ControlClient, link: str, file: bytes, shift: int, expected: slice
) -> None:
    control.add_fault(media={"shift_bytes": shift})

    answer = download(link, Range="bytes=100000-")

    assert answer.body == file[expected]
    start = BYTES - len(answer.body)
    assert answer.headers["content-range"] == f"bytes {start}-{BYTES - 1}/{BYTES}"


@pytest.mark.parametrize("shift", [500, -500, BYTES])
def test_a_part_can_begin_elsewhere_in_secret(
    control: ControlClient, link: str, file: bytes, shift: int
) -> None:
    control.add_fault(media={"shift_bytes": shift, "hide_shift": True})

    answer = download(link, Range="bytes=100000-")

    assert answer.headers["content-range"] == f"bytes 100000-{BYTES - 1}/{BYTES}"
    assert answer.ending == ""
    assert len(answer.body) == BYTES - 100_000
    assert answer.body != file[100_000:]
    assert answer.body[:9000] in file + file[:9000]


def test_a_compressed_body_is_really_compressed(
    control: ControlClient, link: str, file: bytes
) -> None:
    control.add_fault(media={"gzip": True})

    answer = download(link)

    assert answer.headers["content-encoding"] == "gzip"
    assert len(answer.body) < len(file)
    assert gzip.decompress(answer.body) == file


def test_more_than_content_length_can_come(control: ControlClient, link: str, file: bytes) -> None:
    control.add_fault(media={"content_length_off_by": -1000})

    head, _, body = until_closed(link).partition(b"\r\n\r\n")

    assert b"\r\nContent-Length: 199000" in head
    assert body == file


def until_closed(link: str) -> bytes:
    """Ask for a connection that stays open, and read until the simulator ends it."""
    address = urlsplit(link)
    with socket.create_connection((address.hostname, address.port), timeout=5) as connection:
        connection.sendall(
            f"GET {address.path}?{address.query} HTTP/1.1\r\nHost: media\r\n\r\n".encode()
        )
        received = b""
        while piece := connection.recv(65_536):
            received += piece
    return received


def test_a_web_page_can_come_in_the_body(control: ControlClient, link: str, file: bytes) -> None:
    control.add_fault(short_fraction=0.5, short_announced=True, ending="page")

    answer = download(link)

    assert answer.body.startswith(file[:100_000] + b"<!DOCTYPE html>")
    assert (answer.headers["content-length"], answer.ending) == (str(len(answer.body)), "")


def test_every_byte_comes_before_a_reset(control: ControlClient, link: str, file: bytes) -> None:
    control.add_fault(after_bytes=150_000, ending="reset")

    answer = download(link)

    assert (answer.body, answer.ending) == (file[:150_000], "reset")


def test_a_stall_ends_by_itself(control: ControlClient, link: str) -> None:
    control.add_fault(after_bytes=1000, ending="stall", stall_seconds=0.1)

    answer = download(link)

    assert (len(answer.body), answer.ending) == (1000, "cut")


def test_a_stall_ends_when_the_client_leaves(control: ControlClient, link: str) -> None:
    control.add_fault(after_bytes=1000, ending="stall")
    before = set(threading.enumerate())

    assert download(link).ending == "stalled"

    eventually(lambda: set(threading.enumerate()) <= before)


def test_a_stall_ends_when_the_simulator_stops() -> None:
    with Simulator() as simulator, Api(simulator.api_url) as api:
        webex = Webex(simulator, api)
        address = urlsplit(video_link(webex, webex.meeting()["recording_ids"][0]))
        simulator.control.add_fault(after_bytes=0, ending="stall")
        with socket.create_connection((address.hostname, address.port), timeout=5) as connection:
            request = f"GET {address.path}?{address.query} HTTP/1.1\r\nHost: media\r\n\r\n"
            connection.sendall(request.encode())
            assert connection.recv(1000).startswith(b"HTTP/1.1 200")
            began = time.monotonic()
            simulator.stop()
            assert time.monotonic() - began < 1.5
            assert connection.recv(1000) == b""


def test_a_pace_can_be_that_of_one_answer(control: ControlClient, link: str) -> None:
    control.add_fault(media={"bytes_per_second": 1000})

    assert [download(link).ending, download(link).ending] == ["slow", ""]


@pytest.mark.parametrize(
    ("manner", "status"),
    [("401", 401), ("404", 404), ("410", 410), ("200-html", 200), ("302-itself", 302)],
)
def test_a_link_dies_and_a_new_one_works(
    webex: Webex, recording_id: str, link: str, manner: str, status: int
) -> None:
    webex.simulator.control.add_fault(after_bytes=1000, media={"link_dies": manner})

    answers = [download(link) for _ in range(3)]

    assert [each.status for each in answers] == [200, status, status]
    assert len(answers[0].body) == 1000
    assert len(download(video_link(webex, recording_id)).body) == BYTES


def test_a_redirect_can_lead_to_a_new_link_of_the_same_file(
    control: ControlClient, link: str, file: bytes
) -> None:
    control.add_fault(media={"redirect_to": "new-link"})

    location = download(link).headers["location"]

    assert location != link
    assert download(location).body == file


def test_a_retry_after_can_be_a_date(control: ControlClient, api: Api) -> None:
    control.add_fault(path_regex="/people/", status=429, retry_after_date_seconds=60)

    told = parsedate_to_datetime(api.get("/people/me").headers["Retry-After"])

    assert 55 < (told - datetime.now(UTC)).total_seconds() <= 60


@pytest.mark.parametrize(
    "topic", ["../../climbed", "bell\x07 and\r\nline\x00", "n" * 300, "会議 é"]
)
def test_a_topic_can_be_anything(webex: Webex, topic: str) -> None:
    meeting = webex.meeting(recordings=[{"topic": topic}])
    (recording_id,) = meeting["recording_ids"]

    answer = download(video_link(webex, recording_id))

    assert webex.api.json(f"/recordings/{recording_id}")["topic"] == topic
    name = answer.headers["content-disposition"].partition("UTF-8''")[2]
    assert unquote(name) == f"{topic}.mp4"


@pytest.mark.parametrize(
    ("fault", "status", "sent"),
    [
        ({"after_bytes": 70_000}, 200, 70_000),
        ({"after_bytes": 70_000, "ending": "reset"}, 200, 70_000),
        ({"after_fraction": 0.25}, 200, 50_000),
        ({"short_bytes": 10, "short_announced": True}, 200, 10),
        ({"short_bytes": 0, "short_announced": True}, 200, 0),
        ({"status": 503}, 503, 0),
        ({"body": "<html>"}, 200, 6),
        ({"media": {"redirect_to": "https://media.example.net/"}, "short_bytes": 0}, 302, 0),
        ({"media": {"content_length_off_by": -1000}}, 200, BYTES),
        ({"drop": True}, None, 0),
    ],
)
def test_what_is_noted_is_what_was_sent(
    control: ControlClient,
    recording_id: str,
    link: str,
    fault: Json,
    status: int | None,
    sent: int,
) -> None:
    control.forget_requests()
    control.add_fault(recording_id=recording_id, **fault)

    download(link)

    def noted() -> list[Any]:
        return [
            (each["status"], each["bytes_sent"], each["kind"])
            for each in control.requests(recording_id=recording_id)
        ]

    eventually(lambda: noted() == [(status, sent, "video")])


def test_the_noted_requests_can_be_those_of_one_recording(webex: Webex) -> None:
    first, second = webex.meeting(recordings=2)["recording_ids"]
    for each in (first, second, second):
        download(video_link(webex, each))

    control = webex.simulator.control
    assert len(control.requests(recording_id=second)) == 2
    assert {each["recording_id"] for each in control.requests(origin="api")} == {None}


@pytest.mark.parametrize(
    "fault",
    [
        {"after_bytes": 1, "short_bytes": 1},
        {"ending": "reset"},
        {"ending": "stall", "short_bytes": 1},
        {"ending": "page"},
        {"origin": "api", "media": {"gzip": True}},
        {"media": {"etag": "strong"}},
        {"media": {"other_file_ratio": 0}},
        {"headers": {"Warning": "one\r\nSet-Cookie: two"}},
        {"headers": {"Warning": "会議"}},
    ],
)
def test_a_media_fault_that_makes_no_sense_is_refused(control: ControlClient, fault: Json) -> None:
    with pytest.raises(ControlError, match=r"POST /faults: .+"):
        control.add_fault(**fault)
