"""Write to the database again and again, as workers do; say how often that went, and how long."""

import json
import sys
import time

from app.db.engine import Database
from app.db.ticks import tick
from app.models.times import utc_now


def main() -> None:
    """``url seconds``; prints one JSON object."""
    database, seconds = Database(sys.argv[1]), float(sys.argv[2])
    took: list[float] = []
    began = time.monotonic()
    while time.monotonic() < began + seconds:
        one = time.monotonic()
        with database.transaction() as session:
            tick(session, "busy", now=utc_now())
        took.append(time.monotonic() - one)
    took.sort()
    told = {
        "writes": len(took),
        "seconds": time.monotonic() - began,
        "p99_ms": 1000 * took[len(took) * 99 // 100],
    }
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main()
