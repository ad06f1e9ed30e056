"""The benchmark of transfers: one large file, memory, many small files."""

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import click

from benchmarks import large_file, many_files, memory
from benchmarks.options import with_options
from benchmarks.reporting import Section, write_results
from benchmarks.serving import served

_MIB = 1024**2


@click.command()
@with_options(mib=1024, size_of="the large file")
@click.option("--rounds", envvar="BENCH_ROUNDS", default=5, help="How often each one runs.")
@click.option("--files", envvar="BENCH_FILES", default=2000, help="How many small files.")
def main(mib: int, rounds: int, files: int, folder: Path, results: Path, bars: bool) -> None:
    """Compare transfers with what people download with otherwise."""
    folder.mkdir(parents=True, exist_ok=True)
    settings = {"MiB": mib, "rounds": rounds, "files": files}
    sections = []
    with tempfile.TemporaryDirectory(dir=folder) as own:
        for section in _sections(Path(own), mib * _MIB, rounds=rounds, files=files):
            click.echo(section.text())
            sections.append(section)
    write_results(results, "transfer", "Transfers", settings, sections)
    if bars and not all(section.passed for section in sections):
        sys.exit(1)


def _sections(folder: Path, size: int, *, rounds: int, files: int) -> Iterator[Section]:
    with served(folder / "server") as server:
        for scheme in ("http", "https"):
            yield large_file.compare(scheme, server, folder, size=size, rounds=rounds)
        yield memory.compare(server, folder, sizes=(size // 16, size, size * 8))
        yield many_files.compare(server, folder, count=files, rounds=min(rounds, 3))


if __name__ == "__main__":
    main()
