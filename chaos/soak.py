"""``python -m chaos.soak``: run an installation at a steady rate, and see that nothing grows."""

import json
import logging
import random
import tempfile
import threading
import time
from pathlib import Path

import click
import structlog

from chaos.gauges import Gauges, Observer, Trend, trends
from chaos.installation import Installation, installed
from chaos.inventory import take_inventory
from chaos.load import QUIET, Load
from chaos.run import drain

_READ_SECONDS = 10
_DRAIN_SECONDS = 120
_STEADY_SECONDS = 30
"""Work that has been due for longer means that more comes than is done."""

_MOST_GROWTH = 1.2
_SMALL = {"memory MiB": 10, "descriptors": 10, "ms": 200, "s": 5}
"""What a gauge may grow by in any case; beginnings differ by chance."""


@click.command()
@click.option("--seconds", default=1800.0, show_default=True, help="How long it runs.")
@click.option(
    "--database", type=click.Choice(["sqlite", "postgres"]), default="sqlite", show_default=True
)
@click.option(
    "--meeting-every", default=0.5, show_default=True, help="Seconds from one meeting to the next."
)
@click.option("--folder", type=click.Path(path_type=Path), help="Keep everything in this folder.")
def main(seconds: float, database: str, meeting_every: float, folder: Path | None) -> None:
    """Hold meetings at a steady rate; exit 1 if anything grows, waits or is incomplete.

    The last line is JSON.
    """
    # What our own sweeps would tell belongs into no table.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    with tempfile.TemporaryDirectory(prefix="webex-ingest-soak-") as temporary:
        place = (folder or Path(temporary)).absolute()
        chance = random.Random(0)  # noqa: S311 -- no secret
        with installed(place, database, chance, QUIET) as house:
            figures = _soak(house, seconds, meeting_every)
    click.echo(json.dumps(figures))
    if figures["wrong"]:
        raise SystemExit(1)


def _soak(house: Installation, seconds: float, meeting_every: float) -> dict[str, object]:
    observer = Observer(house)
    load = Load(house.control(), 0, meeting_every, troubles=False)
    load.start()
    empty = observer.database_bytes()
    readings = _watch(house, observer, seconds)
    load.stop()
    drain_seconds = drain(house, _DRAIN_SECONDS, click.echo)
    per_meeting = (observer.database_bytes() - empty) / max(1, len(load.held))
    stop_seconds = house.keeper.stop()
    inventory = take_inventory(house.database.url, house.archive)
    found = trends(readings)
    for trend in found:
        told = f"{trend.early:10.1f}{trend.before:10.1f}{trend.late:10.1f}"
        click.echo(f"{trend.name:32}{told}   x {trend.ratio:.2f}")
    incomplete = sorted(set(load.held) - inventory.complete)
    return {
        "meetings": len(load.held),
        "meetings_per_minute": round(60 / meeting_every, 1),
        "incomplete": len(incomplete),
        "orphans": len(inventory.parts),
        "drain_seconds": round(drain_seconds, 1),
        "slowest_stop_seconds": round(max(stop_seconds.values()), 1),
        "database_bytes_per_meeting": round(per_meeting),
        "starts": house.keeper.starts,
        "wrong": [*incomplete, *inventory.parts, *map(_growth, filter(_grows, found))],
        "gauges": {
            each.name: [round(value, 1) for value in (each.early, each.before, each.late)]
            for each in found
        },
    }


def _watch(house: Installation, observer: Observer, seconds: float) -> list[Gauges]:
    began, pause = time.monotonic(), threading.Event()
    readings: list[Gauges] = []
    while time.monotonic() - began < seconds:
        pause.wait(_READ_SECONDS)
        house.keeper.look()
        readings.append(observer.read())
        told = {name: round(value) for name, value in readings[-1].items() if "memory" in name}
        click.echo(
            f"{time.monotonic() - began:.0f} s: oldest due {readings[-1]['oldest due s']:.1f} s, "
            f"sweep {readings[-1]['sweep ms']:.0f} ms, memory {sum(told.values())} MiB"
        )
    return readings


def _grows(trend: Trend) -> bool:
    if trend.name == "oldest due s":
        return trend.late > _STEADY_SECONDS
    allowed = next(size for ending, size in _SMALL.items() if trend.name.endswith(ending))
    has_grown = trend.late > max(trend.early * _MOST_GROWTH, trend.early + allowed)
    return has_grown and trend.goes_on


def _growth(trend: Trend) -> str:
    return f"{trend.name} grew from {trend.early:.1f} to {trend.late:.1f}"


if __name__ == "__main__":
    main()
