"""`serve`: everything on one machine, with nothing set but a token and a secret."""

import signal
from pathlib import Path

import psutil
import requests

from tests.e2e.house import house
from tests.processes import eventually


def test_serve_needs_only_a_token_and_a_secret_and_stops_without_a_trace(tmp_path: Path) -> None:
    with house(tmp_path) as home, home.serving("--workers", "2") as serve:
        assert home.address in serve.output()
        home.command("webhooks", "register")
        meeting_id = home.simulator.control.hold_meeting(recordings=2, transcripts=1)["meeting_id"]

        home.wait_until_complete(meeting_id)

        assert home.differences(meeting_id) == []
        home.wait_until_no_part_is_left()
        assert (tmp_path / "var" / "webex-ingest.db").is_file()
        assert list((tmp_path / "var" / "valkey").glob("appendonlydir/*")), "append-only file on"
        page = requests.get(f"{home.address}/meetings/{meeting_id}", timeout=5)
        assert "complete" in page.text.lower()

        health = home.command("doctor")
        assert "OK    workers: 1 for control, 2 for poll, 2 for transfer\n" in health
        assert "FAIL" not in health

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


def test_serve_says_in_one_line_what_is_missing_or_wrong(tmp_path: Path) -> None:
    with house(tmp_path, {"WEBEX_WEBHOOK_SECRET": ""}) as home:
        said = home.command("serve", code=2)
        assert said.strip().count("\n") == 0
        assert "WEBEX_WEBHOOK_SECRET" in said
    with house(tmp_path, {"POLL_FIRST_SECONDS": "soon"}) as home:
        said = home.command("serve", code=2)
        assert said.strip().count("\n") == 0
        assert "POLL_FIRST_SECONDS" in said
