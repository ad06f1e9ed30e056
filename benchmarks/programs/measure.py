"""Run a command and print what it cost as one JSON object: seconds, CPU seconds, peak memory.

Started by ``python -I -S``: a process begins with the peak memory of the one that started it,
so that one has to be small.
"""

import json
import os
import sys
import time


def main(argv: list[str]) -> None:
    """Run ``argv`` with its output on standard error, and wait for it and its children."""
    to_errors = [(os.POSIX_SPAWN_DUP2, 2, 1)]
    began = time.monotonic()
    pid = os.posix_spawnp(argv[0], argv, os.environ, file_actions=to_errors)
    _, status, usage = os.wait4(pid, 0)
    seconds = time.monotonic() - began
    cost = {
        "exit_status": os.waitstatus_to_exitcode(status),
        "seconds": seconds,
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "peak_bytes": usage.ru_maxrss * 1024,
    }
    sys.stdout.write(json.dumps(cost))


if __name__ == "__main__":
    main(sys.argv[1:])
