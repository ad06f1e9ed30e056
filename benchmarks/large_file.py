"""One large file, over HTTP and over TLS: speed, processor time and memory of each contender."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from benchmarks.contenders import (
    CURL,
    CURL_SHA256,
    DISCARD,
    OURS,
    OURS_BARE,
    Contender,
    Download,
    one_file,
)
from benchmarks.figures import Bar, Costs, cpu, interleaved, ratio, speed
from benchmarks.measuring import Cost, measure
from benchmarks.media_files import write_mp4
from benchmarks.reporting import Section
from benchmarks.serving import FileServer

HEADS = ("contender", "MB/s", "speed, curl = 1", "CPU s per GB", "CPU, curl = 1", "peak MB")
_LEAST_BARE = {"http": 1.2, "https": 0.95}


def compare(scheme: str, server: FileServer, folder: Path, *, size: int, rounds: int) -> Section:
    """Let every contender download the same file, in turn."""
    write_mp4(server.folder / "large.mp4", size)
    download = Download(
        f"{server.urls[scheme]}/large.mp4", folder / "got" / "large.mp4", server.certificate
    )
    everyone = one_file()
    present = [each for each in everyone if not each.missing]
    costs, failures = _run(present, download, size=size, rounds=rounds)
    (server.folder / "large.mp4").unlink()
    name = {"http": "HTTP", "https": "TLS"}[scheme]
    notes = [_about_server(server, costs), *_about_start(costs), *_about_missing(everyone)]
    return Section(
        f"One file of {size / 1024**2:g} MiB over {name}",
        HEADS,
        [_row(each, costs, size) for each in everyone],
        [*notes, *failures],
        _bars(costs, scheme),
        {name: [cost.shape() for cost in each] for name, each in costs.items()},
    )


def run_afresh(argv: Sequence[str], folder: Path, *, certificate: Path) -> Cost:
    """Run a contender with nothing left over from the one before, on disk or on its way there."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    os.sync()
    return measure(argv, certificate=certificate)


def _run(
    contenders: Sequence[Contender], download: Download, *, size: int, rounds: int
) -> tuple[Costs, list[str]]:
    costs: Costs = {each.name: [] for each in contenders}
    failures: dict[str, str] = {}
    folder = download.place.parent
    for each in interleaved(contenders, rounds):
        cost = run_afresh(each.argv(download), folder, certificate=download.certificate)
        is_whole = not each.keeps or _size(download.place) == size
        if cost.exit_status or not is_whole:
            failures[each.name] = f"{each.name} failed (exit status {cost.exit_status})"
        costs[each.name].append(cost)
    shutil.rmtree(folder)
    return {name: [] if name in failures else own for name, own in costs.items()}, [
        *failures.values()
    ]


def _size(place: Path) -> int:
    return place.stat().st_size if place.exists() else 0


def _row(contender: Contender, costs: Costs, size: int) -> tuple[str, ...]:
    name = contender.name
    own = costs.get(name)
    if not own:
        return (name, "not installed" if contender.missing else "failed", "", "", "", "")
    gigabytes = size / 1e9
    return (
        name,
        f"{gigabytes * 1000 * median(map(speed, own)):,.0f}",
        str(ratio(costs, name, CURL, speed) or ""),
        f"{median(map(cpu, own)) / gigabytes:.2f}",
        str(ratio(costs, name, CURL, cpu) or ""),
        f"{max(cost.peak_bytes for cost in own) / 1e6:.0f}",
    )


def _about_server(server: FileServer, costs: Costs) -> str:
    told = f"The server is {server.name}, on the same machine."
    own = {name: median(map(speed, each)) for name, each in costs.items() if each}
    discard = own.pop(DISCARD, None)
    if discard is None or not own:
        return told
    fastest = max(own, key=own.__getitem__)
    return (
        f"{told} A client that throws everything away was {discard / own[fastest]:.2f} times as "
        f"fast as the fastest contender ({fastest}): that much it had left."
    )


def _about_start(costs: Costs) -> list[str]:
    if not costs[OURS]:
        return []
    share = median(cost.start_seconds / cost.seconds for cost in costs[OURS])
    told = "Each contender is a whole process; of ours the loop counts. Starting and ending Python"
    return [f"{told} took another {share:.0%} of what ours, whole, took; a worker does that once."]


def _about_missing(everyone: Sequence[Contender]) -> list[str]:
    missing = sorted({name for each in everyone for name in each.missing})
    return [f"Not installed, and so not compared: {', '.join(missing)}."] if missing else []


def _bars(costs: Costs, scheme: str) -> list[Bar]:
    whole = ratio(costs, OURS, CURL_SHA256, speed)
    bare = ratio(costs, OURS_BARE, CURL, speed)
    work = ratio(costs, OURS, CURL_SHA256, cpu)
    return [
        Bar("speed of ours, whole, curl and openssl = 1", whole, least=1.0),
        Bar("speed of ours, no checksum, no flush, curl = 1", bare, least=_LEAST_BARE[scheme]),
        Bar("CPU of ours, whole, curl and openssl = 1", work, most=1.0),
    ]
