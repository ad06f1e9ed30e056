"""What every control call works on."""

from dataclasses import dataclass
from typing import Any

from flask import request

from simulator.answers import told_json
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
    body = told_json()
    if not isinstance(body, dict):
        raise OrderError("The body must be a JSON object.")
    return body


def read_names(field: str) -> list[str] | None:
    """A list of names in a request; None where it names none, which means all."""
    names = read_body().get(field)
    is_list = isinstance(names, list) and all(isinstance(each, str) for each in names)
    if names is not None and not is_list:
        raise OrderError(f"{field}: must be a list of texts.")
    return names
