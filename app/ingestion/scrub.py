"""The scrub: every stored byte is read again once in a while, at a set rate and behind all else."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog

from app.archive.inspection import is_missing
from app.db.figures import count_stored
from app.db.meetings import longest_unread, neighbours_of, note_verified
from app.db.scrubs import note_scrub, take_turn
from app.errors import ArchiveUnavailable, LeaseLost, WorkerStopping
from app.ingestion.integrity import insist_on_archive, look_around, look_at_file, stored_files
from app.ingestion.workbench import Pace, Workbench
from app.models.scrub import Scrub
from app.models.tables import File, Meeting

_BEGUN_AT = 0.75
"""The share of SCRUB_DAYS after which reading begins, so that it is over when they are."""
SECONDS_A_RUN = 20
"""So much of each minute one thread may read; it is one of those that poll."""
_CREDIT = timedelta(seconds=60)
"""What was not read meanwhile may be: the time between two looks, and no more."""
_HOLD = timedelta(minutes=10)
"""For so long a file that a disk does not give holds one thread of all workers, not one each."""
_HOLD_AGAIN_SECONDS = 60
_REST = timedelta(minutes=15)
_NEIGHBOURS = 3

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Standing:
    """Since when the file that was read longest ago was not, and whether that is too long.

    ``needed_rate`` is how many bytes a second would read everything in time.
    """

    unread_since: datetime
    is_late: bool
    needed_rate: int


def scrub_due(bench: Workbench) -> int:
    """Read what is due for some seconds, as far as the rate allows; the bytes of it.

    One worker at a time has the turn, and whoever is stopped has the files of one portion to read
    again. A file that is larger than the rate allows is read at once, and paid for by the pause
    that follows.
    """
    now = bench.clock()
    if not bench.pace.scrub_days or _due(bench, now) is None:
        return 0
    with bench.database.transaction() as session:
        scrub = take_turn(session, now=now, hold=_HOLD)
    if scrub is None:
        return 0
    turn, rest = _Turn(bench, scrub), timedelta()
    try:
        turn.read_on()
    except ArchiveUnavailable as error:
        log.warning("scrub.archive_unavailable", error=str(error))
        rest = _REST
    except WorkerStopping:
        pass
    except LeaseLost:
        log.warning("scrub.taken_over")
        return turn.bytes
    turn.give_back(bench.clock() + rest)
    return turn.bytes


def scrub_standing(bench: Workbench) -> Standing | None:
    """How far behind the scrub is; None where nothing is stored."""
    with bench.database.reading() as session:
        found, stock = longest_unread(session), count_stored(session, ())
    if found is None:
        return None
    period = timedelta(days=bench.pace.scrub_days)
    is_late = found[1] + period < bench.clock()
    return Standing(
        found[1], is_late, round(stock.bytes / (_lead(bench.pace).total_seconds() or 1))
    )


def _lead(pace: Pace) -> timedelta:
    return timedelta(days=pace.scrub_days) * _BEGUN_AT


def _due(bench: Workbench, now: datetime) -> Meeting | None:
    with bench.database.reading() as session:
        found = longest_unread(session)
    return found[0] if found and found[1] + _lead(bench.pace) <= now else None


class _Turn:
    """Reading under the turn: each portion is paid for before it is read."""

    def __init__(self, bench: Workbench, scrub: Scrub) -> None:
        self.bytes = 0
        self._bench = bench
        self._scrub = scrub
        self._until = time.monotonic() + SECONDS_A_RUN
        self._held_at = time.monotonic()

    def read_on(self) -> None:
        """Read meeting by meeting until the rate is used up, or nothing is due, or time is over."""
        while not self._is_over() and (meeting := _due(self._bench, self._bench.clock())):
            if self._scrub.meeting_row_id != meeting.id:
                self._note(meeting_row_id=meeting.id, begun_at=self._bench.clock(), path="")
            if not self._read_some(meeting):
                return

    def give_back(self, held_until: datetime) -> None:
        """Let whoever looks next go on, from then on."""
        try:
            self._note(held_until=held_until)
        except LeaseLost:
            log.warning("scrub.taken_over")

    def _read_some(self, meeting: Meeting) -> bool:
        """Read what the rate allows of a meeting, a file at least; whether more is allowed."""
        files = sorted(stored_files(self._bench, meeting), key=lambda each: each.path)
        left = [each for each in files if each.path > self._scrub.path]
        portion = self._pay(left)
        try:
            for each in portion:
                if self._is_over():
                    return False
                look_at_file(self._bench, meeting, each, deep=True, told=self._told, insist=_insist)
                self._scrub.path = each.path
        finally:
            self._note(path=self._scrub.path)
        if len(portion) < len(left):
            return False
        look_around(self._bench, meeting)
        assert self._scrub.begun_at is not None
        with self._bench.database.transaction() as session:
            note_verified(session, meeting, self._scrub.begun_at)
        # The same meeting may be the next one, and is then begun anew.
        self._note(meeting_row_id=None)
        return True

    def _pay(self, files: Sequence[File]) -> list[File]:
        """The next files that the rate allows; one that is too large for it is paid for ahead."""
        now, rate = self._bench.clock(), self._bench.pace.scrub_bytes_per_second
        paid_until = max(self._scrub.paid_until, now - _CREDIT)
        portion: list[File] = []
        for each in files:
            paid_after = paid_until + timedelta(seconds=each.bytes / rate)
            if paid_until > now or (portion and paid_after > now):
                break
            paid_until = paid_after
            portion.append(each)
        if portion:
            self._note(paid_until=paid_until, held_until=now + _HOLD)
        return portion

    def _told(self, size: int) -> None:
        self.bytes += size
        if self._bench.stopping():
            raise WorkerStopping("the worker stops; the file is read again later")
        if time.monotonic() - self._held_at > _HOLD_AGAIN_SECONDS:
            self._note(held_until=self._bench.clock() + _HOLD)

    def _is_over(self) -> bool:
        return self._bench.stopping() or time.monotonic() > self._until

    def _note(self, **changes: Any) -> None:
        with self._bench.database.transaction() as session:
            note_scrub(session, self._scrub, **changes)
        self._held_at = time.monotonic()
        for name, value in changes.items():
            setattr(self._scrub, name, value)


def _insist(bench: Workbench, meeting: Meeting) -> None:
    """Raise ArchiveUnavailable also where a disk of several is gone, or another lies in its place.

    Nobody looks while this opens all that was ever stored: what was made just before this meeting
    must not all be gone as well, nor what was made just after it.
    """
    insist_on_archive(bench, meeting)
    root = bench.archive.root
    if meeting.folder is None or not is_missing(root / meeting.folder):
        return
    with bench.database.reading() as session:
        sides = neighbours_of(session, meeting, count=_NEIGHBOURS)
    if any(side and all(is_missing(root / each) for each in side) for side in sides):
        raise ArchiveUnavailable(
            f"{meeting.folder} and what was stored next to it are not in {root}: is a disk not "
            "there? Nothing was changed; if they are gone, `webex-ingest verify` fetches them again"
        )
