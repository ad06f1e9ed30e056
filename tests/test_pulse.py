"""Workers and beat say that they are there, and nobody says it for one that hangs."""

import math
import shutil
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from app.config import load_settings
from app.db.ticks import BEAT, WORKER, last_tick, tick, ticks_since
from app.ingestion.workbench import Workbench
from app.models.times import utc_now
from app.runtime import build_runtime
from tests.processes import eventually
from workers.pulse import begin_pulse, worker_names
from workers.steady import SteadyScheduler, is_steady


@pytest.fixture
def bench(tmp_path: Path, migrated_file: Path) -> Iterator[Workbench]:
    path = tmp_path / "webex-ingest.db"
    shutil.copyfile(migrated_file, path)
    settings = load_settings(database_url=f"sqlite:///{path}", archive_dir=tmp_path / "archive")
    bench = build_runtime(settings, broker_url="memory://").bench
    yield bench
    bench.database.dispose()


def test_a_worker_ticks_for_each_of_its_queues_and_forgets_those_that_are_long_gone(
    bench: Workbench,
) -> None:
    now = utc_now()
    with bench.database.transaction() as session:
        tick(session, f"{WORKER}poll:poll@gone", now=now - timedelta(days=2))
        tick(session, "sweep", now=now - timedelta(days=2))

    begin_pulse(bench, worker_names(["poll", "transfer"], "both@host"), seconds=3600)

    def alive() -> list[str]:
        with bench.database.reading() as session:
            return sorted(ticks_since(session, WORKER, now - timedelta(days=9)))

    eventually(lambda: len(alive()) == 2)
    assert alive() == ["poll:both@host", "transfer:both@host"]
    with bench.database.reading() as session:
        assert last_tick(session, "sweep") is not None


def test_whoever_does_not_live_does_not_tick(bench: Workbench) -> None:
    asked = []

    def lives() -> bool:
        asked.append(1)
        return len(asked) > 2

    begin_pulse(bench, [BEAT], lives=lives, seconds=0.02)

    def last() -> object:
        with bench.database.reading() as session:
            return last_tick(session, BEAT)

    eventually(last)
    assert len(asked) > 2


def test_a_scheduler_that_hangs_is_not_steady() -> None:
    scheduler = SteadyScheduler.__new__(SteadyScheduler)
    assert is_steady(scheduler), "it has only begun"

    scheduler.ticked_at = time.monotonic() - 119
    assert is_steady(scheduler)
    scheduler.ticked_at = time.monotonic() - 121
    assert not is_steady(scheduler)
    assert math.isinf(SteadyScheduler.ticked_at)
