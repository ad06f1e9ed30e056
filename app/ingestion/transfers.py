"""One media file on its way into the archive, going on where an earlier attempt was."""

from collections.abc import Callable
from dataclasses import dataclass

import structlog

from app.archive.checks import Checked
from app.archive.limits import Link
from app.archive.part import Part
from app.archive.paths import versioned
from app.archive.store import Stored
from app.archive.transfer import Transfer
from app.errors import (
    DatabaseUnavailable,
    IngestError,
    MediaBroken,
    ShorterThanListed,
    TransferError,
    TransferInterrupted,
)
from app.ingestion.storing import folder_of, plan_version, record_file
from app.ingestion.workbench import Work
from app.models.words import Kind, Reason

log = structlog.get_logger()

# An attempt that got so much further was no failed one; less, and a host that gives a byte at a
# time would never be given up.
_WORTH_BYTES = 1024**2
_TOLERATED_SECONDS = 30
_TOLERATED_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class Listed:
    """What Webex says of a file before it comes: a hint, and a reason to look twice."""

    bytes: int | None = None
    duration_seconds: int | None = None


def bring_file(
    work: Work,
    kind: Kind,
    path: str,
    *,
    source: str,
    listed: Listed,
    fresh_link: Callable[[], Link],
) -> Reason | None:
    """Transfer one file, verify it, give it its name, write its row.

    Needs no transfer when the file is stored already, or when an earlier attempt gave it its
    name and died before it wrote the row. Returns what is odd about a file that was stored.
    """
    folder = folder_of(work)
    version, needed = plan_version(work, folder, kind, source)
    place = versioned(path, version)
    if not needed or _adopt(work, kind, folder, place, version=version, source=source):
        return None
    archive = work.bench.archive
    archive.check_space()
    ids = {"ingest_id": work.lease.ingest_id, "attempt": work.lease.attempt}
    earlier = archive.earlier_part(folder, place, **ids)
    with archive.part(folder, place, **ids) as part:
        transfer = _transfer(work, kind, part, fresh_link)
        if earlier is not None and work.ingest.stage == kind:
            part.take_over(
                earlier,
                work.ingest.bytes_synced,
                progress=work.beat,
                check_space=archive.check_space,
            )
            transfer.resume.total = work.ingest.bytes_total
            transfer.resume.validator = work.ingest.validator
        _run(work, kind, transfer)
        stored = _publish(work, transfer, folder, place, kind, listed)
    record_file(work, kind, stored, version=version, source=source)
    return _oddity(stored, listed)


def _run(work: Work, kind: Kind, transfer: Transfer) -> None:
    before = transfer.part.size
    work.tell(**_progress(kind, transfer))
    try:
        transfer.run()
    except IngestError as error:
        # The next attempt goes on from here, not from the last flush.
        came = transfer.part.size - before
        error.got_further = came >= _WORTH_BYTES and not transfer.resume.restarts
        work.tell(**_progress(kind, transfer))
        raise


def _publish(
    work: Work, transfer: Transfer, folder: str, place: str, kind: Kind, listed: Listed
) -> Stored:
    part = transfer.part

    def believe(checked: Checked) -> None:
        _doubt(work, kind, transfer, checked, listed)
        # Whoever finds the file in its place without a row knows by this that it is the one.
        work.tell(publishing_sha256=part.sha256, **_progress(kind, transfer))

    try:
        return work.bench.archive.publish(part, folder, place, kind, believe=believe)
    except TransferError as error:
        if isinstance(error, MediaBroken):
            # All bytes came and they are wrong: going on from them would never end well.
            part.restart()
        work.tell(**_progress(kind, transfer))
        raise


def _doubt(work: Work, kind: Kind, transfer: Transfer, checked: Checked, listed: Listed) -> None:
    """Refuse a file that is shorter than Webex lists, where nothing proves that it is whole.

    Without a length a lost connection looks like the end. With one, a second link must tell
    the same before it is believed more than Webex's list.
    """
    if checked.proves_its_end or not _is_shorter(transfer.part.size, checked, listed):
        return
    came = f"the file ended after {transfer.part.size:,} bytes, which is less than Webex lists"
    if transfer.resume.total is None:
        transfer.part.restart()
        raise TransferInterrupted(f"{came}, and the media host told no length")
    # The row tells how the attempt before ended, and at which of the files it was.
    if (work.ingest.error_code, work.ingest.stage) != (ShorterThanListed.code, kind):
        raise ShorterThanListed(f"{came}; asking once more with a new link")


def _is_shorter(size: int, checked: Checked, listed: Listed) -> bool:
    plays, told = checked.duration_seconds, listed.duration_seconds
    plays_less = plays is not None and told is not None and told - plays > _tolerated(told)
    return plays_less or (listed.bytes is not None and size < listed.bytes)


def _adopt(work: Work, kind: Kind, folder: str, place: str, *, version: int, source: str) -> bool:
    expected = work.ingest.publishing_sha256
    if expected is None:
        return False
    found = work.bench.archive.find(folder, place, progress=work.beat)
    if found is None or found.sha256 != expected:
        return False
    record_file(work, kind, found, version=version, source=source)
    return True


def _oddity(stored: Stored, listed: Listed) -> Reason | None:
    """What Webex says otherwise about a file that is whole; told, and no reason to refuse it."""
    if listed.bytes and stored.bytes != listed.bytes:
        log.warning("file.size_differs", path=stored.path, bytes=stored.bytes, listed=listed.bytes)
        return Reason.SIZE_DIFFERS
    plays, told = stored.checked.duration_seconds, listed.duration_seconds
    if plays is None or not told or abs(plays - told) <= _tolerated(told):
        return None
    log.warning("file.duration_differs", path=stored.path, seconds=round(plays), listed=told)
    return Reason.DURATION_DIFFERS


def _tolerated(seconds: int) -> float:
    return max(_TOLERATED_SECONDS, seconds * _TOLERATED_SHARE)


def _transfer(work: Work, kind: Kind, part: Part, fresh_link: Callable[[], Link]) -> Transfer:
    bench, synced_before = work.bench, work.ingest.bytes_synced
    return Transfer(
        part,
        fresh_link=fresh_link,
        session=bench.media(),
        limits=bench.limits,
        clock=bench.clock,
        progress=lambda transfer: _report(work, kind, transfer, synced_before),
        check_space=bench.archive.check_space,
        stopping=bench.stopping,
        places=bench.places,
    )


def _report(work: Work, kind: Kind, transfer: Transfer, synced_before: int) -> None:
    came = transfer.part.synced - synced_before
    # Not where the file was begun again: its worker might die at the same byte each time.
    lasts = came >= _WORTH_BYTES and not transfer.resume.restarts
    try:
        # Workers that vanished are forgotten once something has come that stays: else a large
        # file would be given up that was unlucky five times in as many hours.
        work.tell(**_progress(kind, transfer), **({"lost": 0} if lasts else {}))
    except DatabaseUnavailable:
        # Not yet a reason to throw a connection away. Should the lease run out meanwhile, the
        # first write that gets through says so.
        log.warning("ingest.progress_unwritten")


def _progress(kind: Kind, transfer: Transfer) -> dict[str, object]:
    return {
        "stage": kind,
        "bytes_done": transfer.part.size,
        "bytes_total": transfer.resume.total,
        "bytes_synced": transfer.part.synced,
        "bytes_per_second": transfer.bytes_per_second,
        "validator": transfer.resume.validator,
    }
