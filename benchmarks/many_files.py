"""Many small files, eight at once: files per second."""

import shutil
from pathlib import Path
from statistics import median

from benchmarks.figures import Costs, cpu, interleaved, ratio, speed
from benchmarks.large_file import run_afresh
from benchmarks.measuring import program, tool
from benchmarks.media_files import write_mp4
from benchmarks.reporting import Section
from benchmarks.serving import FileServer

AT_ONCE = 8
FILE_BYTES = 200 * 1024
ARIA2C = f"aria2c -j{AT_ONCE} -i"
HEADS = ("contender", "files/s", "speed, aria2c = 1", "CPU ms per file", "CPU, aria2c = 1")


def compare(server: FileServer, folder: Path, *, count: int, rounds: int) -> Section:
    """Download all files with each contender, in turn."""
    for number in range(count):
        write_mp4(server.folder / f"{number:05}.mp4", FILE_BYTES)
    base_url, got = server.urls["http"], folder / "got"
    contenders = _contenders(base_url, got, folder / "list.txt", count)
    costs: Costs = {name: [] for name in contenders}
    failures: set[str] = set()
    for name in interleaved(list(contenders), rounds):
        cost = run_afresh(contenders[name], got, certificate=server.certificate)
        costs[name].append(cost)
        if cost.exit_status or _came(got) != [FILE_BYTES] * count:
            failures.add(name)
    shutil.rmtree(got)
    costs = {name: own for name, own in costs.items() if name not in failures}
    notes = [f"{name} failed." for name in sorted(failures)]
    if tool("aria2c") is None:
        notes.append("aria2c is not installed, and so not compared.")
    return Section(
        f"{count:,} files of {FILE_BYTES // 1024} KiB, {AT_ONCE} at once, over HTTP",
        HEADS,
        [_row(name, costs, count) for name in costs],
        notes,
        measured={name: [cost.shape() for cost in own] for name, own in costs.items()},
    )


def _contenders(base_url: str, got: Path, listed: Path, count: int) -> dict[str, list[str]]:
    ours = program("ours_many", base_url, count, got, "--at-once", AT_ONCE)
    found = {
        "ours, whole, a session per thread": ours,
        "ours, whole, a session per file": [*ours, "--sessions", "file"],
        "ours, no checksum, no flush": [*ours, "--bare"],
    }
    if tool("aria2c") is None:
        return found
    names = (f"{number:05}.mp4" for number in range(count))
    listed.write_text("".join(f"{base_url}/{name}\n  out={name}\n" for name in names))
    quiet = ["-q", "--no-conf", "--file-allocation=none", f"--dir={got}"]
    return {ARIA2C: ["aria2c", f"-j{AT_ONCE}", "-i", str(listed), *quiet], **found}


def _came(folder: Path) -> list[int]:
    return [place.stat().st_size for place in folder.rglob("*") if place.is_file()]


def _row(name: str, costs: Costs, count: int) -> tuple[str, ...]:
    own = costs[name]
    return (
        name,
        f"{count * median(map(speed, own)):,.0f}",
        str(ratio(costs, name, ARIA2C, speed) or ""),
        f"{1000 * median(map(cpu, own)) / count:.2f}",
        str(ratio(costs, name, ARIA2C, cpu) or ""),
    )
