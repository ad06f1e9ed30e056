"""A worker that is told to stop ends: by itself amid its tasks, and by force where it cannot."""

import signal
import sys
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

import psutil
import pytest

from app.db.engine import Database
from app.db.schema import migrate
from app.dispatch.broker import Broker
from app.models.words import Queue
from tests.e2e.house import PACE
from tests.processes import Spawned, alive, eventually, spawn

PROGRAM = ["celery", "-A", "workers", "worker", "--queues", "poll", "--pool", "prefork", "-c"]
STOPS_WITHIN_SECONDS = 15
TASKS = 300


class RunWorker(Protocol):
    """Runs a worker with so many children until the block ends."""

    def __call__(self, children: int) -> AbstractContextManager[Spawned]:
        """Begin."""


@pytest.fixture
def run_worker(tmp_path: Path, broker_url: str) -> RunWorker:
    url = f"sqlite:///{tmp_path / 'webex-ingest.db'}"
    database = Database(url)
    migrate(database)
    database.dispose()
    told = PACE | {"DATABASE_URL": url, "CELERY_BROKER_URL": broker_url}

    def run(children: int) -> AbstractContextManager[Spawned]:
        return spawn([sys.executable, "-m", *PROGRAM, str(children)], told, cwd=tmp_path)

    return run


def test_a_worker_whose_child_never_answers_ends_within_fifteen_seconds(
    run_worker: RunWorker,
) -> None:
    with run_worker(1) as worker:
        worker.wait_for("ready.")
        (child,) = psutil.Process(worker.pid).children()
        child.send_signal(signal.SIGSTOP)

        worker.process.terminate()

        assert worker.process.wait(STOPS_WITHIN_SECONDS) == 1
        assert "worker.stop_forced" in worker.output()
        eventually(lambda: not alive(child.pid), message="the child was left behind")


def test_a_worker_that_is_stopped_amid_tasks_ends_by_itself(
    run_worker: RunWorker, broker_url: str
) -> None:
    broker = Broker(broker_url)
    for _ in range(2):
        with run_worker(4) as worker:
            worker.wait_for("ready.")
            for number in range(TASKS):
                assert broker.nudge(number, Queue.POLL, expires_seconds=60)
            eventually(lambda: (broker.depth(Queue.POLL) or 0) < TASKS // 2)

            worker.process.terminate()

            assert worker.process.wait(STOPS_WITHIN_SECONDS) == 0, worker.output()[-3000:]
