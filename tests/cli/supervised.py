"""Run a supervisor as a process of its own, with its log lines as JSON, to be killed by a test."""

import json
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import structlog

from app.cli.supervisor import Program, Supervisor, answers_http
from app.cli.valkey import answers_ping
from app.errors import IngestError
from tests.servers import Spawned, spawn

REPOSITORY = Path(__file__).parent.parent.parent


@contextmanager
def supervised(
    folder: Path, programs: Sequence[Mapping[str, Any]], **options: Any
) -> Iterator[Spawned]:
    """Run the programs (the fields of a Program; ``ready`` as a pair) under a supervisor."""
    description = folder / "programs.json"
    description.write_text(json.dumps({"programs": programs, "options": options}))
    argv = [sys.executable, "-m", "tests.cli.supervised", str(description)]
    with spawn(argv, cwd=REPOSITORY) as run:
        yield run


def shell(name: str, words: str, ready: Sequence[object] | None = None) -> dict[str, Any]:
    """Describe a program that is a few words of shell."""
    return {"name": name, "argv": ["/bin/sh", "-c", words], "ready": ready}


def end(run: Spawned, how: signal.Signals = signal.SIGTERM) -> None:
    """Send the signal and wait until the supervisor has ended."""
    run.process.send_signal(how)
    run.process.wait(60)


def logged(output: str) -> list[dict[str, Any]]:
    """Return the supervisor's log lines among what its programs printed.

    A program may have written the beginning of a line just before one of them.
    """
    read = json.JSONDecoder().raw_decode
    return [read(line, at)[0] for line in output.splitlines() if (at := line.find('{"')) >= 0]


def started(output: str) -> list[int]:
    """Return the process ids of the programs, which are the ids of their sessions too."""
    return [line["pid"] for line in logged(output) if line["event"] == "program.started"]


def main(path: Path) -> int:
    """Run the programs that the file describes until a signal ends it."""
    given = json.loads(path.read_text())
    log = structlog.wrap_logger(
        structlog.PrintLogger(sys.stdout), processors=[structlog.processors.JSONRenderer()]
    )
    supervisor = Supervisor(
        [_program(**one) for one in given["programs"]],
        log=log,
        on_started=lambda: log.info("everything.started"),
        **given["options"],
    )
    try:
        supervisor.run()
    except IngestError as error:
        log.info("refused", error=str(error))
        return 1
    return 0


def _program(ready: list[Any] | None = None, **fields: Any) -> Program:
    return Program(**fields, ready=_check(*ready) if ready else None)


def _check(kind: str, value: Any) -> Callable[[], bool]:
    if kind == "http":
        return lambda: answers_http("127.0.0.1", value)
    if kind == "ping":
        return answers_ping(value)
    return lambda: Path(value).exists()


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
