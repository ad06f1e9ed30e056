"""A house of real processes around a simulator: what an operator runs, with a quick pace."""

import hashlib
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from app.db.engine import Database
from app.db.place import prepare_file
from app.db.schema import migrate
from app.ingestion.registration import register
from app.models.times import utc_now
from app.webex.client import WebexClient
from simulator import Settings as SimulatorSettings
from simulator import Simulator
from tests.e2e.commands import run_command
from tests.processes import Spawned, eventually, free_port, spawn
from tests.webex.tokens import FixedToken

SECRET = "a-webhook-secret-for-houses"
TIMELINE = {
    "started": 0,
    "ended_webhook": 0,
    "details": 1.5,
    "participants_final": 2,
    "recordings": 2,
    "recording_webhook": None,
    "transcripts": 3,
    "transcript_webhook": 3.2,
}
PACE = {
    "POLL_FIRST_SECONDS": "0.5",
    "EXTRA_RESOURCES": "none",
    "POLL_MAX_SECONDS": "2",
    "POLL_GIVE_UP_HOURS": "0.05",
    "SETTLE_SECONDS": "1",
    "SWEEP_SECONDS": "0.5",
    "LEASE_SECONDS": "10",
    "DISK_RESERVE_BYTES": "0",
    "RATE_LIMIT_PER_MINUTE": "100000",
    "LOG_FORMAT": "json",
}
DOOR_WORKER = ["--preload", "--worker-class", "app.web.worker.DoorWorker"]
GUNICORN = ["gunicorn", *DOOR_WORKER, "--workers", "2", "--threads", "8"]
APPLICATION = "app.web.application:create_app_from_environment()"


def prepare_database(folder: Path) -> None:
    """The database of a house before anything runs in it."""
    path = folder / "var" / "webex-ingest.db"
    prepare_file(str(path))
    database = Database(f"sqlite:///{path}")
    migrate(database)
    database.dispose()


