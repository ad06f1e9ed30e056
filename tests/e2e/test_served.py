"""A house that is being served: its door, its commands, its Flower, and who may not come in."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests

from app.webex.signature import sign
from tests.e2e.house import SECRET, House, house
from tests.processes import Spawned, eventually

PASSWORD = "let-me-in"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[House, Spawned]]:
    """One served house with Flower, for all tests here."""
    folder = tmp_path_factory.mktemp("served")
    told = {"OPERATOR_PASSWORD": PASSWORD}
    with house(folder, told) as home, home.serving("--flower") as serve:
        yield home, serve


@pytest.fixture
def home(served: tuple[House, Spawned]) -> House:
    """The served house."""
    return served[0]


def test_a_second_serve_on_the_same_folder_is_refused_in_one_line(
    home: House, served: tuple[House, Spawned]
) -> None:
    said = home.command("serve", "--port", "65001", code=1)

    assert re.search(rf"in use by process {served[1].pid}\b", said)
    assert len(said.strip().splitlines()) == 1


def test_serve_says_which_port_is_taken(home: House, tmp_path: Path) -> None:
    elsewhere = House(tmp_path, home.simulator, home.environment)

    said = elsewhere.command("serve", "--port", str(home.port), code=2)

    assert f"--port {home.port}" in said


def test_the_door_reads_chunked_bodies_to_their_end_and_no_further(home: House) -> None:
    def deliver(padding: int) -> int:
        event = {"resource": "meetings", "event": "created", "data": {"id": f"x{padding}"}}
        body = json.dumps(event | {"padding": "x" * padding}).encode()
        pieces = (body[start : start + 1000] for start in range(0, len(body), 1000))
        headers = {"X-Spark-Signature": sign(body, SECRET)}
        url = f"{home.address}/webhooks/webex"
        return requests.post(url, data=pieces, headers=headers, timeout=10).status_code

    assert [deliver(10), deliver(60_000), deliver(65 * 1024)] == [204, 204, 413]


def test_flower_is_for_the_operator_alone(served: tuple[House, Spawned]) -> None:
    flower = "http://127.0.0.1:5555/workers"
    served[1].wait_for(flower.rpartition("/")[0])

    def status_with(password: str) -> int:
        try:
            return requests.get(flower, auth=("operator", password), timeout=5).status_code
        except requests.ConnectionError:
            return 0

    eventually(lambda: status_with(PASSWORD) == 200, message="Flower does not answer")
    assert status_with("wrong") == 401


def test_ingest_with_wait_follows_the_work_to_its_end(home: House) -> None:
    meeting_id = home.simulator.control.hold_meeting(webhooks=False)["meeting_id"]

    said = home.command("ingest", meeting_id, "--wait")

    assert f"{meeting_id} recordings: done" in said
    assert home.differences(meeting_id) == []
    assert "complete" in home.command("status", meeting_id)
    told = json.loads(home.command("ingest", meeting_id, "--wait", "--json"))
    assert told == {"meetings": [meeting_id], "complete": True}


def test_retry_opens_what_was_absent_of_a_named_meeting(home: House) -> None:
    ended = datetime.now(UTC) - timedelta(hours=2)
    order = {"start": (ended - timedelta(hours=1)).isoformat(), "end": ended.isoformat()}
    meeting_id = home.simulator.control.hold_meeting(
        webhooks=False, recordings=0, transcripts=0, **order
    )["meeting_id"]
    home.command("ingest", meeting_id, "--wait")
    before = {each["resource"]: each for each in home.status(meeting_id)["ingests"]}
    assert before["recordings"]["reason"] == "not_recorded"

    assert "2 resource(s)" in home.command("retry", meeting_id, "--wait")

    after = {each["resource"]: each for each in home.status(meeting_id)["ingests"]}
    assert after["recordings"]["attempt"] > before["recordings"]["attempt"]
    assert after["meetings"]["attempt"] == before["meetings"]["attempt"], "done stays done"
    assert "0 resource(s)" in home.command("retry", "--failed")


def test_send_test_says_whether_the_door_took_it(home: House, tmp_path: Path) -> None:
    assert "took the test event" in home.command("webhooks", "send-test")
    stranger = House(tmp_path, home.simulator, home.environment | {"WEBEX_WEBHOOK_SECRET": "other"})
    assert "answered 401" in stranger.command("webhooks", "send-test", code=1)
    nowhere = ["--url", "http://127.0.0.1:1/webhooks/webex"]
    told = json.loads(home.command("webhooks", "send-test", "--json", *nowhere, code=1))
    assert told["ok"] is False
