"""Beat ends within the time that it has, whatever it waits for."""

import signal
import sys
from pathlib import Path

import pytest

from app.dispatch.broker import Broker
from app.models.words import Queue
from tests.e2e.house import PACE
from tests.processes import eventually, spawn
from tests.servers import ValkeyServer

BEAT = ["celery", "-A", "workers", "beat", "--pidfile="]
STOPS_WITHIN_SECONDS = 15

# What a signal interrupts and never returns from, as a lock that is never released.
HANGING = """
import signal, threading
from workers.stopping import ending
signal.signal(signal.SIGTERM, ending(lambda *_: threading.Event().wait(), 0.2))
print("ready", flush=True)
signal.pause()
"""


def test_an_end_that_never_comes_is_forced(tmp_path: Path) -> None:
    with spawn([sys.executable, "-c", HANGING], cwd=tmp_path) as program:
        program.wait_for("ready")

        program.process.send_signal(signal.SIGTERM)

        assert program.process.wait(10) == 1
        assert "stop_forced" in program.output()


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_beat_ends_while_its_broker_is_frozen(tmp_path: Path, how: signal.Signals) -> None:
    broker = ValkeyServer()
    try:
        broker.start()
        told = PACE | {
            "DATABASE_URL": f"sqlite:///{tmp_path / 'webex-ingest.db'}",
            "CELERY_BROKER_URL": broker.url,
        }
        with spawn([sys.executable, "-m", *BEAT], told, cwd=tmp_path) as beat:
            sender = Broker(broker.url)
            eventually(lambda: sender.depth(Queue.CONTROL), message=beat.output)
            broker.freeze()

            beat.process.send_signal(how)

            beat.process.wait(STOPS_WITHIN_SECONDS)
    finally:
        broker.close()
