"""The processes of the Procfile, run for real, and compose's health checks asked of them."""

import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.db.engine import Database
from app.db.schema import migrate
from app.db.ticks import last_tick
from tests.processes import Spawned, eventually, free_port, spawn

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
SERVICES: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
PROCFILE = dict(line.split(": ", 1) for line in (ROOT / "Procfile").read_text().splitlines())
PROCESSES = [name for name in PROCFILE if name != "release"]


@dataclass(frozen=True)
class Place:
    """A folder with a database, and what the processes in it are told."""

    folder: Path
    environment: dict[str, str]
    web_port: int
    flower_port: int

    def moved(self, line: str) -> str:
        """A line of a Procfile or compose for this machine: loopback, free ports."""
        for old, new in (
            ("0.0.0.0:8080", f"127.0.0.1:{self.web_port}"),
            ("127.0.0.1:8080/", f"127.0.0.1:{self.web_port}/"),
            ("127.0.0.1:5555/", f"127.0.0.1:{self.flower_port}/"),
            ("--conf=flowerconfig.py", f"--conf=flowerconfig.py --port={self.flower_port}"),
            ("%h", "$HOSTNAME"),
        ):
            line = line.replace(old, new)
        return line

    def health_check(self, name: str) -> Callable[[], bool]:
        """Compose's health check of a service."""
        how, *words = SERVICES[name]["healthcheck"]["test"]
        text = words[0].replace("$$", "$") if how == "CMD-SHELL" else shlex.join(words)
        argv = ["sh", "-c", self.moved(text)]
        environment = os.environ | self.environment

        def healthy() -> bool:
            asked = subprocess.run(argv, env=environment, cwd=self.folder, capture_output=True)
            return asked.returncode == 0

        return healthy

    def has_swept(self) -> bool:
        """Whether beat has asked for a sweep and the control worker has done it."""
        database = Database(self.environment["DATABASE_URL"])
        with database.reading() as session:
            at = last_tick(session, "sweep")
        database.dispose()
        return at is not None


@pytest.fixture
def place(tmp_path: Path, broker_url: str) -> Place:
    """A folder as a container has one: Flower's configuration and nothing else."""
    url = f"sqlite:///{tmp_path / 'state' / 'webex-ingest.db'}"
    (tmp_path / "state").mkdir()
    database = Database(url)
    migrate(database)
    database.dispose()
    folder = tmp_path / "cwd"
    folder.mkdir()
    (folder / "flowerconfig.py").symlink_to(ROOT / "flowerconfig.py")
    environment = {
        "PATH": f"{BIN}:{os.environ['PATH']}",
        "HOME": "/nonexistent",
        "HOSTNAME": "deployment-test",
        "DATABASE_URL": url,
        "CELERY_BROKER_URL": broker_url,
        "ARCHIVE_DIR": str(tmp_path / "state" / "archive"),
        "WEBEX_WEBHOOK_SECRET": "a-secret",
        "OPERATOR_PASSWORD": "a-password",
    }
    return Place(folder, environment, free_port(), free_port())


@pytest.fixture
def running(place: Place) -> Iterator[dict[str, Spawned]]:
    """Every process of the Procfile."""
    with ExitStack() as stack:
        yield {
            name: stack.enter_context(
                spawn(
                    ["sh", "-c", f"exec {place.moved(PROCFILE[name])}"],
                    place.environment,
                    cwd=place.folder,
                )
            )
            for name in PROCESSES
        }


def test_the_processes_become_healthy_and_stop_when_asked(
    place: Place, running: dict[str, Spawned]
) -> None:
    with ThreadPoolExecutor(len(PROCESSES)) as threads:
        list(threads.map(lambda name: wait_until_healthy(name, running[name], place), PROCESSES))
    for process in running.values():
        process.process.terminate()
    codes = {name: process.process.wait(30) for name, process in running.items()}

    assert set(codes.values()) == {0}, codes
    assert [path.name for path in place.folder.iterdir()] == ["flowerconfig.py"]


def wait_until_healthy(name: str, process: Spawned, place: Place) -> None:
    """Ask compose's own health check; beat has none, and works when there was a sweep."""
    healthy = place.has_swept if name == "beat" else place.health_check(name)

    eventually(healthy, seconds=60, message=lambda: f"{name} is not healthy: {process.output()}")
