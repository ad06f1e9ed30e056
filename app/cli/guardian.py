"""A small process that kills the process groups of a supervisor that was killed itself.

It runs by itself (``python -I -S guardian.py GROUP ...``) with the groups that there are already.
Each new group announces itself with ``+GROUP`` before it becomes its program; the supervisor says
``=GROUP GROUP ...`` whenever it knows which groups there are. What is left at the end of the input
belongs to a supervisor that was killed: the kernel ends the supervisor's own children then, but
not the children of those.
"""

import os
import signal
import sys
from collections.abc import Iterable


def guard(groups: set[int], lines: Iterable[str]) -> None:
    """Follow the supervisor until it is gone, then kill the groups it left behind."""
    for line in lines:
        named = {int(word) for word in line[1:].split()}
        groups = groups | named if line.startswith("+") else named
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
    guard({int(word) for word in sys.argv[1:]}, sys.stdin)
