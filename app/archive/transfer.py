"""The transfer: streams one file from a media host into a part file, and cannot lie about it.

It knows nothing of Celery or the database: it is handed a way to get a fresh link, a part to
write into, a clock, and callbacks. What happens to an answer:

    200, 206          goes on (a 206 must continue the same file, a 200 starts again)
    401 403 404 410, a web page, JSON, a redirect to elsewhere
                      the link is dead: a new link, same offset, three times without progress
    416               the part is whole, or it is thrown away
    408 425 429 5xx   MediaBusy: the work waits in the database, not here
    a lost connection, or next to no bytes in half a minute
                      tried again while bytes move, else TransferInterrupted
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager

import requests
import urllib3

from app.archive import headers
from app.archive.checks import is_text
from app.archive.limits import Limits, Link
from app.archive.media import NOT_MEDIA, check_answer, open_link, read_piece
from app.archive.part import SYNC_BYTES, Part
from app.archive.places import Places
from app.archive.ranges import Ranges
from app.archive.resume import COMPARED_BYTES, Resume
from app.archive.speed import Speedometer
from app.archive.watch import Watch
from app.errors import (
    LinkDead,
    TooLarge,
    TransferInterrupted,
    TransferOverdue,
    WorkerStopping,
)
from app.models.times import Clock

LARGEST_PIECE_BYTES = 1024**2
_SMALLEST_PIECE_BYTES = 16 * 1024


class Transfer:
    """One file on its way; ``run`` returns when every byte is in the part.

    ``progress`` is called about once a second from another thread, whether bytes come or not:
    it is the heartbeat too. Whatever it raises ends the transfer. ``check_space`` is told how
    many bytes are still to come. What an earlier attempt knew of the file goes into ``resume``.
    """

    def __init__(
        self,
        part: Part,
        *,
        fresh_link: Callable[[], Link],
        session: requests.Session,
        limits: Limits,
        clock: Clock,
        progress: Callable[["Transfer"], None],
        check_space: Callable[[int], None],
        stopping: Callable[[], bool],
        places: Places | None = None,
    ) -> None:
        self.part = part
        self.resume = Resume(part)
        self._fresh_link = fresh_link
        self._session = session
        self._limits = limits
        self._clock = clock
        self._progress = progress
        self._check_space = check_space
        self._stopping = stopping
        self._places = places
        self._speed = Speedometer(limits.slow_seconds)
        self._watch = Watch(self._look, every_seconds=limits.look_seconds)
        self._ranges: Ranges | None = None
        self._may_split = limits.ranges > 1
        self._is_reading = False
        self._space_known_at = -SYNC_BYTES
        self._held, self._hosts = ExitStack(), set[str]()
        self._turn = threading.Lock()
        self._began = time.monotonic()

    @property
    def received(self) -> int:
        """How many bytes of the file have come, be it out of order."""
        return self.part.size + (self._ranges.ahead if self._ranges else 0)

    @property
    def bytes_per_second(self) -> int | None:
        """How fast bytes have come of late; None while that is not known."""
        return self._speed.bytes_per_second

    def run(self) -> None:
        """Bring every byte, and flush it; raises a TransferError or WorkerStopping if not now.

        Whatever is raised, what has come is flushed.
        """
        with self._watch:
            try:
                self._bring()
            finally:
                self.part.sync()

    def _bring(self) -> None:
        link: Link | None = None
        dead_links = interruptions = 0
        limits = self._limits
        while True:
            before = self.part.size
            if link is None or not link.is_fresh(self._clock()):
                link = self._fresh_link()
            try:
                return self._read_answer(link)
            except (LinkDead, TransferInterrupted) as error:
                got_further = self.part.size - before >= COMPARED_BYTES
                if got_further:
                    dead_links = interruptions = 0
                if isinstance(error, LinkDead):
                    link, dead_links = None, dead_links + 1
                elif not got_further:
                    interruptions += 1
                # A host that changes the file again and again moves bytes, but gets nowhere.
                if self.resume.restarts >= limits.interruptions:
                    times = f"begun again {self.resume.restarts} times"
                    raise TransferInterrupted(f"{times}, in the end because {error}") from None
                if dead_links >= limits.dead_links or interruptions >= limits.interruptions:
                    raise

    def _read_answer(self, link: Link) -> None:
        with ExitStack() as self._held, self._translated():
            self._hosts = set()
            with self._open(link, self.resume.wanted()) as response:
                if not self.resume.begin(response):
                    return
                if self.resume.expected is not None:
                    self._check_size(self.resume.expected)
                if not self._splits(response):
                    self._copy(response)
                    return
            self._copy_ranges(link)

    @property
    def _where(self) -> str:
        total = self.resume.total
        return f"after {self.part.size:,} of {'?' if total is None else f'{total:,}'} bytes"

    def _arrive(self, host: str) -> None:
        """Take a place at a host, one for all requests of an answer; then bytes have to come."""
        with self._turn:
            if host in self._hosts:
                return
            if self._places is not None:
                self._held.enter_context(self._places.at(host, check=self._check_between))
            self._hosts.add(host)
            self._expect_bytes()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Tell errors of the network as ours; what the watch found is the cause of them."""
        try:
            yield
        except TransferInterrupted:
            self._watch.check()
            raise
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            self._watch.check()
            # Their texts hold the link, so only the kind of error is told.
            kind = type(error).__name__
            raise TransferInterrupted(f"the connection broke {self._where} ({kind})") from None
        finally:
            self._is_reading = False
        self._watch.check()
        if self.resume.is_short:
            raise TransferInterrupted(f"the media host ended the file {self._where}")

    @contextmanager
    def _open(self, link: Link, wanted: dict[str, str]) -> Iterator[requests.Response]:
        response = open_link(
            self._session,
            link.url,
            wanted,
            self._limits.allowed_hosts,
            guard=self._watch.over,
            arrive=self._arrive,
        )
        with response, self._watch.over(response.raw.shutdown):
            check_answer(response, self._clock())
            yield response

    def _check_size(self, total: int) -> None:
        if total > self._limits.max_bytes:
            raise TooLarge(
                f"the file has {total:,} bytes, "
                f"TRANSFER_MAX_BYTES allows {self._limits.max_bytes:,}"
            )
        self._space_known_at = self.part.size
        self._check_space(total - (0 if self.resume.is_anew else self.part.size))

    def _expect_bytes(self) -> None:
        self._speed.begin()
        self._is_reading = True

    def _copy(self, response: requests.Response) -> None:
        self._expect_bytes()
        amount = LARGEST_PIECE_BYTES // 16
        while True:
            began = time.monotonic()
            piece = read_piece(response, amount)
            self._keep(piece)
            self._check_between()
            if not piece:
                return
            amount = _next_amount(amount, time.monotonic() - began)

    def _keep(self, piece: bytes) -> None:
        if (not self.part.size or self.resume.is_anew) and is_text(piece):
            raise LinkDead(NOT_MEDIA)
        if piece:
            self.part.write(self.resume.new_of(piece))
        if self.part.size > self._limits.max_bytes:
            self._check_size(self.part.size)

    def _splits(self, response: requests.Response) -> bool:
        return (
            self._may_split
            and (self.resume.expected or 0) >= self._limits.ranges_from_bytes
            and self.resume.validator is not None
            and not self.resume.is_anew
            and headers.accepts_ranges(response)
        )

    def _copy_ranges(self, link: Link) -> None:
        def open_range(first: int, last: int) -> AbstractContextManager[requests.Response]:
            return self._open(link, self.resume.range_from(first, last))

        self._expect_bytes()
        before = self.part.size
        self._ranges = ranges = Ranges(self.resume, open_range, check=self._check_between)
        try:
            ranges.run(at_once=self._limits.ranges, hang_up=self._watch.hang_up)
        finally:
            self._ranges = None
            # A host that does not give them as they are wanted gives one stream.
            self._may_split = self.part.size > before

    def _check_room(self) -> None:
        if not 0 <= self.part.size - self._space_known_at < SYNC_BYTES:
            self._space_known_at = self.part.size
            self._check_space(0)

    def _check_between(self) -> None:
        if self._stopping():
            raise _stopped()
        self._watch.check()
        self._check_room()

    def _look(self) -> None:
        """Once a second, from the watch's thread; what may take long comes last."""
        now = time.monotonic()
        self._speed.note(self.received, now)
        if self._stopping():
            raise _stopped()
        if now - self._began > self._limits.longest_seconds:
            hours = self._limits.longest_seconds / 3600
            raise TransferOverdue(f"not finished after {hours:.0f} hours; it goes on later")
        if self._is_reading and self._is_slow():
            raise TransferInterrupted("the media host sends too slowly")
        self._progress(self)

    def _is_slow(self) -> bool:
        speed = self._speed.bytes_per_second or 0
        return self._speed.has_full_window and speed < self._limits.slowest_bytes_per_second


def _stopped() -> WorkerStopping:
    return WorkerStopping("the worker stops; the transfer goes on where it is")


def _next_amount(amount: int, seconds: float) -> int:
    # Large pieces are fast; on a slow line small ones lose less when the worker dies.
    if seconds < 0.1:
        return min(amount * 2, LARGEST_PIECE_BYTES)
    return max(amount // 2, _SMALLEST_PIECE_BYTES) if seconds > 1 else amount
