"""The runs of the benchmark of waiting and backfill: on a stage, and with real workers."""

import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import func, select
from sqlmodel import col

from app.db.engine import Database
from app.db.schema import migrate
from app.errors import WebexError
from app.ingestion.backfill import Span, begin, read_on
from app.models.tables import Ingest, Meeting
from app.models.times import utc_now
from app.models.words import Resource
from tests.e2e.house import House, house
from tests.processes import eventually, spawn
from tests.servers import PostgresServer, ValkeyServer
from tests.stage import Stage, staged

_LISTS = (Resource.RECORDINGS, Resource.TRANSCRIPTS)
_SMALL: dict[str, Any] = {"recordings": [{"bytes": 10_000, "audio": False}], "transcripts": 1}
_LATE = {
    "details": 0,
    "participants_final": 0,
    "recordings": 1800,
    "recording_webhook": None,
    "transcripts": 1800,
    "transcript_webhook": None,
}
_ANSWER_SECONDS = 0.05
_MOST_SECONDS = 900


@dataclass(frozen=True, slots=True)
class Cost:
    """What meetings cost: looks at lists, questions about lists, all requests to the API."""

    looks: int
    questions: int
    requests: int
    complete: int

    @property
    def ratio(self) -> float:
        """Questions for each look."""
        return self.questions / max(1, self.looks)


@dataclass(frozen=True, slots=True)
class Pace:
    """How long it took to bring so many meetings."""

    meetings: int
    seconds: float

    @property
    def per_minute(self) -> float:
        """Meetings a minute."""
        return 60 * self.meetings / self.seconds


@dataclass(frozen=True, slots=True)
class Place:
    """Where a run works: a folder, and the URLs of an empty database and an empty broker."""

    folder: Path
    database_url: str
    broker_url: str


@dataclass(frozen=True, slots=True)
class Places:
    """Makes places, one after the other: on SQLite to count, on Postgres to measure time."""

    folder: Path
    postgres: PostgresServer
    valkey: ValkeyServer

    def counting(self, name: str) -> Place:
        """A place for one process."""
        folder = self._new(name)
        return Place(folder, f"sqlite:///{folder / 'webex-ingest.db'}", self.valkey.url)

    def timing(self, name: str) -> Place:
        """A place for many processes."""
        return Place(self._new(name), self.postgres.create_database(name), self.valkey.url)

    def _new(self, name: str) -> Path:
        self.valkey.flush()
        (folder := self.folder / name).mkdir()
        return folder


@contextmanager
def places(folder: Path) -> Iterator[Places]:
    """Start the servers, and make places below a folder that goes afterwards."""
    with tempfile.TemporaryDirectory(dir=folder) as own, ExitStack() as stack:
        postgres, valkey = PostgresServer(durable=True), ValkeyServer()
        for each in (postgres, valkey):
            stack.callback(each.close)
            each.start()
        yield Places(Path(own), postgres, valkey)


def wait_for(meetings: int, arrive_seconds: float, place: Place) -> Cost:
    """Hold meetings one after the other, and work until all is there, in simulated time."""
    with _stage(place) as stage:
        for _ in range(meetings):
            stage.hold_meeting(timeline=_LATE, **_SMALL)
            stage.live(seconds=arrive_seconds / meetings)
        stage.live(hours=3)
        with stage.bench.database.reading() as session:
            looks = session.scalar(
                select(func.sum(col(Ingest.attempt))).where(
                    col(Ingest.resource).in_(_LISTS), col(Ingest.resource_id) == ""
                )
            )
        asked = stage.control.requests(origin="api")
        questions = [each for each in asked if each["path"].endswith(_LISTS)]
        return Cost(int(looks or 0), len(questions), len(asked), _complete(stage.bench.database))


def discover(meetings: int, place: Place) -> Cost:
    """Hold meetings for six days of which nobody tells, and read Webex's lists once."""
    with _stage(place) as stage:
        stage.control.change_settings(drop_ratio=1)
        for _ in range(meetings):
            stage.hold_meeting(timeline="instant", **_SMALL)
            stage.advance(6 * 86400 / meetings)
        stage.control.forget_requests()
        begin(stage.bench, "bench", Span(stage.now - timedelta(days=7), stage.now), _fail)
        steps = list(read_on(stage.bench, "bench", refused=_fail))
        questions = len(stage.control.requests(origin="api"))
        stage.control.forget_requests()
        stage.live(hours=3)
        requests = len(stage.control.requests(origin="api"))
        return Cost(len(steps), questions, requests, _complete(stage.bench.database))


def served_by(workers: int, meetings: int, place: Place) -> Pace:
    """Let so many worker processes bring meetings that were all found before they began."""
    database = Database(place.database_url)
    migrate(database)
    told = {"DATABASE_URL": place.database_url, "CELERY_BROKER_URL": place.broker_url}
    with ExitStack() as stack:
        stack.callback(database.dispose)
        home = stack.enter_context(house(place.folder, told, simulator_settings={"drop_ratio": 1}))
        for _ in range(meetings):
            home.simulator.control.hold_meeting(timeline="instant", webhooks=False, **_SMALL)
        home.command("backfill", "--from", _days_ago(2), "--to", _days_ago(0))
        home.simulator.control.add_fault(origin="api", delay_seconds=_ANSWER_SECONDS, times=None)
        for number in range(workers):
            worker = stack.enter_context(_program(home, *_worker(number)))
            worker.wait_for("ready.", seconds=60)
        began = time.monotonic()
        stack.enter_context(_program(home, "beat", "--pidfile="))
        eventually(lambda: _complete(database) == meetings, seconds=_MOST_SECONDS)
        return Pace(meetings, round(time.monotonic() - began, 2))


@contextmanager
def _stage(place: Place) -> Iterator[Stage]:
    database = Database(place.database_url)
    migrate(database)
    database.dispose()
    urls = (place.database_url, place.broker_url)
    with staged(place.folder, *urls, rate_limit_per_minute=10**9) as stage:
        yield stage


def _program(home: House, *words: str) -> Any:
    argv = [sys.executable, "-m", "celery", "-A", "workers", *words]
    return spawn(argv, home.environment, cwd=home.folder)


def _worker(number: int) -> tuple[str, ...]:
    queues = ("-Q", "control,poll,transfer")
    return ("worker", *queues, "--pool", "threads", "-c", "8", "-n", f"bench{number}@%h")


def _complete(database: Database) -> int:
    with database.reading() as session:
        done = select(func.count()).where(col(Meeting.completed_at).is_not(None))
        return int(session.scalar(done) or 0)


def _days_ago(days: int) -> str:
    return (utc_now() - timedelta(days=days)).date().isoformat()


def _fail(feed: object, error: WebexError) -> None:
    raise RuntimeError(f"{feed}: {error}")
