"""A stage for whole stories: the simulator, the door, the database and the archive, one clock.

The clock stands still unless the story moves it, so hours pass in milliseconds and a wait
is exactly as long as the program decided. Work is done by the same calls that tasks make.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from flask import Flask
from sqlalchemy import func, select
from sqlmodel import col
from werkzeug.serving import make_server

from app.config import Settings, load_settings
from app.db.inbox import new_events
from app.db.meetings import find_meeting, stale_manifests
from app.db.standing import ingests_of
from app.dispatch.nudger import Nudger
from app.ingestion.run import run_ingest
from app.ingestion.sweep import sweep
from app.models.tables import Ingest, Meeting, WebhookEvent
from app.models.words import State
from app.runtime import Runtime, build_runtime
from app.web.webhooks import webhook_routes
from simulator import Settings as SimulatorSettings
from simulator import Simulator

SECRET = "a-webhook-secret-for-tests"
TOKEN = "simulator-token"
MORNING = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


class Stage:
    """One world, with everything in it real but the clock."""

    def __init__(self, simulator: Simulator, settings: Settings, folder: Path) -> None:
        self.simulator = simulator
        self.control = simulator.control
        self.folder = folder
        self.archive = settings.archive_dir
        self.now = MORNING
        self.door = ""
        """Where webhooks are posted to."""
        self.skew = timedelta()
        """How far the clock of our own host is ahead of the world's."""
        self.runtime: Runtime = build_runtime(settings, clock=lambda: self.now + self.skew)
        self.bench = self.runtime.bench
        self._move_to(MORNING)

    def hold_meeting(self, **order: Any) -> dict[str, Any]:
        """Hold a meeting of five minutes that ends now."""
        times = {
            "start": _text(self.now - timedelta(minutes=5)),
            "end": _text(self.now),
        }
        return self.control.hold_meeting(**{**times, **order})

    def advance(self, seconds: float) -> None:
        """Let time pass; what the simulator does meanwhile has happened afterwards."""
        self._move_to(self.now + timedelta(seconds=seconds))

    def work(self) -> int:
        """Do everything that is due now, and what becomes due by it; how many attempts."""
        # Whatever is on its way to the door has arrived afterwards.
        self._move_to(self.now)
        sweep(self.bench)
        return self._go_on()

    def _go_on(self) -> int:
        """Do what is due, and sweep where a sweep would find something: most would not."""
        attempts = 0
        while (has_news := self._has_news()) | bool(due := self._due()):
            if has_news:
                sweep(self.bench)
                due = self._due()
            for ingest_id in due:
                attempts += run_ingest(self.bench, ingest_id)
        return attempts

    def live(self, **span: float) -> None:
        """Work through a span of time, from one due moment to the next."""
        end = self.now + timedelta(**span)
        self.work()
        while (moment := self._next_moment(end)) is not None:
            self._move_to(moment)
            self._go_on()
        self._move_to(end)
        self.work()

    def live_until_complete(self, meeting_id: str, *, days: float = 4) -> None:
        """Work until a meeting is complete; fails when it is not within some days."""
        end = self.now + timedelta(days=days)
        self.work()
        moments = 0
        while self.meeting(meeting_id).completed_at is None:
            moment, moments = self._next_moment(end), moments + 1
            late = moment is None or moments > 700
            assert not late, f"not complete after {days} days: {self.states(meeting_id)}"
            assert moment is not None
            self._move_to(moment)
            self._go_on()

    def meeting(self, meeting_id: str) -> Meeting:
        """The row of a meeting."""
        with self.bench.database.reading() as session:
            meeting = find_meeting(session, meeting_id)
        assert meeting is not None, f"{meeting_id} is not known"
        return meeting

    def ingests(self, meeting_id: str) -> list[Ingest]:
        """The rows of all resources of a meeting."""
        row_id = self.meeting(meeting_id).id
        assert row_id is not None
        with self.bench.database.reading() as session:
            return ingests_of(session, row_id)

    def ingest(self, meeting_id: str, resource: str, resource_id: str = "") -> Ingest:
        """The row of one resource of a meeting."""
        wanted = (resource, resource_id)
        return next(
            each for each in self.ingests(meeting_id) if (each.resource, each.resource_id) == wanted
        )

    def states(self, meeting_id: str) -> dict[str, tuple[str, str | None]]:
        """State and reason of every resource, by name."""
        return {
            f"{each.resource}/{each.resource_id}".rstrip("/"): (each.state, each.reason)
            for each in self.ingests(meeting_id)
        }

    def place(self, meeting_id: str) -> Path:
        """The folder of a meeting."""
        folder = self.meeting(meeting_id).folder
        assert folder is not None, f"{meeting_id} has no folder"
        return self.archive / folder

    def asked(self, path_contains: str) -> list[dict[str, Any]]:
        """The requests that the simulator saw."""
        return self.control.requests(path_contains=path_contains)

    def _due(self) -> list[int]:
        with self.bench.database.reading() as session:
            return [
                ingest_id
                for ingest_id in session.scalars(
                    select(col(Ingest.id))
                    .where(
                        col(Ingest.state) == State.WAITING,
                        col(Ingest.next_attempt_at) <= self.now + self.skew,
                    )
                    .order_by(col(Ingest.id))
                )
                if ingest_id is not None
            ]

    def _has_news(self) -> bool:
        """Whether a sweep would find an event, or a manifest that nobody has written."""
        now = self.now + self.skew
        with self.bench.database.reading() as session:
            return bool(new_events(session, now=now, limit=1) or stale_manifests(session, limit=1))

    def _next_moment(self, end: datetime) -> datetime | None:
        """The next time before the end when something is due, here or at the simulator."""
        with self.bench.database.reading() as session:
            due = session.scalar(
                select(func.min(col(Ingest.next_attempt_at))).where(
                    col(Ingest.state) == State.WAITING
                )
            )
            event = session.scalar(
                select(func.min(col(WebhookEvent.next_attempt_at))).where(
                    col(WebhookEvent.outcome).is_(None)
                )
            )
        known = [time - self.skew for time in (due, event) if time is not None]
        if next_at := self.control.call("GET", "/clock")["next"]:
            known.append(datetime.fromisoformat(next_at))
        return min((time for time in known if self.now < time < end), default=None)

    def _move_to(self, moment: datetime) -> None:
        self.now = moment
        self.control.call("POST", "/clock", {"freeze": True, "now": _text(moment)})


