"""One run: an installation is struck, left to drain, stopped and checked."""

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from chaos.blows import Blows
from chaos.installation import Installation, installed
from chaos.inventory import settled, take_inventory
from chaos.load import TROUBLED, Load
from chaos.report import Report, check

_LOOK_SECONDS = 0.05
_TELL_SECONDS = 10
_PEACE_SECONDS = 2
"""Before the first blow, so that there is something to strike."""

Say = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class Plan:
    """How long, on which database, and how dense."""

    seconds: float
    drain_seconds: float
    database: str
    chance: random.Random
    meeting_every_seconds: float


def run(plan: Plan, folder: Path, say: Say) -> Report:
    """Do all of it; what was found."""
    folder = folder.absolute()
    with installed(folder, plan.database, plan.chance, TROUBLED) as house:
        load = Load(house.control(), plan.chance.randrange(2**32), plan.meeting_every_seconds)
        more = {**house.database.blows(), **house.broker.blows(), **house.webex_blows()}
        blows = Blows(house.keeper, plan.chance, more)
        load.start()
        _strike(house, blows, plan.seconds, lambda: _tell(say, load, blows))
        load.stop()
        house.calm()
        drain_seconds = drain(house, plan.drain_seconds, say)
        return check(
            held=load.held,
            control=house.control(),
            stop_seconds=house.keeper.stop(),
            inventory=take_inventory(house.database.url, house.archive),
            blows=blows,
            drain_seconds=drain_seconds,
            logs=folder,
        )


def drain(house: Installation, seconds: float, say: Say) -> float:
    """Wait until nothing is left to be done, or for so many seconds; how long that took.

    What Webex has still to tell of meetings that have just ended is waited for as well.
    """
    began, pause, control = time.monotonic(), threading.Event(), house.control()
    next_word = began
    while time.monotonic() - began < seconds:
        house.keeper.look()
        # Asked first: what has just been told is in the database before it is looked at.
        is_all_told = control.call("GET", "/clock")["next"] is None
        left, sentence = settled(house.database.url)
        if is_all_told and not left:
            break
        if time.monotonic() >= next_word:
            next_word = time.monotonic() + _TELL_SECONDS
            say(f"Draining: {sentence} ...")
        pause.wait(10 * _LOOK_SECONDS)
    return time.monotonic() - began


def _strike(house: Installation, blows: Blows, seconds: float, tell: Callable[[], None]) -> None:
    began, pause = time.monotonic(), threading.Event()
    next_blow, next_word = began + _PEACE_SECONDS, began + _TELL_SECONDS
    while (now := time.monotonic()) < began + seconds:
        house.keeper.look()
        if now >= next_blow:
            next_blow = now + blows.strike()
        if now >= next_word:
            next_word = now + _TELL_SECONDS
            tell()
        pause.wait(_LOOK_SECONDS)


def _tell(say: Say, load: Load, blows: Blows) -> None:
    say(f"{len(load.held)} meetings held, {blows.kills} processes killed ...")
