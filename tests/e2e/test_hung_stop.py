"""A worker that cannot end by itself ends all the same, in bounded time."""

import signal
import sys
from pathlib import Path

import psutil

from app.db.engine import Database
from app.db.schema import migrate
from tests.e2e.house import PACE
from tests.processes import alive, eventually, spawn

WORKER = ["celery", "-A", "workers", "worker", "--queues", "poll", "--pool", "prefork", "-c", "1"]
STOPS_WITHIN_SECONDS = 15


def test_a_worker_whose_child_never_answers_ends_within_fifteen_seconds(
    tmp_path: Path, broker_url: str
) -> None:
    url = f"sqlite:///{tmp_path / 'webex-ingest.db'}"
    database = Database(url)
    migrate(database)
    database.dispose()
    told = PACE | {"DATABASE_URL": url, "CELERY_BROKER_URL": broker_url}
    with spawn([sys.executable, "-m", *WORKER], told, cwd=tmp_path) as worker:
        worker.wait_for("ready.")
        (child,) = psutil.Process(worker.pid).children()
        child.send_signal(signal.SIGSTOP)

        worker.process.terminate()

        assert worker.process.wait(STOPS_WITHIN_SECONDS) == 1
        assert "worker.stop_forced" in worker.output()
        eventually(lambda: not alive(child.pid), message="the child was left behind")
