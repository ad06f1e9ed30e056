"""What every control call works on."""

from dataclasses import dataclass
from typing import Any

from flask import request

from simulator.delivery import Courier
from simulator.events import Happenings
from simulator.holding import OrderError
from simulator.ledger import Ledger
from simulator.timeline import Schedule, wait_until
from simulator.world import World

_SETTLE_SECONDS = 60.0


class UnknownIdError(Exception):
    """There is nothing of that id."""


@dataclass(frozen=True, slots=True)
class Control:
    """The parts that control calls work on."""

    world: World
    schedule: Schedule
    courier: Courier
    happenings: Happenings
    ledger: Ledger

    def settle(self) -> bool:
        """Wait, lock held, until everything due has happened and every delivery was tried."""
        return wait_until(
            self.world,
            lambda: not self.schedule.has_due() and self.courier.is_idle(),
            _SETTLE_SECONDS,
        )


def read_body() -> dict[str, Any]:
    if not request.get_data():
        return {}
    body = request.get_json(force=True, silent=True)
    if not isinstance(body, dict):
        raise OrderError("The body must be a JSON object.")
    return body
