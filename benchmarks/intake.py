"""The benchmark of the door: durable intake against a handler that does nothing."""

import json
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from statistics import median
from typing import Any

import click

from benchmarks.figures import Bar, Spread, interleaved, spread
from benchmarks.intake_doors import (
    EMPTY,
    POSTGRES,
    SILENT,
    SQLITE,
    Door,
    doors,
    stalled_readers,
)
from benchmarks.intake_load import Generator, Load, busy_writer
from benchmarks.options import with_places
from benchmarks.reporting import Section, write_results

CLIENTS = (1, 32, 256)
AT_ONCE = 32
LEAST_SPEED = 0.35
MOST_P99 = 4.0
MOST_SILENT_MS = 100.0
WRITERS = 2
STALLED = "ours on SQLite, 16 stalled readers"
WRITTEN = f"ours on SQLite, {WRITERS} busy writers"
HEADS = (
    *("door", "clients", "requests/s", "speed, empty = 1"),
    *("p50 ms", "p99 ms", "p99, empty = 1", "errors"),
)

Loads = dict[str, list[Load]]
"""What each contender brought, round by round."""


@click.command()
@with_places
@click.option("--rounds", envvar="BENCH_ROUNDS", default=5, help="How often each one runs.")
@click.option("--seconds", envvar="BENCH_SECONDS", default=5, help="How long each run lasts.")
@click.option("--clients", multiple=True, default=CLIENTS, help="How many clients at once.")
def main(
    rounds: int, seconds: int, clients: tuple[int, ...], folder: Path, results: Path, bars: bool
) -> None:
    """Compare the door with one that does nothing, in the same gunicorn."""
    folder.mkdir(parents=True, exist_ok=True)
    sections = []
    with tempfile.TemporaryDirectory(dir=folder) as own, doors(Path(own)) as found:
        runs = rounds * (len(clients) * 3 + 4)
        generator = Generator(Path(own), seconds=seconds, runs=runs)
        for door in found.values():
            # The first event of each process imports drivers and connects.
            generator.run(door.port, AT_ONCE)
        for section in (
            *(plain(found, generator, each, rounds) for each in clients),
            troubled(found, generator, rounds, seconds),
        ):
            click.echo(section.text())
            sections.append(section)
    settings = {"rounds": rounds, "seconds": seconds, "load by": generator.name}
    write_results(results, "intake", "Intake", settings, sections)
    if bars and not all(section.passed for section in sections):
        sys.exit(1)


def plain(found: dict[str, Door], generator: Generator, clients: int, rounds: int) -> Section:
    """The doors in turn, with nothing else going on."""
    loads: Loads = {name: [] for name in (EMPTY, SQLITE, POSTGRES)}
    for name in interleaved(list(loads), rounds):
        loads[name].append(generator.run(found[name].port, clients))
    bars = [bar for name in (SQLITE, POSTGRES) for bar in _bars(loads, name, clients)]
    title = "1 client" if clients == 1 else f"{clients} clients"
    return _section(title, loads, clients, bars=bars)


def troubled(found: dict[str, Door], generator: Generator, rounds: int, seconds: int) -> Section:
    """The door while a broker is silent, pages are not read, and others write."""
    written: list[dict[str, float]] = []
    around: dict[str, tuple[Door, Callable[[], AbstractContextManager[None]]]] = {
        EMPTY: (found[EMPTY], nullcontext),
        SILENT: (found[SILENT], nullcontext),
        STALLED: (found[SQLITE], lambda: stalled_readers(found[SQLITE])),
        WRITTEN: (found[SQLITE], nullcontext),
    }
    loads: Loads = {name: [] for name in around}
    for name in interleaved(list(around), rounds):
        door, trouble = around[name]
        count = WRITERS if name == WRITTEN else 0
        writers = [busy_writer(door.database_url, seconds) for _ in range(count)]
        with trouble():
            loads[name].append(generator.run(door.port, AT_ONCE))
        written += [json.loads(writer.communicate(timeout=60)[0]) for writer in writers]
    p99 = spread([load.p99_ms for load in loads[SILENT]])
    bars = [
        *_bars(loads, STALLED, AT_ONCE),
        Bar(f"p99 ms with {SILENT}", p99, most=MOST_SILENT_MS),
    ]
    return _section(
        f"{AT_ONCE} clients, and trouble",
        loads,
        AT_ONCE,
        bars=bars,
        notes=[_told_of_writers(written)],
        measured={"writers": written},
    )


def _bars(loads: Loads, name: str, clients: int) -> list[Bar]:
    errors = Bar(f"errors, {name}, {clients} clients", _errors(loads[name]), most=0)
    if clients != AT_ONCE:
        return [errors]
    return [
        Bar(f"requests/s, {name}, empty = 1", _speed(loads, name), least=LEAST_SPEED),
        Bar(f"p99, {name}, empty = 1", _p99(loads, name), most=MOST_P99),
        errors,
    ]


def _section(
    title: str,
    loads: Loads,
    clients: int,
    *,
    bars: list[Bar],
    notes: Sequence[str] = (),
    measured: dict[str, Any] | None = None,
) -> Section:
    return Section(
        title,
        HEADS,
        [_row(name, loads, clients) for name in loads],
        list(notes),
        bars,
        {name: [load.shape() for load in own] for name, own in loads.items()} | (measured or {}),
    )


def _row(name: str, loads: Loads, clients: int) -> tuple[str, ...]:
    own = loads[name]
    return (
        name,
        str(clients),
        f"{median(load.per_second for load in own):,.0f}",
        str(_speed(loads, name)),
        f"{median(load.p50_ms for load in own):.1f}",
        f"{median(load.p99_ms for load in own):.1f}",
        str(_p99(loads, name)),
        str(sum(load.errors for load in own)),
    )


def _speed(loads: Loads, name: str) -> Spread:
    pairs = zip(loads[name], loads[EMPTY], strict=True)
    return spread([mine.per_second / empty.per_second for mine, empty in pairs])


def _p99(loads: Loads, name: str) -> Spread:
    return spread(
        [mine.p99_ms / empty.p99_ms for mine, empty in zip(loads[name], loads[EMPTY], strict=True)]
    )


def _errors(loads: Sequence[Load]) -> Spread:
    most = float(max(load.errors for load in loads))
    return Spread(most, most, most)


def _told_of_writers(written: Sequence[dict[str, float]]) -> str:
    per_second = median(each["writes"] / each["seconds"] for each in written)
    p99 = median(each["p99_ms"] for each in written)
    return (
        f"Each of the {WRITERS} busy writers committed {per_second:,.0f} transactions a second "
        f"meanwhile, the slowest hundredth in {p99:.0f} ms."
    )


if __name__ == "__main__":
    main()