def _door(runtime: Runtime) -> Flask:
    """The door alone: describing the whole API takes as long as two looks at Webex."""
    door = Flask("app.web")
    door.register_blueprint(webhook_routes(runtime, Nudger(lambda: True)))
    return door


@contextmanager
def staged(
    folder: Path,
    database_url: str,
    broker_url: str,
    *,
    simulator_settings: SimulatorSettings | None = None,
    application: Callable[[Runtime], Flask] = _door,
    **settings: Any,
) -> Iterator[Stage]:
    """Build a stage with a real door that the simulator's webhooks reach over HTTP.

    Behind it is nothing but the door, unless another ``application`` is asked for.
    """
    with Simulator(simulator_settings) as simulator:
        told = {
            "webex_api_url": simulator.api_url,
            "webex_access_token": TOKEN,
            "webex_webhook_secret": SECRET,
            "database_url": database_url,
            "celery_broker_url": broker_url,
            "archive_dir": folder / "archive",
            "download_hosts": simulator.media_url,
            "rate_limit_per_minute": 100_000,
            "disk_reserve_bytes": 0,
            "extra_resources": (),
        }
        stage = Stage(simulator, load_settings(**(told | settings)), folder)
        server = make_server("127.0.0.1", 0, application(stage.runtime), threaded=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            stage.door = f"http://127.0.0.1:{server.port}/webhooks/webex"
            register_all(stage, stage.door)
            yield stage
        finally:
            server.shutdown()
            thread.join()
            server.server_close()
            stage.bench.database.dispose()


def register_all(stage: Stage, target_url: str) -> None:
    """Register the webhooks that the product wants."""
    from app.webex.webhooks import WANTED, create

    for resource, event in WANTED:
        create(
            stage.bench.accounts.client(""), resource, event, target_url=target_url, secret=SECRET
        )


def _text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
