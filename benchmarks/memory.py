"""Peak memory of ours for files of very different sizes."""

import shutil
from pathlib import Path

from benchmarks.contenders import Download, ours
from benchmarks.figures import Bar, spread
from benchmarks.large_file import run_afresh
from benchmarks.measuring import Cost
from benchmarks.media_files import write_mp4
from benchmarks.reporting import Section
from benchmarks.serving import FileServer

_RESERVE_BYTES = 1024**3
_MOST_DIFFERENCE_MB = 10


def compare(server: FileServer, folder: Path, *, sizes: tuple[int, ...]) -> Section:
    """Download a sparse file of each size, as far as there is room for it."""
    place = folder / "got" / "sparse.mp4"
    download = Download(f"{server.urls['http']}/sparse.mp4", place, server.certificate)
    rows: list[tuple[str, ...]] = []
    peaks: list[float] = []
    for size in sizes:
        name = f"{size / 1024**2:,.0f} MiB"
        if shutil.disk_usage(folder).free < size + _RESERVE_BYTES:
            rows.append((name, "left out: the disk has no room for it"))
            continue
        write_mp4(server.folder / "sparse.mp4", size, sparse=True)
        cost = run_afresh(ours(download), place.parent, certificate=server.certificate)
        rows.append((name, _told(cost)))
        if not cost.exit_status:
            peaks.append(cost.peak_bytes / 1e6)
    shutil.rmtree(place.parent, ignore_errors=True)
    (server.folder / "sparse.mp4").unlink(missing_ok=True)
    difference = spread([max(peaks) - min(peaks)]) if len(peaks) > 1 else None
    bar = Bar("MB between the largest peak and the smallest", difference, most=_MOST_DIFFERENCE_MB)
    return Section("Peak memory of ours", ("file", "peak MB"), rows, [], [bar])


def _told(cost: Cost) -> str:
    return (
        f"failed (exit status {cost.exit_status})"
        if cost.exit_status
        else f"{cost.peak_bytes / 1e6:.1f}"
    )
