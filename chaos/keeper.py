"""The keeper: starts what an installation consists of, and starts again what was struck down."""

import contextlib
import os
import random
import signal
import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from app.cli.supervisor import Program
from tests.processes import start

_AGAIN_SECONDS = (0.2, 1.0)
STOP_SECONDS = 15
"""How long any process may take to end when it is asked to."""


@dataclass(slots=True)
class _Kept:
    program: Program
    process: subprocess.Popen[bytes] | None = None
    start_at: float = 0
    groups: set[int] = field(default_factory=set)


class Keeper:
    """Keeps programs running, as a service manager does; use it from the main thread only."""

    def __init__(
        self,
        programs: Sequence[Program],
        *,
        folder: Path,
        chance: random.Random,
    ) -> None:
        self._everything = {each.name: _Kept(each) for each in programs}
        self._folder = folder
        self._chance = chance
        self._frozen: list[tuple[float, int]] = []
        self.starts = 0

    def look(self) -> None:
        """Start what is not running and due to be started; wake what was frozen long enough."""
        now = time.monotonic()
        for each in self._everything.values():
            if each.process is not None and each.process.poll() is not None:
                each.process, each.start_at = None, now + self._chance.uniform(*_AGAIN_SECONDS)
            if each.process is None and now >= each.start_at:
                self._start(each)
        for due in [each for each in self._frozen if each[0] <= now]:
            self._frozen.remove(due)
            _send(due[1], signal.SIGCONT)

    def processes(self, *prefixes: str) -> list[tuple[str, int]]:
        """The names and ids of all running processes, children too, of such programs."""
        found = []
        for name, each in self._everything.items():
            if each.process is not None and name.startswith(prefixes):
                found += [(name, pid) for pid in _family(each.process.pid)]
        return found

    def kill(self, pid: int) -> None:
        """End a process as a crash does."""
        _send(pid, signal.SIGKILL)

    def freeze(self, pid: int, seconds: float) -> None:
        """Stop a process for a while, as a machine does that has other things to do."""
        _send(pid, signal.SIGSTOP)
        self._frozen.append((time.monotonic() + seconds, pid))

    def ask_to_stop(self, name: str) -> None:
        """Let a program end by itself; it is started again."""
        process = self._everything[name].process
        if process is not None:
            process.terminate()

    def thaw(self) -> None:
        """Wake everything that is frozen."""
        for _, pid in self._frozen:
            _send(pid, signal.SIGCONT)
        self._frozen.clear()

    def stop(self) -> dict[str, float]:
        """Ask everything to end; how long each program took, in seconds."""
        self.thaw()
        began, pause = time.monotonic(), threading.Event()
        running = {
            name: each.process
            for name, each in self._everything.items()
            if each.process is not None
        }
        for process in running.values():
            process.terminate()
        took: dict[str, float] = {}
        while len(took) < len(running) and time.monotonic() - began < 2 * STOP_SECONDS:
            for name, process in running.items():
                if name not in took and process.poll() is not None:
                    took[name] = time.monotonic() - began
            pause.wait(0.05)
        took |= {name: 2.0 * STOP_SECONDS for name in running if name not in took}
        self.close()
        return took

    def close(self) -> None:
        """End whatever is left, at once, orphans of killed programs too."""
        for each in self._everything.values():
            for group in each.groups:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(group, signal.SIGKILL)
            if each.process is not None:
                each.process.wait(10)
                each.process = None

    def _start(self, each: _Kept) -> None:
        with (self._folder / f"{each.program.name}.log").open("ab") as output:
            each.process = start(
                each.program.argv,
                output=output,
                environment=each.program.environment,
                cwd=self._folder,
            )
        each.groups.add(each.process.pid)
        self.starts += 1


def _family(pid: int) -> list[int]:
    try:
        process = psutil.Process(pid)
        return [pid, *(child.pid for child in process.children(recursive=True))]
    except psutil.NoSuchProcess:
        return []


def _send(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
