"""A Webex that does not answer holds up neither the door, nor the sweep, nor the stop."""

import json
import time
from pathlib import Path

from tests.e2e.house import house
from tests.processes import eventually

STOPS_WITHIN_SECONDS = 15


def test_webhooks_that_are_looked_at_for_ever_hold_up_no_sweep_and_no_stop(tmp_path: Path) -> None:
    with house(tmp_path, {"WEBHOOK_HEALTH_SECONDS": "1"}) as home, home.serving() as serve:
        control = home.simulator.control
        control.add_fault(path_regex="/v1/webhooks", delay_seconds=60, times=None)
        eventually(
            lambda: control.requests(path_contains="/v1/webhooks"),
            message="nobody looks at the webhooks",
        )
        begun = time.monotonic()

        home.command("webhooks", "send-test")
        eventually(
            lambda: json.loads(home.command("status", "--json"))["events"].get("ignored"),
            seconds=10,
            message="no sweep has seen the event",
        )

        assert time.monotonic() - begun < 10
        begun = time.monotonic()
        assert serve.end(seconds=30) == 0
        assert time.monotonic() - begun < STOPS_WITHIN_SECONDS
        assert "stop_forced" not in serve.output()
