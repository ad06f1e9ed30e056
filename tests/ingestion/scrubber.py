"""A worker that reads stored files at a moment it is told, and is killed in the middle of one."""

import os
import signal
import sys

from app.config import load_settings
from app.ingestion.scrub import scrub_due
from app.models.times import parse_time
from app.runtime import build_runtime


def main() -> None:
    """Arguments: what time it is, and at which look whether the worker stops it is killed."""
    now, last = parse_time(sys.argv[1]), int(sys.argv[2])
    assert now is not None
    looks = 0

    def die() -> bool:
        nonlocal looks
        looks += 1
        if looks == last:
            os.kill(os.getpid(), signal.SIGKILL)
        return False

    scrub_due(build_runtime(load_settings(), clock=lambda: now, stopping=die).bench)


if __name__ == "__main__":
    main()
