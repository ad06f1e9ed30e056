"""What grows with the years: the same questions to databases of more and more meetings."""

import logging
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from itertools import product
from pathlib import Path
from statistics import median

import click
from sqlalchemy import text

from app.db.inbox import Delivery, digest_of
from app.db.intake import Intake
from app.db.search import search, terms_of
from app.ingestion.report import make_report
from app.ingestion.status import overview
from app.ingestion.sweep import sweep
from app.logs import configure_logs
from app.models.times import utc_now
from app.runtime import Runtime
from app.web.application import create_app
from benchmarks.figures import Bar, Spread, spread
from benchmarks.options import with_places, with_sizes
from benchmarks.reporting import Section, write_results
from benchmarks.scale_looks import look_in_turns, looks, with_asks
from benchmarks.scale_pages import page_looks, web_processes
from benchmarks.scale_places import counts_of, installations
from benchmarks.scale_rows import HITS, RARE
from tests.servers import ValkeyServer

_MOST_TIMES = 2.0
_WARM_UP = 2
_LEAST_SECONDS = 0.001
"""Below this a difference is the clock's, and nobody's to notice."""

_IN_TURNS = (
    "The rows were put in by INSERT ... SELECT. Figures are medians of rounds in which each size "
    "had its turn, ratios those within a round."
)

Question = Callable[[], object]


@click.command()
@with_places
@with_sizes
@click.option("--rounds", envvar="BENCH_ROUNDS", default=15, help="How often each is asked.")
@with_asks
def main(sizes: str, rounds: int, asks: int, folder: Path, results: Path, bars: bool) -> None:
    """Ask the same of databases with few and with many meetings, in turns."""
    counts = counts_of(sizes, folder)
    configure_logs(log_format="json", secrets=())
    # Each request has a line, and those that tell how far it is would be lost between them.
    logging.getLogger().setLevel(logging.WARNING)
    sections = []
    for name in ("SQLite", "Postgres"):
        with installations(name, folder, counts) as (runtimes, valkey):
            section = _measure(name, runtimes, valkey, rounds)
            asked = {count: looks(runtime, count) for count, runtime in runtimes.items()}
            looked = look_in_turns(f"{name}: what people look at", asked, asks)
            with web_processes(runtimes, valkey) as urls:
                pages = {count: page_looks(url, count) for count, url in urls.items()}
                paged = look_in_turns(f"{name}: pages over HTTP", pages, asks)
        for each in (section, looked, paged):
            click.echo(each.text())
            sections.append(each)
    settings = {"sizes": ", ".join(f"{each:,}" for each in counts), "rounds": rounds, "asks": asks}
    write_results(results, "scale", "Years of meetings", settings, sections)
    if bars and not all(section.passed for section in sections):
        sys.exit(1)


def _measure(name: str, runtimes: dict[int, Runtime], valkey: ValkeyServer, rounds: int) -> Section:
    questions = {count: _questions(runtime) for count, runtime in runtimes.items()}
    counts = list(runtimes)
    took: dict[str, dict[int, list[float]]] = {}
    for what in questions[counts[0]]:
        click.echo(f"{name}, {what} ...", err=True)
        took[what] = {count: [] for count in counts}
        # In turns, so that a machine that is busy for a while is so for all sizes.
        for number, count in product(range(-_WARM_UP, rounds), counts):
            _forget(runtimes[count], valkey)
            seconds = _seconds(questions[count][what])
            if number >= 0:
                took[what][count].append(seconds)
    rows = [
        (what, *(f"{median(each[count]) * 1000:.1f}" for count in counts))
        for what, each in took.items()
    ]
    return Section(
        f"{name}: milliseconds by meetings",
        ("what", *(f"{count:,}" for count in counts)),
        rows,
        [_IN_TURNS],
        [
            Bar(f"{what}, the most meetings against the fewest", _grown(each), most=_MOST_TIMES)
            for what, each in took.items()
        ],
        {what: {str(count): each[count] for count in counts} for what, each in took.items()},
    )


def _grown(took: dict[int, list[float]]) -> Spread:
    """Round by round, how many times as long the most took as the fewest."""
    pairs = zip(took[min(took)], took[max(took)], strict=True)
    return spread([max(last, _LEAST_SECONDS) / max(first, _LEAST_SECONDS) for first, last in pairs])


def _seconds(question: Question) -> float:
    began = time.perf_counter()
    question()
    return time.perf_counter() - began


def _forget(runtime: Runtime, valkey: ValkeyServer) -> None:
    """Let each round find the same: the same work due, an empty inbox, nobody nudged."""
    valkey.flush()
    with runtime.bench.database.transaction() as session:
        session.execute(text("DELETE FROM webhook_event WHERE outcome IS NULL"))
        session.execute(text("UPDATE ingest SET reserved_until = NULL WHERE state = 'waiting'"))


def _questions(runtime: Runtime) -> dict[str, Question]:
    bench = runtime.bench
    pages = create_app(runtime).test_client()
    intake = Intake(bench.database)
    midnight = utc_now().replace(hour=0, minute=0, second=0, microsecond=0)
    begin, lease_seconds = midnight - timedelta(days=3), bench.pace.lease_seconds

    def find() -> None:
        with bench.database.reading() as session:
            assert len(search(session, terms_of(RARE), limit=HITS).hits) == HITS

    def look() -> None:
        assert pages.get("/").status_code == 200

    def take() -> None:
        now = utc_now()
        raw = now.isoformat().encode()
        intake.take(Delivery(digest_of(raw), "meetings", "started", "x", "{}", now))

    return {
        "one sweep": lambda: sweep(bench),
        "status": lambda: overview(bench.database, now=bench.clock(), lease_seconds=lease_seconds),
        "list page": look,
        "figures for Prometheus": lambda: pages.get("/metrics"),
        f"search with {HITS} hits": find,
        "intake of an event": take,
        "report of a day": lambda: make_report(bench, begin, begin + timedelta(days=1)),
    }


if __name__ == "__main__":
    main()
