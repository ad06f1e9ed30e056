"""Figures for Prometheus, read from the database at each scrape: right for many processes."""

from collections.abc import Iterable, Iterator
from datetime import timedelta

from flask import Blueprint, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from sqlalchemy.orm import Session

from app.db import figures
from app.db.due import due_work
from app.db.inbox import newest_delivery_at
from app.db.meetings import longest_unread
from app.ingestion.status import seconds_since
from app.models.status import AccountStatus
from app.models.words import CORE_RESOURCES, EventOutcome, Kind, State
from app.runtime import Runtime
from app.web.families import counters, gauge, gauges, labelled
from app.web.happenings import happenings
from app.web.surroundings import Surroundings, beats

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
        self._surroundings = Surroundings(runtime)

    def describe(self) -> Iterable[Metric]:
        """Nothing, so that registering asks no database."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """All figures, but those of accounts from one view; raises DatabaseUnavailable."""
        self._surroundings.begin()
        accounts = self._bench.accounts.standings()
        with self._bench.database.reading() as session:
            yield from _of_ingests(session)
            yield self._of_gaps(session)
            yield from self._of_transfers(session)
            yield from _of_events(session)
            yield from _of_files(session)
            yield from self._of_scrub(session)
            yield from self._of_time(session)
            yield from happenings(session, [each.name for each in accounts])
        yield from self._of_tokens(accounts)
        yield from self._surroundings.tell()

    def _of_transfers(self, session: Session) -> Iterator[Metric]:
        now, lease_seconds = self._bench.clock(), self._bench.pace.lease_seconds
        running = figures.progress(session, now=now, lease_seconds=lease_seconds)
        yield gauge("running_transfers", "Transfers that a worker is at.", running.running)
        yield gauge("running_bytes_done", "Bytes that running transfers have.", running.bytes_done)
        yield gauge(
            "running_bytes_expected", "Bytes that running transfers will have.", running.bytes_total
        )
        yield gauge(
            "running_bytes_per_second",
            "Speed of the running transfers together.",
            running.bytes_per_second or 0,
        )
        yield from _of_remaining(running)
        yield gauge(
            "unfinished_bytes",
            "Bytes that are here of files that are not whole yet.",
            figures.unfinished_bytes(session),
        )

    def _of_tokens(self, accounts: list[AccountStatus]) -> Iterator[Metric]:
        now = self._bench.clock()
        left = gauges("token_seconds_left", "How long a token lasts.", "account", "token")
        renewed = gauges("account_ok", "1 while Webex takes or renews the tokens.", "account")
        for account in accounts:
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
        return gauge("gap_meetings", words, figures.count_gaps(session, since=since, now=now))

    def _of_scrub(self, session: Session) -> Iterator[Metric]:
        found = longest_unread(session)
        age = seconds_since(found[1], self._bench.clock()) if found else 0
        yield gauge("longest_unread_seconds", "Since when a stored file was not read again.", age)

    def _of_time(self, session: Session) -> Iterator[Metric]:
        now = self._bench.clock()
        due = gauges("due_work", "What is due now, by how long it has been due.", "queue", "age")
        oldest = gauges("oldest_due_seconds", "How long the oldest due work has been due.", "queue")
        for queue, each in due_work(session, now=now).items():
            for age, number in each.by_age.items():
                due.add_metric([queue, age], number)
            oldest.add_metric([queue], seconds_since(each.since, now) if each.since else 0)
        yield due
        yield oldest
        yield from beats(session, now)
        delivered_at = newest_delivery_at(session)
        if delivered_at is not None:
            words = "How long ago the newest event was last delivered."
            yield gauge("last_delivery_age_seconds", words, seconds_since(delivered_at, now))


def _of_ingests(session: Session) -> Iterator[Metric]:
    counts = figures.count_ingests(session)
    resources = {*CORE_RESOURCES, *(resource for resource, _ in counts)}
    ingests = gauges("ingests", "Ingests by resource and state.", "resource", "state")
    for resource in sorted(resources):
        for state in State:
            ingests.add_metric([resource, state], counts.get((resource, state), 0))
    yield ingests
    yield labelled(
        gauges("meetings", "Meetings by state.", "state"),
        dict.fromkeys(_MEETING_STATES, 0) | figures.count_meetings(session),
    )


def _of_remaining(running: figures.Progress) -> Iterator[Metric]:
    remaining = running.remaining_seconds if running.running else 0
    # Zero would say that all is here: what nobody knows has no sample.
    if remaining is not None:
        yield gauge(
            "running_remaining_seconds",
            "Seconds until running transfers end at their speed; 0 when none runs, "
            "left out while that is not known of every one.",
            remaining,
        )


def _of_events(session: Session) -> Iterator[Metric]:
    yield labelled(
        gauges("events", "Events by outcome.", "outcome"),
        dict.fromkeys(_OUTCOMES, 0) | figures.count_events(session),
    )


def _of_files(session: Session) -> Iterator[Metric]:
    stock = dict.fromkeys(Kind, figures.Stock(0, 0)) | figures.stock_of_kinds(session)
    files = counters("files", "Stored files by kind.", "kind")
    sizes = counters("file_bytes", "Stored bytes by kind.", "kind")
    for kind in sorted(stock):
        files.add_metric([kind], stock[kind].files)
        sizes.add_metric([kind], stock[kind].bytes)
    yield files
    yield sizes
    words = "Stored files that are damaged and cannot be fetched again."
    yield gauge("damaged_files", words, sum(each.damaged for each in stock.values()))
