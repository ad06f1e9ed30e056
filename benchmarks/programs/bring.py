"""The product's transfer, in a retry loop of the benchmark's own: one recording, past deaths.

What a row of the database remembers for the product is here a JSON file, and how often and when
to try again is decided here too.
"""

import json
import sys
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import click
import requests

from app.archive.limits import Limits, Link
from app.archive.media import media_session
from app.archive.store import Archive
from app.archive.transfer import Transfer
from app.errors import MediaBroken, MediaBusy, TransferError
from app.models.times import parse_time, utc_now
from app.models.words import Kind
from benchmarks.programs.ours import origin

_TOKEN = "simulator-token"  # noqa: S105 -- the simulator's own, documented
_MOST_BYTES = 1024**4
_MOST_TRIES = 8
_LONGEST_WAIT_SECONDS = 5
_TIMEOUT_SECONDS = 20


@dataclass(frozen=True, slots=True)
class Row:
    """What outlives a death."""

    attempt: int = 0
    bytes_synced: int = 0
    bytes_total: int | None = None
    validator: str | None = None


class KeptRow:
    """A row, kept in a file."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self.row = Row(**json.loads(place.read_text())) if place.exists() else Row()

    def tell(self, row: Row) -> None:
        """Replace the row."""
        fresh = self._place.with_suffix(".new")
        fresh.write_text(json.dumps(asdict(row)))
        fresh.replace(self._place)
        self.row = row


@click.command()
@click.argument("api_url")
@click.argument("media_url")
@click.argument("recording_id")
@click.argument("place", type=click.Path(path_type=Path))
def main(api_url: str, media_url: str, recording_id: str, place: Path) -> None:
    """Bring the video of a recording to PLACE; the row is beside it."""
    kept = KeptRow(place.with_suffix(".json"))
    limits = Limits((origin(media_url),), _MOST_BYTES)
    for _ in range(_MOST_TRIES):
        kept.tell(replace(kept.row, attempt=kept.row.attempt + 1))
        try:
            return _attempt(f"{api_url}/recordings/{recording_id}", place, kept, limits)
        except TransferError as error:
            click.echo(str(error), err=True)
            if not error.retryable:
                break
            # A retried row waits in the database; nobody else is at work here.
            time.sleep(_wait_seconds(error))
    sys.exit(1)


def _attempt(recording_url: str, place: Path, kept: KeptRow, limits: Limits) -> None:
    """As ``bring_file`` of the product: go on from an earlier part, transfer, publish."""
    archive = Archive(place.parent, reserve_bytes=0)
    attempt = kept.row.attempt
    earlier = archive.earlier_part("", place.name, ingest_id=1, attempt=attempt)
    with archive.part("", place.name, ingest_id=1, attempt=attempt) as part:
        transfer = Transfer(
            part,
            fresh_link=lambda: _link(recording_url),
            session=media_session(),
            limits=limits,
            clock=utc_now,
            progress=lambda transfer: _tell(kept, transfer),
            check_space=archive.check_space,
            stopping=lambda: False,
        )
        if earlier is not None:
            part.take_over(earlier, kept.row.bytes_synced)
            transfer.resume.total = kept.row.bytes_total
            transfer.resume.validator = kept.row.validator
        _run(kept, transfer)
        _publish(kept, transfer, archive, place)


def _run(kept: KeptRow, transfer: Transfer) -> None:
    try:
        transfer.run()
    finally:
        _tell(kept, transfer)


def _publish(kept: KeptRow, transfer: Transfer, archive: Archive, place: Path) -> None:
    try:
        archive.publish(transfer.part, "", place.name, Kind.VIDEO)
    except MediaBroken:
        transfer.part.restart()
        _tell(kept, transfer)
        raise


def _tell(kept: KeptRow, transfer: Transfer) -> None:
    part, resume = transfer.part, transfer.resume
    kept.tell(Row(kept.row.attempt, part.synced, resume.total, resume.validator))


def _link(recording_url: str) -> Link:
    answer = requests.get(
        recording_url, headers={"Authorization": f"Bearer {_TOKEN}"}, timeout=_TIMEOUT_SECONDS
    )
    links = answer.json()["temporaryDirectDownloadLinks"]
    return Link(links["recordingDownloadLink"], parse_time(links["expiration"]))


def _wait_seconds(error: TransferError) -> float:
    told = error.retry_after_seconds if isinstance(error, MediaBusy) else None
    return min(1.0 if told is None else told, _LONGEST_WAIT_SECONDS)


if __name__ == "__main__":
    main()
