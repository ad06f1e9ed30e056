"""A worker that makes one attempt at one ingest, at a moment it is told: to be killed by tests."""

import signal
import sys
import threading

from app.config import load_settings
from app.ingestion.run import run_ingest
from app.models.times import parse_time
from app.runtime import build_runtime


def main() -> None:
    """Arguments: the id of the ingest, and what time it is."""
    now = parse_time(sys.argv[2])
    assert now is not None
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    runtime = build_runtime(load_settings(), clock=lambda: now, stopping=stop.is_set)
    taken = run_ingest(runtime.bench, int(sys.argv[1]))
    sys.stdout.write("done\n" if taken else "not due\n")


if __name__ == "__main__":
    main()
