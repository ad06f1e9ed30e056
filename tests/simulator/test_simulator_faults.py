"""Faults: the next requests go wrong in the wanted way, and everything asked for is noted."""

import time

import pytest
import requests

from simulator import ControlClient, ControlError
from tests.simulator.support import Api, Webex, eventually


def test_the_next_requests_get_the_wanted_answer(api: Api, control: ControlClient) -> None:
    control.add_fault(
        origin="api",
        method="GET",
        path_regex="/people/",
        status=429,
        headers={"Retry-After": "7", "Content-Type": "text/html"},
        body="<html>slow down</html>",
        times=2,
    )

    answers = [api.get("/people/me") for _ in range(3)]

    assert [each.status_code for each in answers] == [429, 429, 200]
    assert answers[0].headers["Retry-After"] == "7"
    assert answers[0].headers["Content-Type"] == "text/html"
    assert answers[0].text == "<html>slow down</html>"
    assert control.call("GET", "/faults")["items"] == []


def test_a_fault_concerns_only_what_it_names(api: Api, control: ControlClient) -> None:
    control.add_fault(origin="media", status=500)
    control.add_fault(method="POST", status=500)
    control.add_fault(path_regex="^/v1/recordings$", status=503, times=None)

    assert api.get("/people/me").status_code == 200
    assert [api.get("/recordings").status_code for _ in range(3)] == [503, 503, 503]
    assert control.forget_faults() == {"forgotten": 3}
    assert api.get("/recordings").status_code == 200


def test_a_fault_can_wait_for_its_turn(api: Api, control: ControlClient) -> None:
    control.add_fault(path_regex="/people/", skip=1, status=502)

    assert [api.get("/people/me").status_code for _ in range(3)] == [200, 502, 200]


def test_a_json_body_stands_in_for_the_normal_answer(api: Api, control: ControlClient) -> None:
    control.add_fault(path_regex="/recordings", body={"items": [{"errors": {"title": {}}}]})

    assert api.json("/recordings") == {"items": [{"errors": {"title": {}}}]}


def test_a_normal_answer_can_be_delayed_or_get_other_headers(
    api: Api, control: ControlClient
) -> None:
    control.add_fault(path_regex="/people/", delay_seconds=0.2, headers={"Warning": "1001"})

    began = time.monotonic()
    response = api.get("/people/me")

    assert time.monotonic() - began >= 0.2
    assert response.status_code == 200
    assert response.headers["Warning"] == "1001"


def until_broken(response: requests.Response) -> bytes:
    received = b""
    try:
        for piece in response.iter_content(1000):
            received += piece
    except requests.exceptions.ChunkedEncodingError:
        return received
    pytest.fail("The connection was not cut.")


def test_a_download_can_be_cut_after_some_bytes(webex: Webex) -> None:
    meeting = webex.meeting()
    link = webex.api.links(meeting["recording_ids"][0])["recordingDownloadLink"]
    webex.simulator.control.add_fault(origin="media", after_bytes=70_000)

    with requests.Session() as session:
        session.trust_env = False
        with session.get(link, stream=True, timeout=10) as response:
            received = until_broken(response)
        whole = session.get(link, timeout=10).content

    assert response.headers["Content-Length"] == "200000"
    assert whole.startswith(received)
    assert 69_000 <= len(received) <= 70_000

    def counted() -> list[int]:
        # The last piece is counted when it is sent, which its reader may see first.
        return [each["bytes_sent"] for each in webex.simulator.control.requests(origin="media")]

    eventually(lambda: counted() == [70_000, 200_000])


def test_a_download_can_be_short_with_a_clean_end(webex: Webex) -> None:
    meeting = webex.meeting()
    link = webex.api.links(meeting["recording_ids"][0])["recordingDownloadLink"]
    webex.simulator.control.add_fault(origin="media", short_bytes=50_000)

    with Api("", None) as anonymous:
        response = anonymous.get(link)

    assert response.status_code == 200
    assert len(response.content) == 50_000
    assert "Content-Length" not in response.headers


def test_a_connection_can_be_dropped_without_an_answer(api: Api, control: ControlClient) -> None:
    control.add_fault(path_regex="/people/", drop=True)

    with pytest.raises(requests.exceptions.ConnectionError):
        api.get("/people/me")

    assert api.get("/people/me").status_code == 200


@pytest.mark.parametrize("fault", [{"path_regex": "("}, {"origin": "moon"}, {"stauts": 500}])
def test_a_fault_that_makes_no_sense_is_refused(
    control: ControlClient, fault: dict[str, str]
) -> None:
    with pytest.raises(ControlError, match=r"POST /faults: .+"):
        control.add_fault(**fault)


def test_every_request_is_noted_without_its_secrets(webex: Webex) -> None:
    meeting = webex.meeting()
    link = webex.api.links(meeting["recording_ids"][0])["audioDownloadLink"]
    ticket = link.split("ticket=")[1].split("&")[0]
    with Api("", None) as anonymous:
        anonymous.call("GET", link, headers={"Range": "bytes=0-9"})
    webex.api.call("POST", "/webhooks", json={})

    control = webex.simulator.control
    eventually(lambda: control.requests()[1]["bytes_sent"] == 10)
    seen = control.requests()

    assert [(each["method"], each["origin"], each["status"]) for each in seen] == [
        ("GET", "api", 200),
        ("GET", "media", 206),
        ("POST", "api", 400),
    ]
    assert seen[0]["headers"]["Authorization"] == "..."
    assert "Authorization" not in seen[1]["headers"]
    assert seen[1]["headers"]["Range"] == "bytes=0-9"
    assert seen[2]["body_bytes"] == 2
    assert "ticket=..." in seen[1]["query"]
    assert ticket not in str(seen)


def test_the_noted_requests_can_be_narrowed_and_forgotten(api: Api, control: ControlClient) -> None:
    api.get("/people/me")
    api.get("/recordings")

    assert len(control.requests(path_contains="/people")) == 1
    assert control.forget_requests() == {"forgotten": 2}
    assert control.requests() == []


def test_connections_are_kept_for_many_requests(api: Api) -> None:
    first = api.get("/people/me", stream=True)
    second = api.get("/people/me")

    assert first.headers.get("Connection") != "close"
    assert second.raw.version == 11
