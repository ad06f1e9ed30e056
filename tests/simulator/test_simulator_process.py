"""The program `python -m simulator`: how it starts, tells its addresses and stops."""

import json
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

import simulator
from simulator import ControlClient, Settings, Simulator, Timeline

README = (Path(simulator.__file__).parent / "README.md").read_text(encoding="utf-8")
PORTS = ("--port", "0", "--media-port", "0")


@contextmanager
def program(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "simulator", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_it_tells_its_addresses_as_json_and_stops_within_a_second(ending: signal.Signals) -> None:
    with program(*PORTS, "--json") as process:
        assert process.stdout is not None
        addresses = json.loads(process.stdout.readline())
        answer = requests.get(f"{addresses['control_url']}/clock", timeout=10)
        began = time.monotonic()
        process.send_signal(ending)
        output, errors = process.communicate(timeout=10)

    assert set(addresses) == {"api_url", "media_url", "control_url"}
    assert answer.json()["frozen"] is False
    assert time.monotonic() - began < 1
    assert (process.returncode, output, errors) == (0, "", "")


def test_people_get_one_line() -> None:
    with program(*PORTS) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=10)

    assert re.match(r"Webex simulator: API http://127\.0\.0\.1:\d+/v1, media http", line)
    assert output == ""


def test_settings_come_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    path.write_text('{"profile": "guide", "timeline": {"details": 3}}')

    with program(*PORTS, "--json", "--settings", str(path)) as process:
        assert process.stdout is not None
        addresses = json.loads(process.stdout.readline())
        settings = requests.get(f"{addresses['control_url']}/settings", timeout=10).json()

    assert settings["profile"] == "guide"
    assert settings["timeline"] == Timeline(details=3).model_dump()


def test_a_wrong_setting_is_named(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    path.write_text('{"copies": 0}')

    with program("--settings", str(path)) as process:
        _, errors = process.communicate(timeout=20)

    assert process.returncode == 1
    assert "copies" in errors
    assert "Traceback" not in errors


def test_a_port_that_is_taken_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with program("--port", str(port), "--media-port", "0") as process:
            _, errors = process.communicate(timeout=20)

    assert process.returncode == 1
    assert f"{port}" in errors
    assert "--media-port" in errors


def test_it_stops_quickly_while_a_download_runs() -> None:
    settings = Settings(media_bytes_per_second=1000)
    with Simulator(settings) as running, requests.Session() as session:
        session.trust_env = False
        held = running.control.hold_meeting(timeline="instant")
        running.control.settle()
        link = session.get(
            f"{running.api_url}/recordings/{held['recording_ids'][0]}",
            headers={"Authorization": "Bearer simulator-token"},
            timeout=10,
        ).json()["temporaryDirectDownloadLinks"]["recordingDownloadLink"]
        with session.get(link, stream=True, timeout=10) as response:
            assert response.raw.read(10)
            began = time.monotonic()
            running.stop()
            elapsed_seconds = time.monotonic() - began

    assert elapsed_seconds < 1


def test_the_readme_names_every_setting_and_every_control_call() -> None:
    with Simulator() as running:
        client: ControlClient = running.control
        calls = client.call("GET", "/")["calls"]

    missing = [call for call in calls if f"`{call}`" not in README]
    missing += [name for name in Settings.model_fields if f"`{name}`" not in README]
    missing += [name for name in Timeline.model_fields if f"`{name}`" not in README]
    assert missing == []
