"""Processes that a test starts, none of which outlives the test run."""

import ctypes
import functools
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, TypeVar

T = TypeVar("T")

PR_SET_PDEATHSIG = 1
LOOK_AGAIN_SECONDS = 0.02


def free_port() -> int:
    """Return a loopback port nobody listens on at this moment.

    None of those that systems give to outgoing connections and to port 0: another process could
    have it before the one that it is meant for.
    """
    while True:
        port = 10_000 + secrets.randbelow(20_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def eventually(
    condition: Callable[[], T],
    *,
    seconds: float = 20,
    message: str | Callable[[], str] = "the condition did not come true",
) -> T:
    """Return the condition's first true value; fail when there is none within the seconds."""
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while True:
        if value := condition():
            return value
        if time.monotonic() >= deadline:
            said = message if isinstance(message, str) else message()
            raise AssertionError(f"After {seconds:g} s: {said}")
        pause.wait(LOOK_AGAIN_SECONDS)


def alive(pid: int) -> bool:
    """Say whether the process runs; a zombie that nobody has reaped does not."""
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except ProcessLookupError:
        return False
    except FileNotFoundError:
        # Just gone, or a system without /proc.
        return not Path("/proc/self/stat").exists()
    return state != "Z"


class Spawned:
    """A process that a test has started; its output is in a file from the first byte on."""

    def __init__(self, process: subprocess.Popen[bytes], output_path: Path) -> None:
        self.process = process
        self._output_path = output_path
        self._last_output = ""

    @property
    def pid(self) -> int:
        return self.process.pid

    def running(self) -> bool:
        return self.process.poll() is None

    def output(self) -> str:
        """Return what it has said so far; that is kept when the process has ended."""
        if self._output_path.exists():
            self._last_output = self._output_path.read_text(errors="replace")
        return self._last_output

    def wait_for(self, text: str, *, seconds: float = 20) -> str:
        """Wait until the text stands in the output; return the output."""

        def seen() -> str:
            output = self.output()
            if text not in output and not self.running():
                raise AssertionError(f"Ended without saying {text!r}:\n{self.output()}")
            return output if text in output else ""

        return eventually(
            seen, seconds=seconds, message=lambda: f"{text!r} is not in:\n{self.output()}"
        )

    def end(self, *, seconds: float = 10) -> int:
        """Ask the process to end, then insist; nothing of its group is left. Return its code."""
        if self.running():
            self.process.terminate()
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
        _kill_group(self.pid)
        return self.process.wait(10)


@contextmanager
def spawn(
    argv: Sequence[str | Path],
    environment: Mapping[str, str] | None = None,
    *,
    cwd: Path | None = None,
    seconds: float = 10,
) -> Iterator[Spawned]:
    """Run a process (own group, environment added to ours) for the length of the block.

    Start it from the main thread only: it ends together with the thread that started it.
    """
    with tempfile.TemporaryDirectory(prefix="webex-ingest-spawn-") as folder:
        output_path = Path(folder) / "output.txt"
        with output_path.open("wb") as output:
            process = start(argv, output=output, environment=environment, cwd=cwd)
        spawned = Spawned(process, output_path)
        try:
            yield spawned
        finally:
            spawned.end(seconds=seconds)
            spawned.output()


def start(
    argv: Sequence[str | Path],
    *,
    output: IO[bytes],
    environment: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    death_signal: signal.Signals = signal.SIGKILL,
    as_user: Mapping[str, Any] | None = None,
) -> subprocess.Popen[bytes]:
    """Start a process in a session of its own that gets the signal when this thread ends."""
    with warnings.catch_warnings():
        # All that is done between fork and exec is one system call, which no thread can block.
        warnings.filterwarnings("ignore", ".*multi-threaded, use of fork", DeprecationWarning)
        return subprocess.Popen(
            [str(word) for word in argv],
            env={**os.environ, **(environment or {})},
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=_die_with_parent(death_signal),
            **(as_user or {}),
        )


def _kill_group(group: int) -> None:
    try:
        os.killpg(group, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        # Nothing of the group is left; macOS says EPERM when only a zombie is.
        return


def _die_with_parent(death_signal: signal.Signals) -> Callable[[], None] | None:
    """What the new process does before it becomes the program, so that it never outlives us."""
    if sys.platform != "linux":
        return None
    prctl = _prctl()
    parent = os.getpid()

    def tie() -> None:
        prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
        if os.getppid() != parent:  # the parent died before the tie was made
            os._exit(1)

    return tie


@functools.cache
def _prctl() -> Any:
    # Loaded before the fork: the dynamic loader's lock may be held by another thread there.
    return ctypes.CDLL(None, use_errno=True).prctl
