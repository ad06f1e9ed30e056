"""`serve`: everything on one machine, with nothing set but a token and a secret."""

import json
import re
import signal
from pathlib import Path

import psutil
import requests

from app.webex.signature import sign
from tests.e2e.house import SECRET, house
from tests.processes import eventually


def test_serve_needs_only_a_token_and_a_secret_to_archive_a_meeting(tmp_path: Path) -> None:
    with house(tmp_path) as home, home.serving() as serve:
        assert home.address in serve.output()
        home.command("webhooks", "register")
        meeting_id = home.simulator.control.hold_meeting(recordings=2, transcripts=1)["meeting_id"]

        home.wait_until_complete(meeting_id)

        assert home.differences(meeting_id) == []
        assert (tmp_path / "var" / "webex-ingest.db").is_file()
        assert list((tmp_path / "var" / "valkey").glob("appendonlydir/*")), "append-only file on"
        page = requests.get(f"{home.address}/meetings/{meeting_id}", timeout=5)
        assert "complete" in page.text
        overview = home.command("status")
        assert "1 known, 1 complete" in overview


def test_the_door_reads_chunked_bodies_to_their_end_and_no_further(tmp_path: Path) -> None:
    with house(tmp_path) as home, home.serving():

        def deliver(padding: int) -> int:
            event = {"resource": "meetings", "event": "created", "data": {"id": "x"}}
            body = json.dumps(event | {"padding": "x" * padding}).encode()
            pieces = (body[start : start + 1000] for start in range(0, len(body), 1000))
            headers = {"X-Spark-Signature": sign(body, SECRET)}
            url = f"{home.address}/webhooks/webex"
            return requests.post(url, data=pieces, headers=headers, timeout=10).status_code

        assert deliver(10) == 204
        assert deliver(60_000) == 204
        assert deliver(65 * 1024) == 413
        eventually(
            lambda: json.loads(home.command("status", "--json"))["events"] == {"ignored": 2},
            message="what was taken is not in the inbox",
        )


def test_serve_runs_flower_for_the_operator_alone(tmp_path: Path) -> None:
    flower = "http://127.0.0.1:5555/workers"

    def status_with(password: str) -> int:
        try:
            return requests.get(flower, auth=("operator", password), timeout=5).status_code
        except requests.ConnectionError:
            return 0

    told = {"OPERATOR_PASSWORD": "let-me-in"}
    with house(tmp_path, told) as home, home.serving("--flower") as serve:
        serve.wait_for(flower.rpartition("/")[0])
        eventually(lambda: status_with("let-me-in") == 200, message="Flower does not answer")
        assert status_with("wrong") == 401


def test_serve_stops_everything_at_a_signal_and_leaves_no_process(tmp_path: Path) -> None:
    with house(tmp_path) as home, home.serving("--workers", "2") as serve:
        children = psutil.Process(serve.pid).children(recursive=True)
        assert len(children) > 8

        serve.process.send_signal(signal.SIGINT)

        assert serve.process.wait(20) == 0, serve.output()
        assert [each for each in children if each.is_running()] == []


def test_serve_killed_outright_leaves_no_process_either(tmp_path: Path) -> None:
    with house(tmp_path) as home, home.serving() as serve:
        children = psutil.Process(serve.pid).children(recursive=True)

        serve.process.kill()

        eventually(lambda: not any(each.is_running() for each in children), message="orphans")


def test_a_second_serve_on_the_same_folder_is_refused_in_one_line(tmp_path: Path) -> None:
    with house(tmp_path) as home, home.serving() as serve:
        said = home.command("serve", "--port", "65001", code=1)

        assert re.search(rf"in use by process {serve.pid}\b", said)
        assert len(said.strip().splitlines()) == 1


def test_serve_says_in_one_line_what_is_missing_or_wrong(tmp_path: Path) -> None:
    with house(tmp_path, {"WEBEX_WEBHOOK_SECRET": ""}) as home:
        said = home.command("serve", code=2)
        assert said.strip().count("\n") == 0
        assert "WEBEX_WEBHOOK_SECRET" in said
    with house(tmp_path, {"POLL_FIRST_SECONDS": "soon"}) as home:
        said = home.command("serve", code=2)
        assert said.strip().count("\n") == 0
        assert "POLL_FIRST_SECONDS" in said


def test_serve_says_which_port_is_taken(tmp_path: Path) -> None:
    with house(tmp_path) as home, home.serving():
        (tmp_path / "other").mkdir()
        home.folder = tmp_path / "other"

        said = home.command("serve", "--port", str(home.port), code=2)

        assert f"--port {home.port}" in said
