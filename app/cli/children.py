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
        try:
            process = subprocess.Popen(
                argv,
                env={**os.environ, **environment},
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                preexec_fn=_tie(self.keep_guarded()),
            )
            self._groups.add(process.pid)
        finally:
            # A child that could not become its program has announced itself all the same.
            self._tell_groups()
        return process

    def bury(self, process: subprocess.Popen[bytes]) -> None:
        """Kill what an ended process has left behind in its group, and forget the group."""
        guardian.kill_group(process.pid)
        self._groups.discard(process.pid)
        self._tell_groups()

    def keep_guarded(self) -> int:
        """Start the guardian if it is not running; return where it listens."""
        if self._guardian is None or self._guardian.poll() is not None:
            self._leave_guardian()
            self._guardian = subprocess.Popen(
                [sys.executable, "-I", "-S", guardian.__file__, *map(str, self._groups)],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                start_new_session=True,
            )
        assert self._guardian.stdin is not None
        return self._guardian.stdin.fileno()

    def close(self) -> None:
        """Let the guardian go; it kills the groups that were not buried."""
        self._leave_guardian()

    def _tell_groups(self) -> None:
        if not (self._guardian and self._guardian.stdin):
            return
        line = "=" + " ".join(map(str, self._groups)) + "\n"
        # The guardian that follows a dead one hears of every group.
        with contextlib.suppress(BrokenPipeError):
            os.write(self._guardian.stdin.fileno(), line.encode())

    def _leave_guardian(self) -> None:
        if not (self._guardian and self._guardian.stdin):
            return
        self._guardian.stdin.close()
        self._guardian.wait(10)
        self._guardian = None


def _tie(guardian_pipe: int) -> Callable[[], None]:
    """What a child does before it becomes its program, so that there is no moment it may outlive.

    It tells the guardian of its group and asks the kernel to be killed when its parent ends.
    """
    prctl, parent = _prctl(), os.getpid()

    def tie() -> None:
        os.write(guardian_pipe, f"+{os.getpid()}\n".encode())
        if prctl is not None:
            prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # it ended before it was asked
            os._exit(1)

    return tie


@functools.cache
def _prctl() -> Any:
    if sys.platform != "linux":
        return None
    # Loaded before the fork: in the child another thread's hold on the loader's lock never ends.
    return ctypes.CDLL(None, use_errno=True).prctl