@dataclass
class House:
    """One installation in its folder; ``environment`` is what its processes are told."""

    folder: Path
    simulator: Simulator
    environment: dict[str, str]
    port: int = field(default_factory=free_port)

    @property
    def address(self) -> str:
        """Where the web answers."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def archive(self) -> Path:
        """The archive's root."""
        return self.folder / "var" / "archive"

    @contextmanager
    def serving(self, *options: str) -> Iterator[Spawned]:
        """Run `serve` until the block ends."""
        argv = [sys.executable, "-m", "app.cli", "serve", "--port", str(self.port), *options]
        with spawn(argv, self.environment, cwd=self.folder, seconds=25) as serve:
            serve.wait_for("is ready", seconds=40)
            yield serve

    @contextmanager
    def scaled_out(self, pools: Mapping[str, str]) -> Iterator[dict[str, Spawned]]:
        """Run every process by itself, as on several machines; ``pools`` by queue."""
        bind = ["--bind", f"127.0.0.1:{self.port}", "--no-control-socket"]
        programs = {
            "web": [*GUNICORN, *bind, APPLICATION],
            "beat": ["celery", "-A", "workers", "beat", "--pidfile="],
            **{queue: _worker(queue, pool) for queue, pool in pools.items()},
        }
        with ExitStack() as stack:
            running = {
                name: stack.enter_context(
                    spawn([sys.executable, "-m", *argv], self.environment, cwd=self.folder)
                )
                for name, argv in programs.items()
            }
            eventually(lambda: self.answers("/readyz"), seconds=40, message="the web is not ready")
            yield running

    @contextmanager
    def worker(self, queue: str, pool: str) -> Iterator[Spawned]:
        """Run one more worker until the block ends."""
        argv = [sys.executable, "-m", *_worker(queue, pool)]
        with spawn(argv, self.environment, cwd=self.folder) as worker:
            yield worker

    def answers(self, path: str) -> bool:
        """Whether the web answers 200."""
        try:
            return requests.get(self.address + path, timeout=5).status_code == 200
        except (requests.ConnectionError, requests.Timeout):
            return False

    def command(self, *words: str, code: int = 0) -> str:
        """Run a command of ours; what it printed."""
        found, said = run_command(words, self.environment, self.folder)
        assert found == code, said
        return said

    def status(self, meeting_id: str) -> dict[str, Any]:
        """What `status` says of a meeting."""
        told: dict[str, Any] = json.loads(self.command("status", meeting_id, "--json"))
        return told

    def manifest(self, meeting_id: str) -> dict[str, Any] | None:
        """The manifest of a meeting, if there is one yet."""
        found = list(self.archive.glob(f"**/{meeting_id}/manifest.json"))
        return json.loads(found[0].read_text()) if found else None

    def wait_until_complete(self, meeting_id: str, *, seconds: float = 60) -> dict[str, Any]:
        """Wait for a complete meeting; its manifest."""

        def complete() -> dict[str, Any] | None:
            manifest = self.manifest(meeting_id)
            return manifest if manifest and manifest["complete"] else None

        found = eventually(
            complete, seconds=seconds, message=lambda: f"incomplete: {self.manifest(meeting_id)}"
        )
        assert found is not None
        return found

    def differences(self, meeting_id: str) -> list[str]:
        """Where the archive is not what the simulator served."""
        manifest = self.manifest(meeting_id) or {"files": []}
        folder = next(self.archive.glob(f"**/{meeting_id}"))
        stored = {(file.get("resource_id"), file["kind"]): file for file in manifest["files"]}
        wrong = []
        for true in self.simulator.control.truth(meeting_id)["files"]:
            file = stored.get((true["resource_id"], true["kind"]))
            content = (folder / file["path"]).read_bytes() if file else b""
            if hashlib.sha256(content).hexdigest() != true["sha256"]:
                wrong.append(f"{true} is not what is stored as {file}")
        return wrong

    def register(self) -> None:
        """Register the webhooks, as the command does, without the start of a process."""
        told = {"token": self.environment["WEBEX_ACCESS_TOKEN"], "address": self.address}
        register_webhooks(self.simulator.api_url, **told)

    def wait_until_no_part_is_left(self) -> None:
        """Wait until nothing in the archive is half written."""
        eventually(
            lambda: not list(self.archive.rglob("*.part")), message="part files are left behind"
        )


def register_webhooks(api_url: str, *, token: str, address: str) -> None:
    """Register every wanted webhook at the simulator."""
    client = WebexClient(api_url, tokens=FixedToken(token), gate=OpenGate(), clock=utc_now)
    register(client, target_url=f"{address}/webhooks/webex", secret=SECRET)


class OpenGate:
    """A gate that lets everybody pass."""

    def enter(self) -> None:
        """Let one request pass."""

    def close(self, seconds: float | None) -> float:
        """Stay open."""
        return seconds or 0

    def answered(self, status: int | None) -> None:
        """Count nothing."""


@contextmanager
def house(
    folder: Path,
    environment: Mapping[str, str] | None = None,
    *,
    simulator_settings: Mapping[str, Any] | None = None,
) -> Iterator[House]:
    """An installation with nothing running yet; settings are added to the usual ones."""
    told = SimulatorSettings.model_validate({"timeline": TIMELINE} | dict(simulator_settings or {}))
    with Simulator(told) as simulator:
        built = House(folder, simulator, {})
        built.environment = {
            **PACE,
            "WEBEX_API_URL": simulator.api_url,
            "WEBEX_ACCESS_TOKEN": "simulator-token",
            "WEBEX_WEBHOOK_SECRET": SECRET,
            "DOWNLOAD_HOSTS": simulator.media_url,
            "PUBLIC_URL": built.address,
            **(environment or {}),
        }
        yield built


def _worker(queue: str, pool: str) -> Sequence[str]:
    size = ["--concurrency", "4" if pool == "threads" else "2"]
    name = ["--hostname", f"{queue}@%h"]
    return ["celery", "-A", "workers", "worker", "-Q", queue, "--pool", pool, *size, *name]
