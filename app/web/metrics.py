"""Figures for Prometheus, read from the database at each scrape: right for many processes."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta

from flask import Blueprint, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from sqlalchemy.orm import Session

from app.db import figures
from app.db.meetings import longest_unread
from app.db.ticks import last_tick
from app.ingestion.status import due_since, seconds_since
from app.models.words import CORE_RESOURCES, EventOutcome, Kind, State
from app.runtime import Runtime

_PREFIX = "webex_ingest_"
_OUTCOMES = ("new", *EventOutcome)
_MEETING_STATES = ("complete", "waiting", "failed")


def metrics_routes(runtime: Runtime) -> Blueprint:
    """The route that Prometheus scrapes."""
    routes = Blueprint("metrics", __name__)
    registry = CollectorRegistry()
    registry.register(DatabaseCollector(runtime))

    @routes.get("/metrics")
    def metrics() -> Response:
        return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)

    return routes


class DatabaseCollector(Collector):
    """Reads every figure anew; labels are words of ours, never ids."""

    def __init__(self, runtime: Runtime) -> None:
        self._bench = runtime.bench

    def describe(self) -> Iterable[Metric]:
        """Nothing, so that registering asks no database."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """All figures, but those of accounts from one view; raises DatabaseUnavailable."""
        with self._bench.database.reading() as session:
            yield from _of_ingests(session)
            yield self._of_gaps(session)
            yield from self._of_transfers(session)
            yield from _of_events(session)
            yield from _of_files(session)
            yield from self._of_scrub(session)
            yield from self._of_time(session)
        yield from self._of_tokens()
        free = self._bench.archive.free_bytes()
        if free is not None:
            yield _gauge("archive_free_bytes", "Free bytes of the archive's disk.", free)
        reserve = self._bench.archive.reserve_bytes
        yield _gauge("archive_reserve_bytes", "Bytes of it that must stay free.", reserve)

    def _of_transfers(self, session: Session) -> Iterator[Metric]:
        now, lease_seconds = self._bench.clock(), self._bench.pace.lease_seconds
        running = figures.progress(session, now=now, lease_seconds=lease_seconds)
        yield _gauge("running_transfers", "Transfers that a worker is at.", running.running)
        yield _gauge("running_bytes_done", "Bytes that running transfers have.", running.bytes_done)
        yield _gauge(
            "running_bytes_expected", "Bytes that running transfers will have.", running.bytes_total
        )
        yield _gauge(
            "running_bytes_per_second",
            "Speed of the running transfers together.",
            running.bytes_per_second or 0,
        )
        yield from _of_remaining(running)
        yield _gauge(
            "unfinished_bytes",
            "Bytes that are here of files that are not whole yet.",
            figures.unfinished_bytes(session),
        )

    def _of_tokens(self) -> Iterator[Metric]:
        now = self._bench.clock()
        left = _gauges("token_seconds_left", "How long a token lasts.", "account", "token")
        renewed = _gauges("account_ok", "1 while Webex takes or renews the tokens.", "account")
        for account in self._bench.accounts.standings():
            renewed.add_metric([account.name], 0 if account.error else 1)
            for token, until in (
                ("access", account.access_expires_at),
                ("refresh", account.refresh_expires_at),
            ):
                if until is not None:
                    left.add_metric([account.name, token], (until - now).total_seconds())
        yield left
        yield renewed

    def _of_gaps(self, session: Session) -> Metric:
        now = self._bench.clock()
        since = now - timedelta(days=self._bench.pace.backfill_days)
        words = "Meetings of the last BACKFILL_DAYS that failed or wait longer than they should."
        return _gauge("gap_meetings", words, figures.count_gaps(session, since=since, now=now))

    def _of_scrub(self, session: Session) -> Iterator[Metric]:
        found = longest_unread(session)
        age = seconds_since(found[1], self._bench.clock()) if found else 0
        yield _gauge("longest_unread_seconds", "Since when a stored file was not read again.", age)

    def _of_time(self, session: Session) -> Iterator[Metric]:
        now = self._bench.clock()
        since = due_since(session, now=now)
        due = seconds_since(since, now) if since else 0
        yield _gauge("oldest_due_seconds", "How long the oldest due work has been due.", due)
        swept_at = last_tick(session, "sweep")
        if swept_at is not None:
            age = seconds_since(swept_at, now)
            yield _gauge("last_sweep_age_seconds", "How long ago the last sweep ended.", age)


def _of_ingests(session: Session) -> Iterator[Metric]:
    counts = figures.count_ingests(session)
    resources = {*CORE_RESOURCES, *(resource for resource, _ in counts)}
    ingests = _gauges("ingests", "Ingests by resource and state.", "resource", "state")
    for resource in sorted(resources):
        for state in State:
            ingests.add_metric([resource, state], counts.get((resource, state), 0))
    yield ingests
    yield _labelled(
        _gauges("meetings", "Meetings by state.", "state"),
        dict.fromkeys(_MEETING_STATES, 0) | figures.count_meetings(session),
    )


def _of_remaining(running: figures.Progress) -> Iterator[Metric]:
    remaining = running.remaining_seconds if running.running else 0
    # Zero would say that all is here: what nobody knows has no sample.
    if remaining is not None:
        yield _gauge(
            "running_remaining_seconds",
            "Seconds until running transfers end at their speed; 0 when none runs, "
            "left out while that is not known of every one.",
            remaining,
        )


def _of_events(session: Session) -> Iterator[Metric]:
    yield _labelled(
        _gauges("events", "Events by outcome.", "outcome"),
        dict.fromkeys(_OUTCOMES, 0) | figures.count_events(session),
    )
    yield CounterMetricFamily(
        _PREFIX + "webhook_deliveries",
        "Stored deliveries of events.",
        value=figures.count_deliveries(session),
    )


def _of_files(session: Session) -> Iterator[Metric]:
    stock = dict.fromkeys(Kind, figures.Stock(0, 0)) | figures.stock_of_kinds(session)
    files = CounterMetricFamily(_PREFIX + "files", "Stored files by kind.", labels=["kind"])
    sizes = CounterMetricFamily(_PREFIX + "file_bytes", "Stored bytes by kind.", labels=["kind"])
    for kind in sorted(stock):
        files.add_metric([kind], stock[kind].files)
        sizes.add_metric([kind], stock[kind].bytes)
    yield files
    yield sizes
    words = "Stored files that are damaged and cannot be fetched again."
    yield _gauge("damaged_files", words, sum(each.damaged for each in stock.values()))


def _gauge(name: str, words: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(_PREFIX + name, words, value=value)


def _gauges(name: str, words: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(_PREFIX + name, words, labels=labels)


def _labelled(family: GaugeMetricFamily, values: Mapping[str, float]) -> GaugeMetricFamily:
    for label in sorted(values):
        family.add_metric([label], values[label])
    return family
