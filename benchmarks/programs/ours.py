"""The product's own loop for one file: transfer, checksum, flushes, verification, rename."""

from pathlib import Path
from urllib.parse import urlsplit

import click
import requests

from app.archive.limits import Limits, Link
from app.archive.media import media_session
from app.archive.part import Part
from app.archive.places import Places
from app.archive.store import Archive
from app.archive.transfer import Transfer
from app.models.times import utc_now
from app.models.words import Kind
from benchmarks.programs.bare import BarePart
from benchmarks.programs.telling import loop_told

_MOST_BYTES = 1024**4
_PLACES = 16


@click.command()
@click.argument("url")
@click.argument("place", type=click.Path(path_type=Path))
@click.option("--bare", is_flag=True, help="Neither checksum nor flushes.")
@click.option("--ranges", default=1, help="As TRANSFER_RANGES.")
def main(url: str, place: Path, bare: bool, ranges: int) -> None:
    """Bring the MP4 at URL to PLACE."""
    bring = bring_bare if bare else bring_whole
    limits = Limits((origin(url),), _MOST_BYTES, ranges=ranges)
    with loop_told():
        bring(url, place, session=media_session(), limits=limits, places=Places(_PLACES))


def bring_whole(
    url: str, place: Path, *, session: requests.Session, limits: Limits, places: Places
) -> None:
    """Bring one file as ``bring_file`` of the product does, without its row."""
    archive = Archive(place.parent, reserve_bytes=0)
    with archive.part("", place.name, ingest_id=1, attempt=1) as part:
        _transfer(url, part, archive, session=session, limits=limits, places=places).run()
        part.sync()
        archive.publish(part, "", place.name, Kind.VIDEO)


def bring_bare(
    url: str, place: Path, *, session: requests.Session, limits: Limits, places: Places
) -> None:
    """Bring one file without checksum, flushes and verification."""
    archive = Archive(place.parent, reserve_bytes=0)
    place.parent.mkdir(parents=True, exist_ok=True)
    with BarePart(place.with_suffix(".part")) as part:
        _transfer(url, part, archive, session=session, limits=limits, places=places).run()
        part.path.replace(place)


def origin(url: str) -> str:
    """Where a link leads, as an entry of ``DOWNLOAD_HOSTS``."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _transfer(
    url: str,
    part: Part,
    archive: Archive,
    *,
    session: requests.Session,
    limits: Limits,
    places: Places,
) -> Transfer:
    return Transfer(
        part,
        fresh_link=lambda: Link(url),
        session=session,
        limits=limits,
        clock=utc_now,
        progress=lambda _transfer: None,
        check_space=archive.check_space,
        stopping=lambda: False,
        places=places,
    )


if __name__ == "__main__":
    main()
