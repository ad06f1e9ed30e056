"""Whether the process lives, and whether an event could be stored now."""

import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from flask import Blueprint, Response, jsonify
from sqlalchemy.exc import SQLAlchemyError

from app.db.engine import BUSY_SECONDS, Database
from app.db.schema import check_schema
from app.db.ticks import last_tick, tick
from app.errors import DatabaseUnavailable, SchemaMismatch
from app.ingestion.status import due_since, seconds_since
from app.models.times import Clock, format_time
from app.models.words import Queue
from app.runtime import Runtime
from app.web.looks import BoundedLook

log = structlog.get_logger()

_FRESH_SECONDS = 1
_BROKER_SECONDS = 1
_DISK_SECONDS = 1
_LATE_SECONDS = 300
"""Work that has been due for longer than this is not being done."""

_NO_ANSWER = f"The database does not answer within {BUSY_SECONDS} seconds."
_NO_WRITE = "The database does not take a write now; the log of this service says why."

Check = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Standing:
    """What the database said; ``problem`` is a sentence when an event could not be stored."""

    problem: str | None = None
    due_since: datetime | None = None
    last_sweep_at: datetime | None = None


def health_routes(runtime: Runtime) -> Blueprint:
    """The routes that supervisors and load balancers ask."""
    routes = Blueprint("health", __name__)
    bench = runtime.bench
    database = BoundedLook(
        lambda: look_at_database(bench.database, bench.clock),
        seconds=BUSY_SECONDS,
        fresh_seconds=_FRESH_SECONDS,
    )
    broker = BoundedLook(
        lambda: runtime.broker.depth(Queue.CONTROL),
        seconds=_BROKER_SECONDS,
        fresh_seconds=_FRESH_SECONDS,
    )
    disk = BoundedLook(
        bench.archive.free_bytes, seconds=_DISK_SECONDS, fresh_seconds=_FRESH_SECONDS
    )

    @routes.get("/livez")
    def live() -> tuple[str, dict[str, str]]:
        return "ok\n", {"Content-Type": "text/plain; charset=utf-8"}

    @routes.get("/readyz")
    def ready() -> tuple[Response, int]:
        for each in (database, broker, disk):
            each.begin()
        standing = database.answer() or Standing(_NO_ANSWER)
        now = bench.clock()
        late = late_sweep_seconds(runtime.settings.sweep_seconds)
        checks = {
            "events": _events(standing),
            "broker": _broker(broker.answer()),
            "disk": _disk(disk.answer(), bench.archive.reserve_bytes),
            "due_work": _due_work(standing, now),
            "last_sweep": _last_sweep(standing, now, late),
        }
        ok = checks["events"]["ok"]
        return jsonify(ok=ok, checks=checks), 200 if ok else 503

    return routes


def look_at_database(database: Database, clock: Clock) -> Standing:
    """Prove by a real commit that an event could be stored, and read how the work goes."""
    started_at = time.monotonic()
    try:
        check_schema(database)
        with database.transaction() as session:
            tick(session, "readyz", now=clock())
        with database.reading() as session:
            return Standing(
                due_since=due_since(session, now=clock()), last_sweep_at=last_tick(session, "sweep")
            )
    except SchemaMismatch as error:
        problem = f"{str(error)[0].upper()}{str(error)[1:]}."
    except (DatabaseUnavailable, SQLAlchemyError, OSError) as error:
        # Probes are open to everybody, and the reason names hosts and users.
        problem = _NO_WRITE
        log.warning("readyz.failed", error=str(error), seconds=time.monotonic() - started_at)
    return Standing(problem)


def late_sweep_seconds(sweep_seconds: float) -> float:
    """How old the last sweep may be before something is wrong."""
    return max(30.0, 10 * sweep_seconds)


def _events(standing: Standing) -> Check:
    return {"ok": True} if standing.problem is None else {"ok": False, "error": standing.problem}


def _broker(waiting: int | None) -> Check:
    return {"ok": waiting is not None, "waiting_messages": waiting}


def _disk(free: int | None, reserve: int) -> Check:
    ok = free is not None and free > reserve
    return {"ok": ok, "free_bytes": free, "reserve_bytes": reserve}


def _due_work(standing: Standing, now: datetime) -> Check:
    if standing.problem is not None:
        return {"ok": False, "oldest_due_seconds": None}
    since = standing.due_since
    seconds = seconds_since(since, now) if since else 0.0
    return {"ok": seconds <= _LATE_SECONDS, "oldest_due_seconds": seconds}


def _last_sweep(standing: Standing, now: datetime, late_seconds: float) -> Check:
    at = standing.last_sweep_at
    if at is None:
        return {"ok": False, "at": None, "age_seconds": None}
    age = seconds_since(at, now)
    return {"ok": age <= late_seconds, "at": format_time(at), "age_seconds": age}
