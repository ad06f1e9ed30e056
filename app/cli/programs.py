"""The programs that `serve` runs, with the command line of each."""

import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from app.cli.supervisor import Program, answers_http

_WEB_THREADS = 16
_WEB_PROCESSES = 2


def web_program(host: str, port: int, environment: Mapping[str, str]) -> Program:
    """The door and the pages."""
    argv = [
        *(sys.executable, "-m", "gunicorn", "--bind", f"{host}:{port}"),
        # Loaded once and shared by all its processes; a runtime opens nothing before a fork.
        "--preload",
        *("--worker-class", "app.web.worker.DoorWorker"),
        *("--workers", str(_WEB_PROCESSES), "--threads", str(_WEB_THREADS)),
        *("--log-level", "warning", "--no-control-socket", "--graceful-timeout", "8"),
        "app.web.application:create_app_from_environment()",
    ]
    looked_at = "127.0.0.1" if host in ("0.0.0.0", "::") else host  # noqa: S104 -- a comparison
    return Program("web", argv, environment, ready=partial(answers_http, looked_at, port))


def worker_program(
    name: str, queue: str, pool: str, slots: int, environment: Mapping[str, str]
) -> Program:
    """A worker of one queue with so many threads (pool ``threads``) or processes (``prefork``)."""
    options = ["--queues", queue, "--pool", pool, "--concurrency", str(slots)]
    quiet = ["--loglevel", "info", "--without-mingle", "--without-gossip"]
    return _celery(name, ["worker", "--hostname", f"{name}@%h", *options, *quiet], environment)


def beat_program(environment: Mapping[str, str], name: str = "beat") -> Program:
    """What asks for sweeps; two of them do no harm."""
    return _celery(name, ["beat", "--loglevel", "warning", "--pidfile="], environment)


def flower_program(environment: Mapping[str, str]) -> Program:
    """Flower, as flowerconfig.py has it."""
    configuration = Path(__file__).parents[2] / "flowerconfig.py"
    return _celery("flower", ["flower", f"--conf={configuration}"], environment)


def _celery(name: str, arguments: Sequence[str], environment: Mapping[str, str]) -> Program:
    argv = [sys.executable, "-m", "celery", "-A", "workers", "--quiet", *arguments]
    return Program(name, argv, environment)
