"""What a soak looks at again and again: memory, descriptors, sizes, and how long a sweep takes."""

import contextlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any

import psutil
import redis
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from app.config import load_settings
from app.ingestion.sweep import sweep
from app.runtime import build_runtime
from chaos.installation import Installation

MIB = 1024**2
Gauges = Mapping[str, float]


class Observer:
    """Reads all gauges of an installation; each program counts with its children."""

    def __init__(self, house: Installation) -> None:
        self._house = house
        settings = {name.lower(): value for name, value in house.environment.items()}
        self._bench = build_runtime(load_settings(**settings)).bench

    def read(self) -> dict[str, float]:
        """All gauges now: MiB, counts and milliseconds, as their names say."""
        found: dict[str, float] = {}
        for name, pid in self._house.keeper.processes(""):
            # A child may end while it is looked at.
            with contextlib.suppress(psutil.NoSuchProcess):
                process = psutil.Process(pid)
                for gauge, value in (
                    ("memory MiB", process.memory_info().rss / MIB),
                    ("descriptors", process.num_fds()),
                ):
                    found[f"{name} {gauge}"] = found.get(f"{name} {gauge}", 0) + value
        return found | {
            "broker memory MiB": self._broker_bytes() / MIB,
            "sweep ms": self._sweep_milliseconds(),
            "oldest due s": self._house.oldest_due_seconds(),
        }

    def database_bytes(self) -> int:
        """How large the database is."""
        if self._bench.database.is_sqlite:
            query = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size"
        else:
            query = "SELECT pg_database_size(current_database())"
        engine = create_engine(self._house.database.url, poolclass=NullPool)
        with engine.connect() as connection:
            return int(connection.execute(text(query)).scalar_one())

    def _broker_bytes(self) -> int:
        with redis.Redis.from_url(self._house.broker.url) as client:
            told: dict[str, Any] = client.info("memory")
        return int(told["used_memory"])

    def _sweep_milliseconds(self) -> float:
        """One more sweep than usual, which is harmless, and timed."""
        began = time.monotonic()
        sweep(self._bench)
        return 1000 * (time.monotonic() - began)


@dataclass(frozen=True, slots=True)
class Trend:
    """One gauge in the second, fourth and last fifth of a soak; the first one warms up."""

    name: str
    early: float
    before: float
    late: float

    @property
    def ratio(self) -> float:
        """How many times as much it was at the end."""
        return self.late / self.early if self.early else 1.0 + self.late

    @property
    def goes_on(self) -> bool:
        """Whether it still grows at the end, as what leaks does.

        Of a steady growth a third falls between the last two fifths. A step has nothing there:
        a child that replaces another one inherits the descriptors that its parent has by then.
        """
        return self.late - self.before > (self.late - self.early) / 6


def trends(readings: list[Gauges]) -> list[Trend]:
    """How each gauge went, by medians."""
    fifth = max(1, len(readings) // 5)
    parts = [readings[fifth : 2 * fifth], readings[3 * fifth : 4 * fifth], readings[-fifth:]]
    parts = [part or readings[-1:] for part in parts]
    names = sorted(set.intersection(*(set(each) for part in parts for each in part)))
    return [Trend(name, *(median(each[name] for each in part) for part in parts)) for name in names]
