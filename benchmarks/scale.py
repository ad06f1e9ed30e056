"""What grows with the years: the same questions to databases of more and more meetings."""

import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path

import click
from sqlalchemy import text

from app.config import load_settings
from app.db.inbox import Delivery, digest_of
from app.db.intake import Intake
from app.db.schema import migrate
from app.db.search import search, terms_of
from app.ingestion.report import make_report
from app.ingestion.status import overview
from app.ingestion.sweep import sweep
from app.logs import configure_logs
from app.models.times import utc_now
from app.runtime import Runtime, build_runtime
from app.web.application import create_app
from benchmarks.figures import Bar, Spread, spread
from benchmarks.options import with_places
from benchmarks.reporting import Section, write_results
from benchmarks.scale_rows import HITS, RARE, grow
from simulator import Simulator
from tests.servers import PostgresServer, ValkeyServer

_BYTES_A_MEETING = 15_000
_MOST_TIMES = 2.0
_LEAST_SECONDS = 0.001
"""Below this a difference is the clock's, and nobody's to notice."""

_POSTGRES = {"shared_buffers": "512MB", "max_wal_size": "4GB"}

Question = Callable[[], object]


@click.command()
@with_places
@click.option(
    "--sizes",
    envvar="BENCH_SIZES",
    default="10000,100000,1000000",
    help="How many meetings, one size after the other.",
)
@click.option("--rounds", envvar="BENCH_ROUNDS", default=15, help="How often each is asked.")
def main(sizes: str, rounds: int, folder: Path, results: Path, bars: bool) -> None:
    """Ask the same of a database while the meetings in it become more and more."""
    folder.mkdir(parents=True, exist_ok=True)
    counts = sorted({int(size) for size in sizes.split(",")})
    needed = counts[-1] * _BYTES_A_MEETING
    if shutil.disk_usage(folder).free < needed:
        raise click.ClickException(f"{folder} needs {needed / 2**30:.0f} GiB; see BENCH_DIR")
    configure_logs(log_format="json", secrets=())
    sections = []
    for name in ("SQLite", "Postgres"):
        with _installation(name, folder) as (runtime, valkey):
            section = _measure(name, runtime, valkey, counts, rounds)
        click.echo(section.text())
        sections.append(section)
    settings = {"sizes": ", ".join(f"{each:,}" for each in counts), "rounds": rounds}
    write_results(results, "scale", "Years of meetings", settings, sections)
    if bars and not all(section.passed for section in sections):
        sys.exit(1)


@contextmanager
def _installation(name: str, folder: Path) -> Iterator[tuple[Runtime, ValkeyServer]]:
    """A database of this kind, with a broker and a Webex that lists nothing."""
    with ExitStack() as stack:
        own = stack.enter_context(tempfile.TemporaryDirectory(dir=folder))
        url = f"sqlite:///{own}/scale.db"
        if name == "Postgres":
            postgres = PostgresServer(durable=True, settings=_POSTGRES)
            stack.callback(postgres.close)
            postgres.start()
            url = postgres.create_database("scale")
        valkey = ValkeyServer()
        stack.callback(valkey.close)
        valkey.start()
        webex = stack.enter_context(Simulator())
        settings = load_settings(
            webex_api_url=webex.api_url,
            webex_access_token="nobody-minds",  # noqa: S106 -- no secret
            webex_webhook_secret="nobody-signs",  # noqa: S106
            database_url=url,
            celery_broker_url=valkey.url,
            archive_dir=Path(own) / "archive",
            rate_limit_per_minute=100_000,
        )
        runtime = build_runtime(settings)
        migrate(runtime.bench.database)
        stack.callback(runtime.bench.database.dispose)
        yield runtime, valkey


def _measure(
    name: str, runtime: Runtime, valkey: ValkeyServer, counts: list[int], rounds: int
) -> Section:
    have, took = 0, {}
    for count in counts:
        click.echo(f"{name}, {count:,} meetings ...", err=True)
        grow(runtime.bench.database, have, count, counts[0])
        have = count
        took[count] = {
            what: _ask(runtime, valkey, question, rounds)
            for what, question in _questions(runtime).items()
        }
    whats = list(took[counts[0]])
    rows = [
        (what, *(f"{took[count][what].median * 1000:.1f}" for count in counts)) for what in whats
    ]
    first, last = took[counts[0]], took[counts[-1]]
    return Section(
        f"{name}: milliseconds by meetings",
        ("what", *(f"{count:,}" for count in counts)),
        rows,
        ["The rows were put in by INSERT ... SELECT; each figure is the median of the rounds."],
        [
            Bar(f"{what}, the most meetings against the fewest", grown, most=_MOST_TIMES)
            for what in whats
            if (grown := _grown(first[what], last[what]))
        ],
        {str(count): {what: took[count][what].median for what in whats} for count in counts},
    )


def _grown(before: Spread, now: Spread) -> Spread:
    return spread([max(now.median, _LEAST_SECONDS) / max(before.median, _LEAST_SECONDS)])


def _ask(runtime: Runtime, valkey: ValkeyServer, question: Question, rounds: int) -> Spread:
    seconds = []
    for number in range(rounds + 2):
        _forget(runtime, valkey)
        began = time.perf_counter()
        question()
        if number >= 2:
            seconds.append(time.perf_counter() - began)
    return spread(seconds)


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
