"""Many small files by the product's own loop, some of them at once."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import click
import requests

from app.archive.limits import Limits
from app.archive.media import media_session
from app.archive.places import Places
from benchmarks.programs.ours import bring_bare, bring_whole, origin
from benchmarks.programs.telling import loop_told

_MOST_BYTES = 1024**4


@click.command()
@click.argument("base_url")
@click.argument("count", type=int)
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--at-once", default=8, help="How many at the same time.")
@click.option("--sessions", type=click.Choice(["file", "thread"]), default="thread")
@click.option("--bare", is_flag=True, help="Neither checksum nor flushes.")
def main(base_url: str, count: int, folder: Path, at_once: int, sessions: str, bare: bool) -> None:
    """Bring COUNT files at BASE_URL, each into a folder of its own as a meeting has one."""
    session = _session_per_thread() if sessions == "thread" else media_session
    bring = bring_bare if bare else bring_whole
    limits, places = Limits((origin(base_url),), _MOST_BYTES), Places(at_once)

    def bring_one(number: int) -> None:
        place = folder / f"{number:05}" / "recordings" / "video.mp4"
        bring(f"{base_url}/{number:05}.mp4", place, session=session(), limits=limits, places=places)

    with loop_told(), ThreadPoolExecutor(at_once) as pool:
        for _ in pool.map(bring_one, range(count)):
            pass


def _session_per_thread() -> Callable[[], requests.Session]:
    """Sessions as ``app.runtime`` hands them out."""
    local = threading.local()

    def session() -> requests.Session:
        if not hasattr(local, "session"):
            local.session = media_session()
        kept: requests.Session = local.session
        return kept

    return session


if __name__ == "__main__":
    main()
