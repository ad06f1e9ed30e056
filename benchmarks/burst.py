"""A burst of events: how fast sweeps work through it, and whether they slow down with it."""

import json
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

import click
from sqlalchemy import func, insert, select, text
from sqlmodel import col

from app.config import load_settings
from app.db.schema import migrate
from app.ingestion.sweep import sweep
from app.ingestion.workbench import Workbench
from app.logs import configure_logs
from app.models.tables import Ingest, Meeting, WebhookEvent
from app.models.times import utc_now
from app.models.words import CORE_RESOURCES, Resource
from app.runtime import build_runtime
from benchmarks.figures import Bar, spread
from benchmarks.options import with_places
from benchmarks.reporting import Section, write_results
from tests.servers import PostgresServer, ValkeyServer

_ROWS_AT_ONCE = 5000
_END = "2026-03-02T09:00:00Z"
_LAST_AGAINST_FIRST = (
    "*last tenth / first*: how long a sweep took, the median of the last tenth of them against "
    "that of the first. *per event*: the same, divided by the events it did."
)
_MOST_TICKS = 5000
_LONGEST_SWEEP_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Tick:
    """One sweep: how long it took, and how many events it worked through."""

    seconds: float
    events: int


@click.command()
@with_places
@click.option("--events", envvar="BENCH_EVENTS", default=100_000, help="How many events.")
@click.option("--meetings", envvar="BENCH_MEETINGS", default=500, help="How many meetings.")
def main(events: int, meetings: int, folder: Path, results: Path, bars: bool) -> None:
    """Let events about meetings pile up, then sweep until none is left."""
    folder.mkdir(parents=True, exist_ok=True)
    configure_logs(log_format="json", secrets=())
    sections = []
    with tempfile.TemporaryDirectory(dir=folder) as own, _servers() as (postgres, valkey):
        urls = {
            "SQLite": f"sqlite:///{own}/burst.db",
            "Postgres": postgres.create_database("burst"),
        }
        for name, url in urls.items():
            click.echo(f"{name} ...", err=True)
            valkey.flush()
            section = _measure(name, _bench(url, valkey.url, Path(own)), events, meetings)
            click.echo(section.text())
            sections.append(section)
    settings = {"events": events, "meetings": meetings}
    write_results(results, "burst", "A burst of events", settings, sections)
    if bars and not all(section.passed for section in sections):
        sys.exit(1)


@contextmanager
def _servers() -> Iterator[tuple[PostgresServer, ValkeyServer]]:
    with ExitStack() as stack:
        postgres, valkey = PostgresServer(durable=True), ValkeyServer()
        for each in (postgres, valkey):
            stack.callback(each.close)
            each.start()
        yield postgres, valkey


def _bench(database_url: str, broker_url: str, folder: Path) -> Workbench:
    settings = load_settings(
        webex_access_token="nobody-is-asked",  # noqa: S106 -- no secret
        database_url=database_url,
        celery_broker_url=broker_url,
        archive_dir=folder / "archive",
        extra_resources=(),
    )
    bench = build_runtime(settings).bench
    migrate(bench.database)
    return bench


