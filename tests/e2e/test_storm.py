"""A storm of 429s: everything arrives, within the budget, and nobody waits in a worker's slot."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from celery import Celery

from app.dispatch.broker import RUN_TASK
from tests.e2e.house import house
from tests.processes import eventually

MEETINGS = int(os.environ.get("STORM_MEETINGS", "3"))
"""The storm is longer with more of them: `make storm` takes 20."""

LIMIT = 150
SECONDS = 30 + 12 * MEETINGS
LONGEST_TASK_SECONDS = 5


def test_a_storm_of_429s_costs_time_and_nothing_else(tmp_path: Path, broker_url: str) -> None:
    settings = {
        "RATE_LIMIT_PER_MINUTE": str(LIMIT),
        "CELERY_BROKER_URL": broker_url,
        "POLL_FIRST_SECONDS": "2",
        "POLL_MAX_SECONDS": "20",
        "LEASE_SECONDS": "30",
    }
    with house(tmp_path, settings) as home, home.serving(), watched(broker_url) as seconds_of_tasks:
        home.register()
        control = home.simulator.control
        control.forget_requests()
        told = {"status": 429, "headers": {"Retry-After": "1"}, "body": "<html>later</html>"}
        control.add_fault(origin="api", path_regex=".*", every=3, times=None, **told)

        held = [control.hold_meeting()["meeting_id"] for _ in range(MEETINGS)]

        def complete() -> int:
            return sum(bool((home.manifest(each) or {}).get("complete")) for each in held)

        eventually(
            lambda: complete() == MEETINGS,
            seconds=SECONDS,
            message=lambda: f"{complete()} of {MEETINGS} are complete",
        )

        asked = control.requests(origin="api")
        assert [home.differences(each) for each in held] == [[]] * MEETINGS
    refused = [each for each in asked if each["status"] == 429]
    assert len(refused) >= len(asked) // 3
    assert most_in_a_minute(asked) <= LIMIT
    assert max(seconds_of_tasks) < LONGEST_TASK_SECONDS


def most_in_a_minute(asked: list[dict[str, Any]]) -> int:
    """The most requests that any sixty seconds saw."""
    times = sorted(datetime.fromisoformat(each["at"]) for each in asked)
    return max(
        sum(first <= each < first + timedelta(minutes=1) for each in times) for first in times
    )


@contextmanager
def watched(broker_url: str) -> Iterator[list[float]]:
    """How long each attempt holds its slot, as the workers themselves tell it."""
    seconds: list[float] = []
    done = threading.Event()
    app = Celery(broker=broker_url, set_as_current=False)

    def listen() -> None:
        with app.connection_for_read() as connection:
            names: dict[str, str] = {}

            def received(event: dict[str, Any]) -> None:
                names[event["uuid"]] = event["name"]

            def succeeded(event: dict[str, Any]) -> None:
                if names.get(event["uuid"]) == RUN_TASK:
                    seconds.append(float(event["runtime"]))

            handlers = {"task-received": received, "task-succeeded": succeeded}
            receiver = app.events.Receiver(connection, handlers=handlers)
            with receiver.consumer_context() as (consuming, _channel, _consumers):
                while not done.is_set():
                    with suppress(TimeoutError):
                        consuming.drain_events(timeout=1)

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    try:
        yield seconds
    finally:
        done.set()
        thread.join(10)
        app.close()
