"""What the loop of a Python program cost, without the start of Python, which a worker does once."""

import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def loop_told() -> Iterator[None]:
    """Print what the block cost, as one JSON object and the last line on standard error."""
    began, cpu_began = time.monotonic(), _cpu_seconds()
    yield
    cost = {
        "loop_seconds": time.monotonic() - began,
        "loop_cpu_seconds": _cpu_seconds() - cpu_began,
    }
    sys.stderr.write(json.dumps(cost) + "\n")


def _cpu_seconds() -> float:
    spent = os.times()
    return spent.user + spent.system
