"""Commands of ours, each in a process of its own that has its imports already.

A fresh interpreter takes a second to import what a command needs, nearly all that a command takes.
"""

import multiprocessing
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from multiprocessing.context import ForkServerContext
from pathlib import Path

_INTERRUPTIBLE = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler);"
    "from app.cli.main import main; main()"
)
INTERRUPTIBLE = [sys.executable, "-c", _INTERRUPTIBLE]
"""Our program where a test interrupts it: what a shell starts in the background ignores that."""

_LONGEST_SECONDS = 60


def run_command(
    words: Sequence[str], environment: Mapping[str, str], folder: Path
) -> tuple[int, str]:
    """Run ``webex-ingest`` with these words; its exit status and all that it printed."""
    with tempfile.NamedTemporaryFile(prefix="webex-ingest-command-") as output:
        arguments = (list(words), {**os.environ, **environment}, folder, output.name)
        process = _server().Process(target=_run, args=arguments)
        process.start()
        process.join(_LONGEST_SECONDS)
        if process.exitcode is None:
            process.kill()
            process.join()
        return process.exitcode or 0, Path(output.name).read_text(errors="replace")


@cache
def _server() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.e2e.commands", *_modules()])
    return context


def _modules() -> list[str]:
    from app.cli.main import _COMMANDS

    return ["app.cli.main", *sorted({module for module, _ in _COMMANDS.values()})]


def _run(words: list[str], environment: dict[str, str], folder: Path, output: str) -> None:
    from app.cli.main import main

    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.argv = ["webex-ingest", *words]
    with Path(output).open("wb") as file, Path(os.devnull).open("rb") as nothing:
        os.dup2(nothing.fileno(), 0)
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    main()
