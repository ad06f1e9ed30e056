"""Signs of life: workers and beat say in the database that they are there."""

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta

from sqlalchemy.exc import SQLAlchemyError

from app.db.ticks import WORKER, forget_ticks, tick
from app.errors import DatabaseUnavailable
from app.ingestion.workbench import Workbench

PULSE_SECONDS = 15
_FORGET = timedelta(days=1)


def worker_names(queues: Sequence[str], hostname: str) -> list[str]:
    """The ticks of a worker, one for each queue that it serves."""
    return [f"{WORKER}{queue}:{hostname}" for queue in queues]


def begin_pulse(
    bench: Workbench,
    names: Sequence[str],
    *,
    lives: Callable[[], bool] = lambda: True,
    seconds: float = PULSE_SECONDS,
) -> None:
    """Tick under these names from now on, as long as this process lives and ``lives`` says so."""

    def beat() -> None:
        pause = threading.Event()
        while True:
            if lives():
                # Without the database nothing can be said, and nothing be done either.
                with suppress(DatabaseUnavailable, SQLAlchemyError):
                    _tick(bench, names)
            pause.wait(seconds)

    threading.Thread(target=beat, name="pulse", daemon=True).start()


def _tick(bench: Workbench, names: Sequence[str]) -> None:
    now = bench.clock()
    with bench.database.transaction() as session:
        for name in names:
            tick(session, name, now=now)
        # Each new container has another name.
        forget_ticks(session, WORKER, now - _FORGET)