def _measure(name: str, bench: Workbench, events: int, meetings: int) -> Section:
    _fill(bench, events, meetings)
    ticks = list(_sweeps(bench))
    lost = _lost(bench, events, meetings)
    bench.database.dispose()
    # The last sweep has less to do than a whole one.
    whole = ticks[:-1] or ticks
    tenth = max(1, len(whole) // 10)
    first, last = whole[:tenth], whole[-tenth:]
    slower = _seconds(last) / _seconds(first)
    per_event = _cost(last) / _cost(first)
    longest = max(tick.seconds for tick in ticks)
    rate = sum(tick.events for tick in ticks) / sum(tick.seconds for tick in ticks)
    row = (f"{rate:,.0f}", str(len(ticks)), f"{longest:.2f}", f"{slower:.2f}", f"{per_event:.2f}")
    heads = ("events/s", "sweeps", "longest sweep, s", "last tenth / first", "the same, per event")
    return Section(
        f"{events:,} events about {meetings:,} meetings on {name}",
        heads,
        [row],
        [
            "The rows of the inbox were put in by one INSERT for thousands, as no door would.",
            _LAST_AGAINST_FIRST,
        ],
        [
            Bar(
                "meetings and items without their rows, and events not worked through",
                spread([float(lost)]),
                most=0,
            ),
            Bar("last tenth of the sweeps against the first", spread([slower]), most=1.5),
            Bar("seconds of the longest sweep", spread([longest]), most=_LONGEST_SWEEP_SECONDS),
        ],
        {"ticks": [asdict(tick) for tick in ticks], "lost": lost},
    )


def _seconds(ticks: list[Tick]) -> float:
    return median(tick.seconds for tick in ticks)


def _cost(ticks: list[Tick]) -> float:
    return sum(tick.seconds for tick in ticks) / max(1, sum(tick.events for tick in ticks))


def _sweeps(bench: Workbench) -> Iterator[Tick]:
    left = _new(bench)
    for _ in range(_MOST_TICKS):
        if not left:
            return
        began = time.monotonic()
        sweep(bench)
        seconds = time.monotonic() - began
        before, left = left, _new(bench)
        yield Tick(round(seconds, 4), before - left)


def _new(bench: Workbench) -> int:
    with bench.database.reading() as session:
        new = select(func.count()).where(col(WebhookEvent.outcome).is_(None))
        return int(session.scalar(new) or 0)


def _fill(bench: Workbench, events: int, meetings: int) -> None:
    """The events in any order, as they would stand in the inbox after their 204."""
    chance = random.Random(7)  # noqa: S311 -- a seed, not a secret
    numbers = list(range(events))
    chance.shuffle(numbers)
    began = utc_now() - timedelta(hours=1)
    rows = [_row(number, place, meetings, began) for place, number in enumerate(numbers)]
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        with bench.database.transaction() as session:
            session.execute(insert(WebhookEvent), rows[start : start + _ROWS_AT_ONCE])
    with bench.database.transaction() as session:
        session.execute(text("ANALYZE"))


def _row(number: int, place: int, meetings: int, began: datetime) -> dict[str, Any]:
    turn, meeting = divmod(number, meetings)
    resource, event, data = _event(turn, f"{meeting:032x}_I_{meeting}")
    received = began + timedelta(milliseconds=place)
    return {
        "digest": str(number),
        "resource": resource,
        "event": event,
        "data_id": data["id"],
        "body": json.dumps({"resource": resource, "event": event, "data": data}),
        "first_received_at": received,
        "last_received_at": received,
        "next_attempt_at": received,
        "deliveries": 1,
        "tries": 0,
    }


def _event(turn: int, meeting_id: str) -> tuple[str, str, dict[str, Any]]:
    """What Webex says of a meeting: first what matters, then who comes and goes."""
    item = {"meetingId": meeting_id, "siteUrl": "example.webex.com"}
    match turn:
        case 0:
            return Resource.MEETINGS, "ended", {"id": meeting_id, "title": "Held", "end": _END}
        case 1:
            return Resource.RECORDINGS, "created", {"id": f"r{meeting_id}", **item}
        case 2:
            return Resource.TRANSCRIPTS, "created", {"id": f"t{meeting_id}", **item}
        case 3:
            return Resource.MEETINGS, "started", {"id": meeting_id, "title": "Held"}
    happened = "joined" if turn % 2 else "left"
    return Resource.PARTICIPANTS, happened, {"id": f"p{turn}", "meetingId": meeting_id}


def _lost(bench: Workbench, events: int, meetings: int) -> int:
    """How many rows are missing of those that the events must have made, and how many events."""
    turns = [min(turn * meetings + meetings, events) - turn * meetings for turn in range(3)]
    ended, recorded, transcribed = (max(0, turn) for turn in turns)
    rows = ended * len(CORE_RESOURCES) + recorded + transcribed
    with bench.database.reading() as session:
        ingests = session.scalar(select(func.count()).select_from(Ingest)) or 0
        found = session.scalar(select(func.count()).select_from(Meeting)) or 0
        done = session.scalar(select(func.count()).where(col(WebhookEvent.outcome) == "processed"))
    return abs(rows - ingests) + abs(ended - found) + abs(events - (done or 0))


if __name__ == "__main__":
    main()
