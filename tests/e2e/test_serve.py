"""`serve`: everything on one machine, with nothing set but a token and a secret."""

import json
import signal
from pathlib import Path

import psutil
import requests

from tests.e2e.house import House, house
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
        told = eventually(lambda: figures_with_requests(home), message="nothing was counted")
        assert [told[f'workers{{queue="{each}"}}'] for each in ("control", "poll")] == [1, 2]
        assert told['meeting_lag_seconds_count{source="webhook"}'] == 1
        assert told["last_beat_age_seconds"] < 60
        check_ids(serve.output(), meeting_id)

        health = home.command("doctor")
        assert "OK    workers: 1 for control, 2 for poll, 2 for transfer\n" in health
        assert "FAIL" not in health

        children = psutil.Process(serve.pid).children(recursive=True)
        assert len(children) > 8
        forking = [each for each in children if "prefork" in each.cmdline() and each.children()]
        held = [file.path for each in forking for file in each.open_files()]
        assert forking
        assert not [path for path in held if "webex-ingest.db" in path], "it would cross a fork"
        serve.process.send_signal(signal.SIGINT)
        assert serve.process.wait(20) == 0, serve.output()
        assert [each for each in children if each.is_running()] == []


def figures_with_requests(home: House) -> dict[str, float]:
    """The figures by name and labels, once the requests of a meeting are among them."""
    text = requests.get(f"{home.address}/metrics", timeout=5).text
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    told = {
        name.removeprefix("webex_ingest_"): float(value)
        for name, _, value in (line.rpartition(" ") for line in lines)
    }
    return told if told['api_requests_total{account="",status="200"}'] > 5 else {}


def check_ids(output: str, meeting_id: str) -> None:
    """A meeting, its attempts and their tasks can be followed through the log."""
    lines = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    mine = [line for line in lines if line.get("meeting_id") == meeting_id]
    assert {"event.processed", "file.stored", "meeting.complete"} <= {
        line["event"] for line in mine
    }
    attempts = [line for line in mine if "attempt" in line]
    assert all(line["task"] == "run" and line["task_id"] and line["ingest_id"] for line in attempts)
    assert all(line["task"] == "sweep" for line in mine if line["event"] == "event.processed")
    assert any(line["event"] == "http.answered" and "request_id" in line for line in lines)


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
