"""The transfer: streams one file from a media host into a part file, and cannot lie about it.

It knows nothing of Celery or the database: it is handed a way to get a fresh link, a part to
write into, and callbacks. What happens to an answer:

    200, 206          goes on (a 206 must continue the same file, a 200 starts again)
    401 403 404 410, a web page, JSON, a redirect to elsewhere
                      the link is dead: a new link, same offset, three times without progress
    416               the part is whole, or it is thrown away once
    408 425 429 5xx   MediaBusy: the work waits in the database, not here
    a lost connection, or next to no bytes in half a minute
                      tried again while bytes move, else TransferInterrupted
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NoReturn
from urllib.parse import urljoin

import requests
import urllib3

from app.archive import headers
from app.archive.checks import is_text
from app.archive.links import check_link
from app.archive.media import ask_media
from app.archive.media import media_session as media_session
from app.archive.part import Part
from app.archive.speed import SpeedGuard
from app.errors import (
    LinkDead,
    LinkRefused,
    MediaBroken,
    MediaBusy,
    TooLarge,
    TransferInterrupted,
    WorkerStopping,
)
from app.models.times import Clock

LARGEST_PIECE_BYTES = 1024**2
_SMALLEST_PIECE_BYTES = 16 * 1024
_DEAD = {401, 403, 404, 410}
_REDIRECT = {301, 302, 303, 307, 308}
_NOT_MEDIA = ("text/html", "application/json", "application/xhtml+xml")
_MOST_REDIRECTS = 3
_FRESH = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Link:
    """A temporary link; never stored, never shown."""

    url: str = field(repr=False)
    expires_at: datetime | None = None

    def is_fresh(self, now: datetime) -> bool:
        """Whether the link lives at least ten more minutes."""
        return self.expires_at is None or self.expires_at - now > _FRESH


@dataclass(frozen=True, slots=True)
class Limits:
    """What a transfer may do: which hosts, how many bytes, how often without progress, how slowly.

    A host that sends less than ``slowest_bytes_per_second`` over ``slow_seconds`` is hung up on.
    """

    allowed_hosts: tuple[str, ...]
    max_bytes: int
    dead_links: int = 3
    interruptions: int = 3
    slow_seconds: float = 30
    slowest_bytes_per_second: int = 32 * 1024


class Transfer:
    """One file on its way; ``run`` returns when every byte is in the part."""

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
        total: int | None = None,
        validator: str | None = None,
    ) -> None:
        self.part = part
        self.total = total
        self.validator = validator
        self._fresh_link = fresh_link
        self._session = session
        self._limits = limits
        self._clock = clock
        self._progress = progress
        self._check_space = check_space
        self._stopping = stopping
        self._restarts = 0

    def run(self) -> None:
        """Bring every byte; raises a TransferError or WorkerStopping if that cannot be now."""
        link: Link | None = None
        dead_links = interruptions = 0
        while True:
            before = self.part.size
            if link is None or not link.is_fresh(self._clock()):
                link = self._fresh_link()
            try:
                return self._read_answer(link)
            except (LinkDead, TransferInterrupted) as error:
                if self.part.size > before:
                    dead_links = interruptions = 0
                if isinstance(error, LinkDead):
                    link, dead_links = None, dead_links + 1
                elif self.part.size <= before:
                    interruptions += 1
                if self._is_hopeless(dead_links, interruptions):
                    raise

    def _is_hopeless(self, dead_links: int, interruptions: int) -> bool:
        # A host that changes the file again and again moves bytes, but gets nowhere.
        return (
            dead_links >= self._limits.dead_links
            or max(interruptions, self._restarts) >= self._limits.interruptions
        )

    def _read_answer(self, link: Link) -> None:
        try:
            with self._open(link) as response:
                self._begin(response)
                if self._is_whole():
                    return
                self._copy(response)
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            # Their texts hold the link, so only the kind of error is told.
            raise TransferInterrupted(f"the connection broke ({type(error).__name__})") from None
        if self.total is not None and self.part.size != self.total:
            raise TransferInterrupted(f"{self.part.size:,} of {self.total:,} bytes came")

    def _open(self, link: Link) -> requests.Response:
        url = link.url
        for hop in range(_MOST_REDIRECTS + 1):
            try:
                destination = check_link(url, self._limits.allowed_hosts)
                response = ask_media(self._session, url, destination, self._range())
            except LinkRefused as error:
                if hop:
                    raise LinkDead(f"the link leads on to elsewhere: {error}") from None
                raise
            if response.status_code not in _REDIRECT:
                return response
            response.close()
            url = _joined(url, response.headers.get("Location", ""))
        raise LinkDead(f"the link redirects more than {_MOST_REDIRECTS} times")

    def _range(self) -> dict[str, str]:
        if not self.part.size:
            return {}
        wanted = {"Range": f"bytes={self.part.size}-"}
        return wanted | ({"If-Range": self.validator} if self.validator else {})

    def _begin(self, response: requests.Response) -> None:
        status = response.status_code
        if status in _DEAD:
            raise LinkDead(f"the media host answered {status}")
        if status == 416:
            self._unsatisfiable(response)
            return
        if status not in (200, 206):
            raise MediaBusy(
                f"the media host answered {status}",
                retry_after_seconds=headers.retry_after_seconds(response),
            )
        if headers.content_type(response) in _NOT_MEDIA:
            raise LinkDead("the media host sent a web page or an error message instead of media")
        if headers.is_encoded(response):
            raise MediaBroken("the media host sent a compressed body although none was asked for")
        if status == 206:
            self._continue(response)
        else:
            self._start_again(response)
        if self.total is not None:
            self._check_size(self.total)

    def _continue(self, response: requests.Response) -> None:
        first, total = headers.content_range(response)
        etag = headers.strong_etag(response)
        same = first == self.part.size and (self.total is None or total == self.total)
        if not same or (self.validator and etag and etag != self.validator):
            self._restart("the media host went on with another file")
        self.total, self.validator = total, etag or self.validator

    def _start_again(self, response: requests.Response) -> None:
        if self.part.size:
            self._throw_away()
        self.total = headers.content_length(response)
        self.validator = headers.strong_etag(response)

    def _unsatisfiable(self, response: requests.Response) -> None:
        _, total = headers.content_range(response)
        if total is None or total != self.part.size:
            self._restart("the media host says that the file ends before what is stored of it")
        self.total = total

    def _restart(self, why: str) -> NoReturn:
        self._throw_away()
        self.total = self.validator = None
        raise TransferInterrupted(why)

    def _throw_away(self) -> None:
        self._restarts += 1
        self.part.restart()

    def _is_whole(self) -> bool:
        return self.total is not None and self.part.size == self.total and self.part.size > 0

    def _check_size(self, total: int) -> None:
        if total > self._limits.max_bytes:
            raise TooLarge(
                f"the file has {total:,} bytes, "
                f"TRANSFER_MAX_BYTES allows {self._limits.max_bytes:,}"
            )
        self._check_space(total - self.part.size)

    def _copy(self, response: requests.Response) -> None:
        fewest = int(self._limits.slowest_bytes_per_second * self._limits.slow_seconds)
        guard = SpeedGuard(
            response.raw.shutdown,
            lambda: self.part.size,
            seconds=self._limits.slow_seconds,
            fewest_bytes=fewest,
        )
        try:
            with guard:
                self._read_pieces(response)
        except (requests.RequestException, urllib3.exceptions.HTTPError):
            if not guard.hung_up:
                raise
        if guard.hung_up and (self.total is None or self.part.size != self.total):
            raise TransferInterrupted("the media host sends too slowly")

    def _read_pieces(self, response: requests.Response) -> None:
        amount = LARGEST_PIECE_BYTES // 16
        while not self._stopping():
            began = self._clock()
            piece = response.raw.read(amount, decode_content=False)
            if not piece:
                return
            if not self.part.size and is_text(piece):
                raise LinkDead(
                    "the media host sent a web page or an error message instead of media"
                )
            self._keep(piece)
            amount = _next_amount(amount, (self._clock() - began).total_seconds())
        raise WorkerStopping("the worker stops; the transfer goes on where it is")

    def _keep(self, piece: bytes) -> None:
        synced = self.part.synced
        self.part.write(piece)
        if self.part.size > self._limits.max_bytes:
            self._check_size(self.part.size)
        if self.part.synced > synced:
            self._check_space(0)
        self._progress(self)


def _next_amount(amount: int, seconds: float) -> int:
    # Large pieces are fast; small ones keep the heartbeat going on a slow line.
    if seconds < 0.1:
        return min(amount * 2, LARGEST_PIECE_BYTES)
    return max(amount // 2, _SMALLEST_PIECE_BYTES) if seconds > 1 else amount


def _joined(url: str, location: str) -> str:
    try:
        return urljoin(url, location)
    except ValueError:
        raise LinkDead("the link leads on to what is no address") from None
