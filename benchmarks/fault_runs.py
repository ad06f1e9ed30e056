"""One cell of the table of faults: a client, a fault, and what came of it."""

import hashlib
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import requests

from benchmarks.fault_clients import Client, Task
from benchmarks.fault_columns import Column, Outcome
from benchmarks.measuring import end_group, environment, first_line, running
from simulator.client import ControlClient

LONGEST_SECONDS = 90
_LOOK_SECONDS = 0.02
_COUNTED_SECONDS = 3
_COUNT_AGAIN_SECONDS = 0.1
_TOKEN = "simulator-token"  # noqa: S105 -- the simulator's own, documented
_PACE_BYTES_PER_SECOND = 32 * 1024**2
_LONGEST_PACED_SECONDS = 8.0
_SHORTEST_PACED_SECONDS = 0.5


class Faulty:
    """A simulator in a process of its own, whose media hosts can be made to fail."""

    def __init__(self, addresses: dict[str, str]) -> None:
        self.api_url = addresses["api_url"]
        self.media_url = addresses["media_url"]
        self.control = ControlClient(addresses["control_url"])
        self._api = requests.Session()
        self._api.trust_env = False
        self._api.headers["Authorization"] = f"Bearer {_TOKEN}"

    def close(self) -> None:
        """Close the connections to it."""
        self.control.close()
        self._api.close()

    def record(self, size: int, faults: Sequence[Any]) -> tuple[str, str]:
        """Make a recording that meets these faults; its id and the checksum of its video."""
        told = self.control.hold_meeting(
            recordings=[{"bytes": size, "faults": list(faults)}],
            transcripts=0,
            timeline="instant",
        )
        files = self.control.truth(told["meeting_id"])["files"]
        video = next(each for each in files if each["kind"] == "video")
        return video["resource_id"], video["sha256"]

    def fresh_link(self, recording_id: str) -> str:
        """A download link as the API gives it."""
        answer = self._api.get(f"{self.api_url}/recordings/{recording_id}", timeout=20)
        links: dict[str, str] = answer.json()["temporaryDirectDownloadLinks"]
        return links["recordingDownloadLink"]

    def served_bytes(self, recording_id: str) -> int:
        """How many bytes of bodies it has sent of a recording."""
        seen = self.control.requests(recording_id=recording_id, origin="media")
        return sum(each["bytes_sent"] for each in seen)


@contextmanager
def faulty_simulator() -> Iterator[Faulty]:
    """Run a simulator while this lasts."""
    argv = [sys.executable, "-m", "simulator", "--port", "0", "--media-port", "0", "--json"]
    with running(argv) as process, closing(Faulty(json.loads(first_line(process)))) as faulty:
        yield faulty


def run_cell(faulty: Faulty, client: Client, column: Column, folder: Path, size: int) -> Outcome:
    """Let one client meet one fault."""
    recording_id, sha256 = faulty.record(size, column.faults)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    task = Task(
        faulty.api_url,
        faulty.media_url,
        recording_id,
        lambda: faulty.fresh_link(recording_id),
        folder / "video.mp4",
    )
    if column.killed:
        _run_to_half(faulty, client, task, size)
    exit_status = _run(client.argv(task), lambda: False)
    faulty.control.forget_faults()
    is_right = _sha256(task.place) == sha256
    return Outcome(exit_status, is_right, _served(faulty, recording_id) / size)


def _run_to_half(faulty: Faulty, client: Client, task: Task, size: int) -> None:
    """Kill a client when half of the file is with it; slowly, so that there is a half."""
    seconds = size / _PACE_BYTES_PER_SECOND
    seconds = min(max(seconds, _SHORTEST_PACED_SECONDS), _LONGEST_PACED_SECONDS)
    faulty.control.change_settings(media_bytes_per_second=int(size / seconds))
    _run(client.argv(task), lambda: faulty.served_bytes(task.recording_id) >= size / 2)
    faulty.control.change_settings(media_bytes_per_second=0)


def _run(argv: Sequence[str], is_enough: Callable[[], bool]) -> int:
    """Run a client until it ends, enough has come, or its time is over."""
    with subprocess.Popen(
        argv,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        deadline = time.monotonic() + LONGEST_SECONDS
        try:
            while process.poll() is None and time.monotonic() < deadline and not is_enough():
                time.sleep(_LOOK_SECONDS)
        finally:
            end_group(process.pid)
    return process.returncode


def _served(faulty: Faulty, recording_id: str) -> int:
    """What was sent of a recording, once the last of it has been counted."""
    deadline = time.monotonic() + _COUNTED_SECONDS
    before, now = -1, faulty.served_bytes(recording_id)
    while now != before and time.monotonic() < deadline:
        time.sleep(_COUNT_AGAIN_SECONDS)
        before, now = now, faulty.served_bytes(recording_id)
    return now


def _sha256(place: Path) -> str:
    if not place.exists():
        return ""
    with place.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
