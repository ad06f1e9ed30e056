"""An installation of real processes around a simulated Webex, to be struck or to be watched."""

import json
import random
import secrets
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from chaos.foundations import Blows, Broker, Postgres, Sqlite, foundations
from chaos.keeper import Keeper
from chaos.programs import HOST, environment, programs
from simulator import ControlClient
from tests.processes import eventually, free_port, spawn

_COMMAND_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Installation:
    """Everything that runs, and where it keeps what it has."""

    keeper: Keeper
    database: Sqlite | Postgres
    broker: Broker
    archive: Path
    control_url: str
    environment: Mapping[str, str]

    def control(self) -> ControlClient:
        """A client of the simulator; each thread needs one of its own."""
        return ControlClient(self.control_url)

    def webex_blows(self) -> Blows:
        """What strikes at Webex's side."""
        control = self.control()
        return {"expire tokens": (4, lambda: bool(control.expire_tokens()["expired"]))}

    def oldest_due_seconds(self) -> float:
        """For how long the oldest piece of due work has been due."""
        checks = requests.get(f"{self.environment['PUBLIC_URL']}/readyz", timeout=10).json()
        return float(checks["checks"]["due_work"]["oldest_due_seconds"] or 0)

    def calm(self) -> None:
        """Let everything that was struck work undisturbed again."""
        self.database.mend()
        self.broker.mend()
        self.keeper.thaw()


@contextmanager
def installed(
    folder: Path, kind: str, chance: random.Random, simulator: Mapping[str, Any]
) -> Iterator[Installation]:
    """Build it in a folder, on this kind of database, with its webhooks registered."""
    folder.mkdir(parents=True, exist_ok=True)
    archive = folder / "archive"
    with ExitStack() as stack:
        database, broker = stack.enter_context(foundations(kind, folder, chance))
        addresses = stack.enter_context(_simulated_webex(folder, simulator))
        port = free_port()
        told = environment(
            addresses,
            database_url=database.url,
            broker_url=broker.url,
            secret=secrets.token_hex(16),
            archive=str(archive),
            public_url=f"http://{HOST}:{port}",
        )
        keeper = Keeper(programs(port, told), folder=folder, chance=chance)
        stack.callback(keeper.close)
        keeper.look()
        eventually(lambda: _is_ready(port), seconds=60, message="the web is not ready")
        _register_webhooks(told, folder)
        yield Installation(keeper, database, broker, archive, addresses["control_url"], told)


@contextmanager
def _simulated_webex(folder: Path, settings: Mapping[str, Any]) -> Iterator[Mapping[str, str]]:
    place = folder / "simulator.json"
    place.write_text(json.dumps(settings))
    argv = [sys.executable, "-m", "simulator", "--port", "0", "--media-port", "0", "--json"]
    with spawn([*argv, "--settings", place]) as simulator:
        yield json.loads(simulator.wait_for("}").splitlines()[0])


def _register_webhooks(told: Mapping[str, str], folder: Path) -> None:
    argv = [sys.executable, "-m", "app.cli", "webhooks", "register"]
    with spawn(argv, told, cwd=folder) as registering:
        if registering.process.wait(_COMMAND_SECONDS) != 0:
            raise RuntimeError(f"no webhooks could be registered: {registering.output()}")


def _is_ready(port: int) -> bool:
    try:
        return requests.get(f"http://{HOST}:{port}/readyz", timeout=5).status_code == 200
    except requests.RequestException:
        return False
