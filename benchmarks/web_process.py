"""A web process to be measured: gunicorn as ``serve`` starts it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from app.cli.programs import web_program
from tests.processes import eventually, free_port, spawn

PASSWORD = "let-me-in"  # noqa: S105 -- of a door that lives for minutes


@contextmanager
def web_process(
    archive: Path, told: Mapping[str, str], *, application: str | None = None
) -> Iterator[int]:
    """Run it with these settings until the end, or another application in it; its port."""
    port = free_port()
    argv = list(web_program("127.0.0.1", port, {}).argv)
    environment = {
        "OPERATOR_PASSWORD": PASSWORD,
        "ARCHIVE_DIR": str(archive),
        "LOG_FORMAT": "json",
        **told,
    }
    if application is not None:
        argv[-1] = application
    with spawn(argv, environment) as process:
        eventually(lambda: _lives(port), seconds=60, message=process.output)
        yield port


def _lives(port: int) -> bool:
    try:
        with urlopen(f"http://127.0.0.1:{port}/livez", timeout=5) as answer:
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False
