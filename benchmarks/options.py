"""The options that every benchmark has."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from benchmarks.measuring import ROOT
from benchmarks.reporting import RESULTS

Command = Callable[..., Any]


def with_options(*, mib: int, size_of: str) -> Callable[[Command], Command]:
    """Give a command ``mib``, ``folder``, ``results`` and ``bars``."""
    size = click.option("--mib", envvar="BENCH_MIB", default=mib, help=f"Size of {size_of}.")
    return lambda command: size(with_places(command))


with_sizes = click.option(
    "--sizes",
    envvar="BENCH_SIZES",
    default="10000,100000,1000000",
    help="How many meetings each database has.",
)


def with_places(command: Command) -> Command:
    """Give a command ``folder``, ``results`` and ``bars``."""
    options = (
        click.option(
            "--folder",
            envvar="BENCH_DIR",
            type=click.Path(path_type=Path),
            default=ROOT / "var" / "bench",
            help="Where it works: on the disk to measure with.",
        ),
        click.option(
            "--results",
            type=click.Path(path_type=Path),
            default=RESULTS,
            help="Where tables are written.",
        ),
        click.option(
            "--bars/--no-bars", default=True, help="Whether our rows decide the exit status."
        ),
    )

    # Decorators apply from the last to the first; help lists them in this order.
    for option in reversed(options):
        command = option(command)
    return command
