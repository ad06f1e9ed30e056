"""The load: meetings, singly and many at once, at a Webex that has troubles of its own."""

import random
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from simulator import ControlClient

TIMELINE = {
    "started": 0,
    "ended_webhook": 0.2,
    "details": 1,
    "participants_final": 2,
    "recordings": 2,
    "recording_webhook": 2.2,
    "transcripts": 3,
    "transcript_webhook": 3.2,
}
QUIET = {
    "timeline": TIMELINE,
    "delivery_threads": 8,
    "disable_after_failures": 10**9,
    "media_bytes_per_second": 4_000_000,
}
TROUBLED = QUIET | {"copies": 2, "shuffle": True, "drop_ratio": 0.1}
"""Webhooks are doubled, come in any order, or get lost."""

_TROUBLE_SECONDS = 1.5
_RELEASE_SECONDS = 0.5
_BURST_SECONDS = 20
_BURST_MEETINGS = 8
_LARGE_BYTES = 8_000_000
"""Long enough to be struck in the middle, and not so much of a short run that one file decides."""
_API_TROUBLES: list[tuple[int, dict[str, Any]]] = [
    (10, {"status": 500}),
    (10, {"status": 503}),
    (10, {"status": 429, "headers": {"Retry-After": "1"}}),
    # Closes the gate for everybody, for longer each time.
    (1, {"status": 429}),
    (10, {"status": 200, "body": "<html>sign in</html>"}),
    (10, {"drop": True}),
    (10, {"delay_seconds": 3}),
    (10, {"after_bytes": 40}),
]


class Load(threading.Thread):
    """Holds meetings until it is told to stop; ``held`` has all ids that belong to each.

    With ``troubles`` many meetings end at once now and then, Webex's API fails, downloads go
    wrong, and webhooks that the simulator holds back are released in random order.
    """

    def __init__(
        self, control: ControlClient, seed: int, every_seconds: float, *, troubles: bool = True
    ) -> None:
        super().__init__(name="load", daemon=True)
        self.held: dict[str, set[str]] = {}
        self._troubles = troubles
        self._control = control
        self._chance = random.Random(seed)  # noqa: S311 -- no secret
        self._every_seconds = every_seconds
        self._over = threading.Event()
        self._postman = threading.Thread(target=self._release_again_and_again, daemon=True)
        names = [each["name"] for each in control.media_faults() if not each["lasting"]]
        # What replaces a recording for good would make two files of it the right ones.
        self._media_faults = [name for name in names if not name.startswith("another_file")]

    def run(self) -> None:
        """Go on until the end; a burst once in a while."""
        moments: list[tuple[float, Callable[[], None]]] = [(self._every_seconds, self._hold)]
        if self._troubles:
            moments += [(_BURST_SECONDS, self._burst), (_TROUBLE_SECONDS, self._trouble)]
            self._postman.start()
        due = {number: every_seconds for number, (every_seconds, _) in enumerate(moments)}
        began = time.monotonic()
        while True:
            number = min(due, key=lambda each: due[each])
            if self._over.wait(max(0.0, began + due[number] - time.monotonic())):
                return
            every_seconds, act = moments[number]
            due[number] += every_seconds
            act()

    def stop(self) -> None:
        """Hold no more meetings, and lose no more webhooks; what was held back comes."""
        self._over.set()
        self.join()
        if self._troubles:
            self._postman.join()
            self._control.change_settings(shuffle=False, drop_ratio=0.0)
            self._control.forget_faults(origin="api")
            self._control.release_webhooks()

    def _hold(self) -> None:
        now = datetime.now(UTC)
        told = self._control.hold_meeting(
            start=(now - timedelta(minutes=5)).isoformat(),
            end=now.isoformat(),
            recordings=[self._recording() for _ in range(self._chance.choice((1, 1, 1, 2)))],
            transcripts=1,
        )
        items = [*told["recording_ids"], *told["transcript_ids"]]
        self.held[told["meeting_id"]] = {told["meeting_id"], *items}

    def _recording(self) -> dict[str, Any]:
        large = self._chance.random() < 0.3
        faulty = self._troubles and self._chance.random() < 0.15
        return {
            "bytes": _LARGE_BYTES if large else self._chance.randrange(100_000, 2_000_000),
            "audio": self._chance.random() < 0.3,
            "faults": [self._chance.choice(self._media_faults)] if faulty else [],
        }

    def _burst(self) -> None:
        for _ in range(_BURST_MEETINGS):
            self._hold()

    def _trouble(self) -> None:
        """Let the next requests go wrong, unless the last trouble has not been met yet."""
        if any(fault["origin"] == "api" for fault in self._control.faults()):
            return
        weights, troubles = zip(*_API_TROUBLES, strict=True)
        (trouble,) = self._chance.choices(troubles, weights)
        self._control.add_fault(origin="api", times=self._chance.randint(1, 3), **trouble)

    def _release_again_and_again(self) -> None:
        """By itself: the answer comes only when everything was delivered."""
        postman = ControlClient(self._control.url)
        while not self._over.wait(_RELEASE_SECONDS):
            postman.release_webhooks()
        postman.close()
