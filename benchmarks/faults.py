"""The table of faults: what clients make of a media host that fails."""

import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import click

from benchmarks.fault_clients import OURS, Client, clients
from benchmarks.fault_columns import COLUMNS, Column, Outcome
from benchmarks.fault_runs import LONGEST_SECONDS, Faulty, faulty_simulator, run_cell
from benchmarks.options import with_options
from benchmarks.reporting import Section, write_results

_MIB = 1024**2
_KILLED_TIMES = 8
"""Flushes come every 64 MiB: a smaller file is not on the disk for sure at half, in no part."""


@click.command()
@with_options(mib=64, size_of="a recording")
@click.option("--client", "wanted", multiple=True, help="Only this row; may be repeated.")
def main(mib: int, folder: Path, wanted: tuple[str, ...], results: Path, bars: bool) -> None:
    """Let clients meet faults; exit status 1 when ours does not end as it must."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as own, faulty_simulator() as faulty:
        rows = [each for each in clients() if not wanted or each.name in wanted]
        present = [each for each in rows if not each.is_missing]
        outcomes = {each.name: _row(faulty, each, Path(own), mib * _MIB) for each in present}
    missing = [each.name for each in rows if each.is_missing]
    section = _section(outcomes, missing, mib)
    click.echo(section.text())
    write_results(results, "faults", "Faults of media hosts", {"MiB": mib}, [section])
    if OURS in outcomes and (wrong := _wrong(outcomes[OURS])):
        click.echo(f"Not as it must be, of ours: {', '.join(wrong)}.")
        sys.exit(1 if bars else 0)


def cell(outcome: Outcome, column: Column) -> str:
    """The outcome, how often the file was served, and how the client ended."""
    ending = f" ({outcome.ending})" if outcome.exit_status else ""
    return f"{outcome.verdict(column)} {outcome.served:.2f}{ending}"


def _row(faulty: Faulty, client: Client, folder: Path, size: int) -> list[Outcome]:
    click.echo(f"{client.name} ...", err=True)
    return [
        run_cell(faulty, client, column, folder / "got", _size(column, size)) for column in COLUMNS
    ]


def _size(column: Column, size: int) -> int:
    return size * _KILLED_TIMES if column.killed else size


def _section(outcomes: dict[str, list[Outcome]], missing: Sequence[str], mib: int) -> Section:
    notes = [
        f"A recording has {mib} MiB; that of the last column {mib * _KILLED_TIMES} MiB.",
        "The number is what the server sent, as a multiple of the file.",
        "*exit 0, wrong*: the client says that all is well, and the file is missing or wrong.",
        "*refuses*: it noticed that the answer cannot be right. *fails*: no file, and it says so.",
        "In brackets is how the client ended; without brackets its exit status was 0.",
        f"A client that has not ended after {LONGEST_SECONDS} seconds is killed (signal 9).",
        "Ours is the product's transfer, in a retry loop of the benchmark's own.",
    ]
    if missing:
        notes.append(f"Not installed, and so not compared: {', '.join(missing)}.")
    return Section(
        "What clients make of faults",
        ("client", *(column.name for column in COLUMNS)),
        [(name, *map(cell, own, COLUMNS)) for name, own in outcomes.items()],
        notes,
        measured={name: [asdict(each) for each in own] for name, own in outcomes.items()},
    )


def _wrong(ours: Sequence[Outcome]) -> list[str]:
    return [
        f"{column.name} ({outcome.verdict(column)}, not {column.right})"
        for outcome, column in zip(ours, COLUMNS, strict=True)
        if outcome.verdict(column) != column.right
    ]


if __name__ == "__main__":
    main()
