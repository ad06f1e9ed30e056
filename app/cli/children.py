"""Child processes that never outlive this process, however it ends."""

import contextlib
import ctypes
import functools
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from app.cli import guardian

PR_SET_PDEATHSIG = 1  # linux/prctl.h


class Children:
    """Starts processes in sessions of their own and ends what is left of them.

    Use it from the main thread only: Linux ends a child together with the thread that started it.
    """

    def __init__(self) -> None:
        self._groups: set[int] = set()
        self._guardian: subprocess.Popen[bytes] | None = None

    def start(self, argv: Sequence[str], environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
        """Start a program with the environment added to ours; output and errors are inherited."""
        self.keep_guarded()
        process = subprocess.Popen(
            argv,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=_die_with_parent(),
        )
        self._groups.add(process.pid)
        self._tell(f"+{process.pid}")
        return process

    def bury(self, process: subprocess.Popen[bytes]) -> None:
        """Kill what an ended process has left behind in its group, and forget the group."""
        guardian.kill_group(process.pid)
        self._groups.discard(process.pid)
        self._tell(f"-{process.pid}")

    def keep_guarded(self) -> None:
        """Start the guardian if it is not running."""
        if self._guardian and self._guardian.poll() is None:
            return
        self._leave_guardian()
        self._guardian = subprocess.Popen(
            [sys.executable, "-I", "-S", guardian.__file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
        for group in self._groups:
            self._tell(f"+{group}")

    def close(self) -> None:
        """Let the guardian go; it kills the groups that were not buried."""
        self._leave_guardian()

    def _tell(self, line: str) -> None:
        if not (self._guardian and self._guardian.stdin):
            return
        try:
            self._guardian.stdin.write(f"{line}\n".encode())
            self._guardian.stdin.flush()
        except BrokenPipeError:
            # The next guardian hears of every group that is left.
            return

    def _leave_guardian(self) -> None:
        if not (self._guardian and self._guardian.stdin):
            return
        with contextlib.suppress(BrokenPipeError):
            self._guardian.stdin.close()
        self._guardian.wait(10)
        self._guardian = None


def _die_with_parent() -> Callable[[], None] | None:
    """What a child does before it becomes its program: ask to be killed when the parent ends."""
    if sys.platform != "linux":
        return None
    prctl, parent = _prctl(), os.getpid()

    def ask() -> None:
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # it ended before it was asked
            os._exit(1)

    return ask


@functools.cache
def _prctl() -> Any:
    # Loaded before the fork: in the child another thread's hold on the loader's lock never ends.
    return ctypes.CDLL(None, use_errno=True).prctl
