"""One media file on its way into the archive, going on where an earlier attempt was."""

from collections.abc import Callable

from app.archive.part import Part
from app.archive.paths import versioned
from app.archive.store import Stored
from app.archive.transfer import Link, Transfer
from app.errors import IngestError, MediaBroken, TransferInterrupted
from app.ingestion.storing import folder_of, plan_version, record_file
from app.ingestion.workbench import Work
from app.models.words import Kind


def bring_file(
    work: Work,
    kind: Kind,
    path: str,
    *,
    source: str,
    expected_bytes: int | None,
    fresh_link: Callable[[], Link],
) -> None:
    """Transfer one file, verify it, give it its name, write its row.

    Needs no transfer when the file is stored already, or when an earlier attempt gave it its
    name and died before it wrote the row.
    """
    folder = folder_of(work)
    version, needed = plan_version(work, folder, kind, source)
    place = versioned(path, version)
    if not needed or _adopt(work, kind, folder, place, version=version, source=source):
        return
    work.bench.archive.check_space()
    ids = {"ingest_id": work.lease.ingest_id, "attempt": work.lease.attempt}
    earlier = work.bench.archive.earlier_part(folder, place, **ids)
    with work.bench.archive.part(folder, place, **ids) as part:
        transfer = _transfer(work, part, fresh_link)
        if earlier is not None and work.ingest.stage == kind:
            part.take_over(earlier, work.ingest.bytes_synced)
            transfer.total, transfer.validator = work.ingest.bytes_total, work.ingest.validator
        _tell(work, kind, transfer)
        _run(work, transfer)
        _doubt(transfer, kind, place, expected_bytes)
        work.tell(
            publishing_sha256=part.sha256,
            bytes_done=part.size,
            bytes_total=part.size,
            bytes_synced=part.size,
        )
        stored = _publish(work, transfer, folder, place, kind)
    record_file(work, kind, stored, version=version, source=source)


def _run(work: Work, transfer: Transfer) -> None:
    try:
        transfer.run()
    except IngestError:
        # The next attempt goes on from here, not from the last flush.
        transfer.part.sync()
        _tell(work, None, transfer)
        raise
    transfer.part.sync()


def _doubt(transfer: Transfer, kind: Kind, place: str, expected_bytes: int | None) -> None:
    """Refuse a file whose end nobody vouches for.

    Without a length a lost connection looks like the end. An MP4 and an MP3 tell by
    themselves whether they are whole; of anything else Webex's ``sizeBytes`` must have come.
    """
    told = transfer.total is not None or place.endswith(".mp4") or kind is Kind.AUDIO
    if not told and transfer.part.size < (expected_bytes or 1):
        came = transfer.part.size
        transfer.part.restart()
        raise TransferInterrupted(f"{came:,} of {expected_bytes:,} bytes came, without a length")


def _publish(work: Work, transfer: Transfer, folder: str, place: str, kind: Kind) -> Stored:
    try:
        return work.bench.archive.publish(transfer.part, folder, place, kind)
    except MediaBroken:
        # All bytes came and they are wrong: going on from them would never end well.
        transfer.part.restart()
        _tell(work, None, transfer)
        raise


def _adopt(work: Work, kind: Kind, folder: str, place: str, *, version: int, source: str) -> bool:
    expected = work.ingest.publishing_sha256
    if expected is None:
        return False
    found = work.bench.archive.find(folder, place)
    if found is None or found.sha256 != expected:
        return False
    record_file(work, kind, found, version=version, source=source)
    return True


def _transfer(work: Work, part: Part, fresh_link: Callable[[], Link]) -> Transfer:
    def progress(transfer: Transfer) -> None:
        if work.may_tell():
            _tell(work, None, transfer)

    bench = work.bench
    return Transfer(
        part,
        fresh_link=fresh_link,
        session=bench.media(),
        limits=bench.limits,
        clock=bench.clock,
        progress=progress,
        check_space=bench.archive.check_space,
        stopping=bench.stopping,
    )


def _tell(work: Work, kind: Kind | None, transfer: Transfer) -> None:
    stage = {"stage": kind} if kind else {}
    work.tell(
        **stage,
        bytes_done=transfer.part.size,
        bytes_total=transfer.total,
        bytes_synced=transfer.part.synced,
        validator=transfer.validator,
    )
