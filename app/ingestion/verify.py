"""Verification by hand: the archive against the rows, of some meetings or of all."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlmodel import col

from app.db.meetings import note_verified
from app.ingestion.integrity import Finding, Told, look_around, look_at_file, stored_files
from app.ingestion.workbench import Workbench
from app.models.tables import Meeting

_PAGE = 100


@dataclass(frozen=True, slots=True)
class Verdict:
    """One meeting that was looked at: its stored files and their bytes, and what was found."""

    meeting_id: str
    files: int
    bytes: int
    findings: list[Finding]


def verify(
    bench: Workbench,
    meeting_ids: Sequence[str] = (),
    *,
    deep: bool = False,
    told: Told = lambda _: None,
) -> Iterator[Verdict]:
    """Look at the files of these meetings, or of all; ``deep`` reads every byte.

    What is missing or changed is fetched again; a changed file is set aside before. ``told``
    hears of bytes as they are read. Raises ArchiveUnavailable, and changes nothing, where the
    archive as a whole is not there, as when its disk is not mounted.
    """
    after = 0
    while page := _page(bench, meeting_ids, after):
        for meeting in page:
            assert meeting.id is not None
            after = meeting.id
            yield _verdict(bench, meeting, deep, told)


def _page(bench: Workbench, meeting_ids: Sequence[str], after: int) -> list[Meeting]:
    wanted = select(Meeting).where(col(Meeting.id) > after, col(Meeting.folder).is_not(None))
    if meeting_ids:
        wanted = wanted.where(col(Meeting.meeting_id).in_(meeting_ids))
    with bench.database.reading() as session:
        return list(session.scalars(wanted.order_by(col(Meeting.id)).limit(_PAGE)))


def _verdict(bench: Workbench, meeting: Meeting, deep: bool, told: Told) -> Verdict:
    begun_at, files = bench.clock(), stored_files(bench, meeting)
    looks = (look_at_file(bench, meeting, each, deep=deep, told=told) for each in files)
    findings = [each for each in looks if each is not None]
    findings += look_around(bench, meeting)
    if deep:
        with bench.database.transaction() as session:
            note_verified(session, meeting, begun_at)
    return Verdict(meeting.meeting_id, len(files), sum(each.bytes for each in files), findings)
