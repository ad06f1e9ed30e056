"""The processes of an installation that is spread over two worker hosts, and what they are told."""

from collections.abc import Mapping

from cryptography.fernet import Fernet

from app.cli.programs import beat_program, web_program, worker_program
from app.cli.supervisor import Program

HOST = "127.0.0.1"
LEASE_SECONDS = 3

PACE = {
    "POLL_FIRST_SECONDS": "0.5",
    "EXTRA_RESOURCES": "none",
    "POLL_MAX_SECONDS": "3",
    "POLL_GIVE_UP_HOURS": "1",
    "SETTLE_SECONDS": "1",
    "SWEEP_SECONDS": "0.5",
    "LEASE_SECONDS": str(LEASE_SECONDS),
    "DISK_RESERVE_BYTES": "0",
    "RATE_LIMIT_PER_MINUTE": "100000",
    "LOG_FORMAT": "json",
}


def programs(port: int, told: Mapping[str, str]) -> list[Program]:
    """Web, control, two beats, and two worker hosts: one with threads, one with child processes."""
    return [
        web_program(HOST, port, told),
        worker_program("control-one", "control", "prefork", 2, told),
        worker_program("poll-one", "poll", "threads", 4, told),
        worker_program("transfer-one", "transfer", "threads", 4, told),
        worker_program("poll-two", "poll", "prefork", 2, told),
        worker_program("transfer-two", "transfer", "prefork", 2, told),
        beat_program(told, "beat-one"),
        beat_program(told, "beat-two"),
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
        "WEBEX_CLIENT_ID": "simulator-client",
        "WEBEX_CLIENT_SECRET": "simulator-secret",
        "WEBEX_REFRESH_TOKEN": "simulator-refresh-token",
        "ENCRYPTION_KEY": Fernet.generate_key().decode(),
        "WEBEX_WEBHOOK_SECRET": secret,
        "DOWNLOAD_HOSTS": simulator["media_url"],
        "DATABASE_URL": database_url,
        "CELERY_BROKER_URL": broker_url,
        "ARCHIVE_DIR": archive,
        "PUBLIC_URL": public_url,
    }
