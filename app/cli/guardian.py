"""A small process that kills the process groups of a supervisor that was killed itself.

It runs by itself (``python -I -S guardian.py``) and reads ``+GROUP`` and ``-GROUP`` lines from the
supervisor. When its input ends before every ``+GROUP`` has had its ``-GROUP``, the supervisor was
killed: the kernel then ends the supervisor's own children, but not the children of those.
"""

import os
import signal
import sys
from collections.abc import Iterable


def guard(lines: Iterable[str]) -> None:
    """Follow the supervisor until it is gone, then kill the groups it left behind."""
    groups: set[int] = set()
    for line in lines:
        group = int(line[1:])
        if line.startswith("+"):
            groups.add(group)
        else:
            groups.discard(group)
    for group in groups:
        kill_group(group)


def kill_group(group: int) -> None:
    """Kill every process of the group; nothing happens when there is none."""
    try:
        os.killpg(group, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        # macOS answers EPERM where nothing but a zombie is left.
        return


if __name__ == "__main__":
    # A service manager sends its SIGTERM to every process of the service at once.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    guard(sys.stdin)
