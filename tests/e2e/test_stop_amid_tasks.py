"""A worker that is told to stop just as tasks reach it ends at once, and as it should."""

import signal
import sys
from pathlib import Path

from app.db.engine import Database
from app.db.schema import migrate
from app.dispatch.broker import Broker
from app.models.words import Queue
from tests.e2e.house import PACE
from tests.processes import eventually, spawn

WORKER = ["celery", "-A", "workers", "worker", "--queues", "poll", "--pool", "prefork", "-c", "4"]
TASKS = 300


def test_a_worker_that_is_stopped_amid_tasks_ends_by_itself(
    tmp_path: Path, broker_url: str
) -> None:
    url = f"sqlite:///{tmp_path / 'webex-ingest.db'}"
    database = Database(url)
    migrate(database)
    database.dispose()
    told = PACE | {"DATABASE_URL": url, "CELERY_BROKER_URL": broker_url}
    broker = Broker(broker_url)
    for _ in range(2):
        with spawn([sys.executable, "-m", *WORKER], told, cwd=tmp_path) as worker:
            worker.wait_for("ready.")
            for number in range(TASKS):
                assert broker.nudge(number, Queue.POLL, expires_seconds=60)
            eventually(lambda: (broker.depth(Queue.POLL) or 0) < TASKS // 2)
            worker.process.send_signal(signal.SIGTERM)

            assert worker.process.wait(15) == 0, worker.output()[-3000:]
