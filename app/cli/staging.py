"""Behind the demo: the simulator and `serve` as real processes, and the comparison at the end."""

import hashlib
import json
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import requests

from app.config import Settings
from app.errors import IngestError
from app.models.manifest import MANIFEST

_START_SECONDS = 30
_STOP_SECONDS = 25
_PACE = {
    "POLL_FIRST_SECONDS": "1",
    "EXTRA_RESOURCES": "none",
    "POLL_MAX_SECONDS": "3",
    "POLL_GIVE_UP_HOURS": "0.02",
    "SETTLE_SECONDS": "2",
    "SWEEP_SECONDS": "0.5",
    "DISK_RESERVE_BYTES": "0",
    "LOG_FORMAT": "json",
}


class DemoFailed(IngestError):
    """The demo did not end as it must."""

    code = "demo_failed"


class Backstage:
    """Everything that runs behind the demo; ``stack`` stops it."""

    def __init__(
        self, folder: Path, database_url: str | None, broker_url: str | None, stack: ExitStack
    ) -> None:
        self.folder = folder
        self.archive = folder / "archive"
        self.address = f"http://127.0.0.1:{_free_port()}"
        environment = _own_environment()
        simulator = self._start(
            ["simulator", "--port", "0", "--media-port", "0", "--json"], environment, stack
        )
        self._simulator = json.loads(_first_line(simulator, "the simulator"))
        self._environment = environment | _settings(self, self._simulator, database_url, broker_url)
        serve = ["app.cli", "serve", "--port", self.address.rpartition(":")[2]]
        self._lines = _Lines(self._start(serve, self._environment, stack))
        self._wait_until_ready()

    def command(self, *words: str) -> str:
        """Run a command of ours and return what it printed; DemoFailed if it did not work."""
        done = subprocess.run(
            [sys.executable, "-m", "app.cli", *words],
            env=self._environment,
            cwd=self.folder,
            text=True,
            capture_output=True,
            timeout=30,
            check=False,
        )
        if done.returncode:
            raise DemoFailed(f"`webex-ingest {' '.join(words)}` failed: {done.stderr.strip()}")
        return done.stdout

    def control(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        """Make one of the simulator's control calls."""
        with requests.Session() as session:
            session.trust_env = False
            url = self._simulator["control_url"] + path
            answer = session.request(method, url, json=body, timeout=30)
        if not answer.ok:
            raise DemoFailed(f"the simulator answered {answer.status_code} to {method} {path}")
        told: dict[str, Any] = answer.json()
        return told

    def lines(self, deadline: float | None) -> Iterator[dict[str, Any]]:
        """What the processes log, as it comes, until the deadline or their end."""
        while (line := self._lines.next(deadline)) is not None:
            yield line

    def wait_for_manifest(self, meeting_id: str) -> None:
        """Wait until the manifest says that the meeting is complete."""
        deadline = time.monotonic() + 5
        while not (manifest := self._manifest(meeting_id)) or not manifest["complete"]:
            if time.monotonic() > deadline:
                raise DemoFailed("the manifest does not say that the meeting is complete")
            time.sleep(0.1)

    def differences(self, meeting_id: str) -> list[str]:
        """Where the archive is not what the simulator served."""
        manifest = self._manifest(meeting_id) or {"files": []}
        folder = self._folder(meeting_id)
        stored = {(file.get("resource_id"), file["kind"]): file for file in manifest["files"]}
        wrong = []
        for served in self.control("GET", f"/truth/{meeting_id}")["files"]:
            file = stored.get((served["resource_id"], served["kind"]))
            if file is None:
                wrong.append(f"{served['kind']} of {served['resource_id']} is missing")
            elif not _is_right(folder / file["path"], file["sha256"], served["sha256"]):
                wrong.append(f"{file['path']} differs")
        return wrong

    def _manifest(self, meeting_id: str) -> dict[str, Any] | None:
        path = self._folder(meeting_id) / MANIFEST
        return json.loads(path.read_text()) if path.is_file() else None

    def _folder(self, meeting_id: str) -> Path:
        return next(iter(self.archive.glob(f"**/{meeting_id}")), self.archive)

    def _start(
        self, words: Sequence[str], environment: dict[str, str], stack: ExitStack
    ) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, "-m", *words],
            env=environment,
            cwd=self.folder,
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        stack.callback(_stop, process)
        return process

    def _wait_until_ready(self) -> None:
        seen = []
        for line in self.lines(time.monotonic() + _START_SECONDS):
            seen.append(str(line.get("text", line.get("event"))))
            if "is ready" in seen[-1]:
                return
        raise DemoFailed("webex-ingest did not start: " + " / ".join(seen[-5:]))


class _Lines:
    """The output of a process, read by a thread so that waiting for it can be bounded."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._queue: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=self._read, args=(process,), daemon=True).start()

    def next(self, deadline: float | None) -> dict[str, Any] | None:
        """The next line; None at the deadline or at the end of the output."""
        seconds = None if deadline is None else max(0.01, deadline - time.monotonic())
        try:
            line = self._queue.get(timeout=seconds)
        except queue.Empty:
            return None
        return None if line is None else _parsed(line)

    def _read(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdout is not None
        for line in process.stdout:
            self._queue.put(line)
        self._queue.put(None)


def _parsed(line: str) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except ValueError:
        value = None
    return value if isinstance(value, dict) else {"text": line.rstrip()}


def _own_environment() -> dict[str, str]:
    """The environment without anybody's settings: a demo must never touch a real archive."""
    ours = {name.upper() for name in Settings.model_fields}
    return {
        name: value
        for name, value in os.environ.items()
        if name.removesuffix("_FILE").upper() not in ours
    }


def _settings(
    backstage: Backstage,
    simulator: dict[str, str],
    database_url: str | None,
    broker_url: str | None,
) -> dict[str, str]:
    told = {
        "WEBEX_API_URL": simulator["api_url"],
        "WEBEX_ACCESS_TOKEN": "simulator-token",
        "WEBEX_WEBHOOK_SECRET": os.urandom(16).hex(),
        "DOWNLOAD_HOSTS": simulator["media_url"],
        "PUBLIC_URL": backstage.address,
        "ARCHIVE_DIR": str(backstage.archive),
        "DATABASE_URL": database_url or "",
        "CELERY_BROKER_URL": broker_url or "",
    }
    return _PACE | {name: value for name, value in told.items() if value}


def _first_line(process: "subprocess.Popen[str]", name: str) -> str:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line.startswith("{"):
        raise DemoFailed(f"{name} did not start: {line.strip()}")
    return line


def _stop(process: "subprocess.Popen[str]") -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(timeout=_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _is_right(path: Path, told_sha256: str, served_sha256: str) -> bool:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == told_sha256 == served_sha256


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
