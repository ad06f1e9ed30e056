"""The transfer: streams one file from a media host into a part file, and cannot lie about it.

It knows nothing of Celery or the database: it is handed a way to get a fresh link, a part to
write into, and callbacks. What happens to an answer:

    200, 206          goes on (a 206 must continue the same file, a 200 starts again)
    401 403 404 410, a web page, JSON, a redirect to elsewhere
                      the link is dead: a new link, same offset, three times without progress
    416               the part is whole, or it is thrown away once
    408 425 429 5xx   MediaBusy: the work waits in the database, not here
    a lost connection tried again while bytes move, else TransferInterrupted
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NoReturn
from urllib.parse import urljoin

import requests
import urllib3
from requests.utils import get_environ_proxies

from app.archive.links import check_link, check_peer
from app.archive.part import Part
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
_TIMEOUT_SECONDS = (10, 30)
_CONTENT_RANGE = re.compile(r"bytes (?:(\d+)-\d+|\*)/(\d+|\*)")


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
    """What a transfer may do: which hosts, how many bytes, how often without progress."""

    allowed_hosts: tuple[str, ...]
    max_bytes: int
    dead_links: int = 3
    interruptions: int = 3


def media_session() -> requests.Session:
    """A session without any credentials: the ticket in the link is all that a media host wants."""
    session = requests.Session()
    # An auth of our own keeps requests from looking for credentials in ~/.netrc.
    session.auth = lambda request: request
    session.headers = requests.structures.CaseInsensitiveDict(
        {"Accept": "*/*", "Accept-Encoding": "identity", "User-Agent": "webex-ingest"}
    )
    return session


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
            except LinkDead:
                dead_links = 1 if self.part.size > before else dead_links + 1
                link = None
                if dead_links >= self._limits.dead_links:
                    raise
            except TransferInterrupted:
                moved = self.part.size > before
                interruptions = 0 if moved else interruptions + 1
                if not moved and interruptions >= self._limits.interruptions:
                    raise

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
            except LinkRefused as error:
                if hop:
                    raise LinkDead(f"the link leads on to elsewhere: {error}") from None
                raise
            response = self._session.get(
                url,
                headers=self._range(),
                stream=True,
                allow_redirects=False,
                timeout=_TIMEOUT_SECONDS,
            )
            if not get_environ_proxies(url):
                check_peer(_peer_address(response), destination)
            if response.status_code not in _REDIRECT:
                return response
            response.close()
            url = urljoin(url, response.headers.get("Location", ""))
        raise LinkDead(f"the link redirects more than {_MOST_REDIRECTS} times")

    def _range(self) -> dict[str, str]:
        if not self.part.size:
            return {}
        headers = {"Range": f"bytes={self.part.size}-"}
        return headers | ({"If-Range": self.validator} if self.validator else {})

    def _begin(self, response: requests.Response) -> None:
        status = response.status_code
        if status in _DEAD:
            raise LinkDead(f"the media host answered {status}")
        if status == 416:
            self._unsatisfiable(response)
            return
        if status not in (200, 206):
            _refused(response)
        if response.headers.get("Content-Type", "").split(";")[0].strip().lower() in _NOT_MEDIA:
            raise LinkDead("the media host sent a web page or an error message instead of media")
        if response.headers.get("Content-Encoding", "identity") != "identity":
            raise MediaBroken("the media host sent a compressed body although none was asked for")
        if status == 206:
            self._continue(response)
        else:
            self._start_again(response)
        if self.total is not None:
            self._check_size(self.total)

    def _continue(self, response: requests.Response) -> None:
        first, total = _content_range(response)
        etag = _strong_etag(response)
        same = first == self.part.size and (self.total is None or total == self.total)
        if not same or (self.validator and etag and etag != self.validator):
            self._restart("the media host went on with another file")
        self.total, self.validator = total, etag or self.validator

    def _start_again(self, response: requests.Response) -> None:
        if self.part.size:
            self.part.restart()
        length = response.headers.get("Content-Length", "")
        self.total = int(length) if length.isdecimal() else None
        self.validator = _strong_etag(response)

    def _unsatisfiable(self, response: requests.Response) -> None:
        _, total = _content_range(response)
        if total is None or total != self.part.size:
            self._restart("the media host says that the file ends before what is stored of it")
        self.total = total

    def _restart(self, why: str) -> NoReturn:
        self.part.restart()
        self.total = self.validator = None
        raise TransferInterrupted(why)

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
        amount = LARGEST_PIECE_BYTES // 16
        while not self._stopping():
            began = self._clock()
            piece = response.raw.read(amount, decode_content=False)
            if not piece:
                return
            if not self.part.size and piece.lstrip()[:1] in (b"<", b"{"):
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


def _refused(response: requests.Response) -> NoReturn:
    wait = response.headers.get("Retry-After", "")
    raise MediaBusy(
        f"the media host answered {response.status_code}",
        retry_after_seconds=float(wait) if wait.isdecimal() else None,
    )


def _content_range(response: requests.Response) -> tuple[int | None, int | None]:
    """The first byte of the answer and the size of the whole file, where they are told."""
    match = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", "").strip())
    first, total = match.groups() if match else (None, None)
    return int(first) if first else None, int(total) if total and total != "*" else None


def _strong_etag(response: requests.Response) -> str | None:
    etag = response.headers.get("ETag")
    return etag if etag and etag.startswith('"') else None


def _peer_address(response: requests.Response) -> str:
    connection = response.raw.connection
    if connection is None or connection.sock is None:
        raise TransferInterrupted("the media host closed the connection at once")
    return str(connection.sock.getpeername()[0])
