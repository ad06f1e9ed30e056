"""Orders that nobody could carry out: refused in words, and the simulator goes on."""

from collections.abc import Iterator

import pytest
import requests

from simulator import ControlClient, Simulator
from tests.simulator.support import Api, Webex

HUGE = "1" + 30 * "0"
UNSAYABLE = '"\\ud800"'


@pytest.fixture(scope="module")
def world() -> Iterator[Webex]:
    """One simulator for all of them: what is refused leaves nothing behind."""
    with Simulator() as simulator, Api(simulator.api_url) as api:
        simulator.control.freeze()
        yield Webex(simulator, api)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/clock", f'{{"advance_seconds": {HUGE}}}'),
        ("/clock", '{"advance_seconds": NaN}'),
        ("/clock", '{"now": "9999-12-31T23:59:59Z"}'),
        ("/clock", '{"now": "0001-01-01T00:00:00+14:00"}'),
        ("/clock", f'{{"now": {UNSAYABLE}}}'),
        ("/meetings", f'{{"title": {UNSAYABLE}}}'),
        ("/meetings", '{"end": "9999-12-31T23:59:59Z"}'),
        ("/meetings", '{"start": "0001-01-01T00:00:00+14:00"}'),
        ("/meetings", f'{{"duration_seconds": {HUGE}}}'),
        ("/meetings", f'{{"recordings": {HUGE}}}'),
        ("/meetings", f'{{"participant_count": {HUGE}}}'),
        ("/meetings", f'{{"timeline": {{"details": {HUGE}}}}}'),
        ("/meetings", "[" * 9999),
        ("/settings", '{"site_urls": []}'),
        ("/settings", f'{{"access_token_seconds": {HUGE}}}'),
        ("/faults", f'{{"status": 429, "retry_after_date_seconds": {HUGE}}}'),
        ("/faults", f'{{"body": {UNSAYABLE}}}'),
        ("/tokens/expire", '{"tokens": 5}'),
        ("/tokens/expire", '{"tokens": [[]]}'),
        ("/webhooks/switch-off", '{"ids": 5}'),
    ],
)
def test_an_order_that_nobody_could_carry_out_is_refused_in_words(
    world: Webex, path: str, body: str
) -> None:
    control = world.simulator.control
    answer = requests.post(control.url + path, data=body, timeout=10)

    assert (answer.status_code, set(answer.json())) == (400, {"message"})
    assert _meetings(control) == []
    assert control.settle()["settled"] is True


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/webhooks"),
        ("PUT", "/meetings/{series_id}"),
        ("PATCH", "/meetings/{series_id}"),
        ("PUT", "/meetingTranscripts/{transcript_ids[0]}/snippets/{transcript_ids[0]}_00001"),
    ],
)
@pytest.mark.parametrize("word", [UNSAYABLE, "NaN", "[" * 9999])
def test_the_api_refuses_a_body_that_it_could_not_say_again(
    webex: Webex, method: str, path: str, word: str
) -> None:
    held = webex.meeting()
    fields = ("title", "text", "name", "password", "start", "end", "agenda")
    body = ", ".join(f'"{field}": {word}' for field in fields)
    more = '"targetUrl": "http://127.0.0.1:9", "resource": "meetings", "event": "ended"'
    answer = webex.api.call(
        method,
        path.format(**held),
        data=f"{{{body}, {more}}}",
        headers={"Content-Type": "application/json"},
    )

    assert answer.status_code == 400, answer.text


@pytest.mark.parametrize("text", ["x", "-1", "²", "9" * 5000])
def test_the_api_refuses_an_offset_that_is_no_number(webex: Webex, text: str) -> None:
    meeting_id = webex.meeting()["meeting_id"]
    answer = webex.api.get("/meetings/postMeetingChats", meetingId=meeting_id, offset=text)

    assert answer.status_code == 400, answer.text


def _meetings(control: ControlClient) -> list[object]:
    items: list[object] = control.call("GET", "/meetings")["items"]
    return items


def test_the_clock_does_not_leave_the_calendar_step_by_step(control: ControlClient) -> None:
    for _ in range(2):
        answer = requests.post(f"{control.url}/clock", json={"advance_seconds": 3e9}, timeout=10)

    assert answer.status_code == 400
    assert "1970 to 2199" in answer.json()["message"]
    assert control.settle()["settled"] is True
