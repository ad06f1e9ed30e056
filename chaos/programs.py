"""The processes of an installation that is spread over two worker hosts, and what they are told."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

HOST = "127.0.0.1"
LEASE_SECONDS = 3

PACE = {
    "POLL_FIRST_SECONDS": "0.5",
    "POLL_MAX_SECONDS": "3",
    "POLL_GIVE_UP_HOURS": "1",
    "SETTLE_SECONDS": "1",
    "SWEEP_SECONDS": "0.5",
    "LEASE_SECONDS": str(LEASE_SECONDS),
    "DISK_RESERVE_BYTES": "0",
    "RATE_LIMIT_PER_MINUTE": "100000",
    "LOG_FORMAT": "json",
}
_WEB = ["gunicorn", "--preload", "--worker-class", "gthread", "--workers", "2", "--threads", "16"]
_APPLICATION = "app.web.application:create_app_from_environment()"


@dataclass(frozen=True, slots=True)
class Program:
    """One process of the installation; its children belong to it."""

    name: str
    argv: Sequence[str]


def programs(port: int) -> list[Program]:
    """Web, control, two beats, and two worker hosts: one with threads, one with child processes."""
    web = [*_WEB, "--bind", f"{HOST}:{port}", "--no-control-socket", "--log-level", "warning"]
    return [
        _python("web", [*web, _APPLICATION]),
        _worker("control", "one", "prefork", 2),
        _worker("poll", "one", "threads", 4),
        _worker("transfer", "one", "threads", 4),
        _worker("poll", "two", "prefork", 2),
        _worker("transfer", "two", "prefork", 2),
        _celery("beat-one", ["beat", "--loglevel", "warning", "--pidfile="]),
        _celery("beat-two", ["beat", "--loglevel", "warning", "--pidfile="]),
    ]


def environment(
    simulator: Mapping[str, str],
    *,
    database_url: str,
    broker_url: str,
    secret: str,
    archive: str,
    public_url: str,
) -> dict[str, str]:
    """The settings that every process gets."""
    return PACE | {
        "WEBEX_API_URL": simulator["api_url"],
        "WEBEX_ACCESS_TOKEN": "simulator-token",
        "WEBEX_WEBHOOK_SECRET": secret,
        "DOWNLOAD_HOSTS": simulator["media_url"],
        "DATABASE_URL": database_url,
        "CELERY_BROKER_URL": broker_url,
        "ARCHIVE_DIR": archive,
        "PUBLIC_URL": public_url,
    }


def _worker(queue: str, host: str, pool: str, slots: int) -> Program:
    options = ["--queues", queue, "--pool", pool, "--concurrency", str(slots)]
    quiet = ["--loglevel", "info", "--without-mingle", "--without-gossip"]
    name = f"{queue}-{host}"
    return _celery(name, ["worker", "--hostname", f"{name}@chaos", *options, *quiet])


def _celery(name: str, arguments: Sequence[str]) -> Program:
    return _python(name, ["celery", "-A", "workers", "--quiet", *arguments])


def _python(name: str, arguments: Sequence[str]) -> Program:
    return Program(name, [sys.executable, "-m", *arguments])
