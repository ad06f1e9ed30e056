"""What the work needs around it, for Prometheus: workers, beat, broker, disk; and who tells it."""

import platform
from collections.abc import Iterator
from datetime import datetime, timedelta
from importlib.metadata import version

from prometheus_client.metrics_core import Metric
from sqlalchemy.orm import Session

from app.db.ticks import WORKER, last_tick, ticks_since
from app.dispatch.broker import Broker
from app.ingestion.status import seconds_since
from app.models.words import Queue
from app.runtime import Runtime
from app.web.families import gauge, gauges
from app.web.looks import BoundedLook

_ALIVE = timedelta(minutes=1)
_FRESH_SECONDS = 1
_PATIENCE_SECONDS = 1

_AGES = {
    "sweep": ("last_sweep_age_seconds", "How long ago the last sweep ended."),
    "backfill": (
        "last_backfill_age_seconds",
        "How long ago all lists of Webex had been read to their end for beat.",
    ),
    "beat": ("last_beat_age_seconds", "How long ago beat was at work."),
}


def beats(session: Session, now: datetime) -> Iterator[Metric]:
    """Who has been heard of lately; what has never happened has no figure."""
    workers = gauges("workers", "Workers that were heard of in the last minute.", "queue")
    alive = [name.partition(":")[0] for name in ticks_since(session, WORKER, now - _ALIVE)]
    for queue in Queue:
        workers.add_metric([queue], alive.count(queue))
    yield workers
    for name, (metric, words) in _AGES.items():
        at = last_tick(session, name)
        if at is not None:
            yield gauge(metric, words, seconds_since(at, now))


class Surroundings:
    """Looks at disk and broker, for a second at most, however long they take."""

    def __init__(self, runtime: Runtime) -> None:
        self._reserve = runtime.bench.archive.reserve_bytes
        self._disk = BoundedLook(
            runtime.bench.archive.disk, seconds=_PATIENCE_SECONDS, fresh_seconds=_FRESH_SECONDS
        )
        self._broker = BoundedLook(
            lambda: _depths(runtime.broker),
            seconds=_PATIENCE_SECONDS,
            fresh_seconds=_FRESH_SECONDS,
        )
        database = runtime.bench.database
        self._build = {
            "version": version("webex-ingest"),
            "python": platform.python_version(),
            "database": database.url.get_backend_name(),
        }

    def begin(self) -> None:
        """Start looking, while others are asked other things."""
        self._disk.begin()
        self._broker.begin()

    def tell(self) -> Iterator[Metric]:
        """What was seen; of what does not answer there is no figure."""
        build = gauges("build_info", "Always 1; the labels say what runs here.", *self._build)
        build.add_metric([*self._build.values()], 1)
        yield build
        disk = self._disk.answer()
        if disk is not None:
            yield gauge("archive_disk_bytes", "Bytes of the archive's disk.", disk[0])
            yield gauge("archive_free_bytes", "Free bytes of the archive's disk.", disk[1])
        yield gauge("archive_reserve_bytes", "Bytes of it that must stay free.", self._reserve)
        depths = self._broker.answer()
        yield gauge("broker_up", "1 while the broker answers.", 0 if depths is None else 1)
        messages = gauges("broker_messages", "Messages that wait in the broker.", "queue")
        for queue, depth in (depths or {}).items():
            messages.add_metric([queue], depth)
        yield messages


def _depths(broker: Broker) -> dict[Queue, int] | None:
    depths = {}
    for queue in Queue:
        depth = broker.depth(queue)
        if depth is None:
            return None
        depths[queue] = depth
    return depths
