"""The programs of one machine (gunicorn, Celery, beat, Valkey) under the supervisor, for real."""

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.cli.supervisor import answers_http
from app.cli.valkey import valkey_program
from tests.cli.supervised import end, logged, started, supervised
from tests.servers import Spawned, alive, eventually, free_port

SERVICE = """
import os
from datetime import timedelta
from pathlib import Path

from celery import Celery
from flask import Flask

web = Flask(__name__)
folder = Path(__file__).parent


@web.get("/livez")
def livez():
    return "alive"


queue = Celery("service", broker=os.environ["BROKER_URL"])
queue.conf.update(
    task_ignore_result=True,
    broker_connection_retry_on_startup=True,
    beat_schedule={
        name: {"task": "service.tick", "schedule": timedelta(seconds=0.2), "args": [name],
               "options": {"queue": name, "expires": 1}}
        for name in ("control", "transfer")
    },
)


@queue.task(name="service.tick")
def tick(name):
    (folder / f"{name}.ticked").touch()
"""


pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@pytest.fixture
def web_port() -> int:
    return free_port()


@pytest.fixture
def stack(tmp_path: Path, web_port: int) -> Iterator[Spawned]:
    (tmp_path / "service.py").write_text(SERVICE)
    with supervised(tmp_path, programs(tmp_path, web_port)) as run:
        yield run


def programs(folder: Path, web_port: int) -> list[dict[str, Any]]:
    """Describe what serve would run, in its order."""
    valkey = valkey_program(folder / "var")
    path = os.pathsep.join([str(folder), *os.environ.get("PYTHONPATH", "").split(os.pathsep)])
    environment = {"PYTHONPATH": path, "BROKER_URL": valkey.url}
    python = [sys.executable, "-m"]
    gunicorn = [
        *python,
        "gunicorn",
        "service:web",
        "--no-control-socket",
        "-b",
        f"127.0.0.1:{web_port}",
    ]
    celery = [*python, "celery", "-A", "service"]
    argvs = {
        "web": [*gunicorn, "-k", "app.web.worker.DoorWorker", "-w", "2", "--threads", "4"],
        "control": [*celery, "worker", "-P", "prefork", "-c", "2", "-n", "control@%h"],
        "transfer": [*celery, "worker", "-P", "threads", "-c", "4", "-n", "transfer@%h"],
        "beat": [*celery, "beat", "-S", "celery.beat:Scheduler", "--pidfile="],
    }
    for name in ("control", "transfer"):
        argvs[name] += ["-Q", name, "--without-mingle", "--without-gossip"]
    broker = {
        "name": "valkey",
        "argv": valkey.program.argv,
        "environment": dict(valkey.program.environment),
        "ready": ["ping", valkey.url],
    }
    others: list[dict[str, Any]] = [
        {"name": name, "argv": argv, "environment": environment, "ready": None}
        for name, argv in argvs.items()
    ]
    others[0]["ready"] = ["http", web_port]
    return [broker, *others]


def test_the_whole_stack_starts_works_and_stops(
    stack: Spawned, tmp_path: Path, web_port: int
) -> None:
    began = time.monotonic()
    wait_until_working(stack, tmp_path)
    working_after = time.monotonic() - began
    assert answers_http("127.0.0.1", web_port)
    sessions = started(stack.output())
    assert len(processes_in(sessions)) >= 9

    began = time.monotonic()
    end(stack)
    stopped_after = time.monotonic() - began

    assert stack.process.returncode == 0
    assert processes_in(sessions) == []
    stopped = [line for line in logged(stack.output()) if line["event"] == "program.stopped"]
    assert [line["exit_code"] for line in stopped] == [0] * 5
    assert (working_after < 20, stopped_after < 15) == (True, True)


def test_nothing_outlives_a_killed_supervisor(stack: Spawned, tmp_path: Path) -> None:
    wait_until_working(stack, tmp_path)
    sessions = started(stack.output())

    os.kill(stack.pid, signal.SIGKILL)

    eventually(
        lambda: not processes_in(sessions),
        seconds=5,
        message=lambda: f"still there: {processes_in(sessions)}",
    )


def test_killed_programs_come_back_and_work(stack: Spawned, tmp_path: Path, web_port: int) -> None:
    wait_until_working(stack, tmp_path)

    for pid in started(stack.output()):
        os.kill(pid, signal.SIGKILL)

    eventually(lambda: len(started(stack.output())) == 10, message=stack.output)
    wait_until_working(stack, tmp_path)
    eventually(lambda: answers_http("127.0.0.1", web_port), message=stack.output)


def wait_until_working(stack: Spawned, folder: Path) -> None:
    """Wait until the web answers and both workers have run a task from now on."""
    stack.wait_for("everything.started", seconds=30)
    marks = [folder / f"{name}.ticked" for name in ("control", "transfer")]
    for mark in marks:
        mark.unlink(missing_ok=True)
    eventually(lambda: all(mark.exists() for mark in marks), seconds=30, message=stack.output)


def processes_in(sessions: list[int]) -> list[int]:
    """Find every living process of the sessions, whoever its parent is now."""
    pids = [int(folder.name) for folder in Path("/proc").iterdir() if folder.name.isdigit()]
    return [pid for pid in pids if session_of(pid) in sessions and alive(pid)]


def session_of(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return None
