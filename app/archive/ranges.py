"""Several ranges of one large file at once; what counts is the unbroken beginning."""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass

import requests

from app.archive import headers
from app.archive.media import read_piece
from app.archive.resume import Resume
from app.errors import TransferInterrupted

SEGMENT_BYTES = 16 * 1024**2
"""What one request brings; as many of them are under way as ranges are allowed."""

OVERLAP_BYTES = 4096
"""How much of what comes before a segment is fetched with it, and compared."""

_PIECE_BYTES = 1024**2
OpenRange = Callable[[int, int], AbstractContextManager[requests.Response]]


class Ranges:
    """Fetches segments side by side and counts them in their order.

    So an attempt that dies leaves a beginning without holes, as a single stream would; what
    had come out of turn is fetched again. Only for a file with a strong ETag, which makes all
    the answers parts of the same file; that they are of the right places is seen where they meet.
    """

    def __init__(self, resume: Resume, open_range: OpenRange, *, check: Callable[[], None]) -> None:
        self._resume = resume
        self._open_range = open_range
        self._check = check
        self._came: dict[int, int] = {}
        self._is_over = False

    @property
    def ahead(self) -> int:
        """How many bytes have come that do not count yet."""
        counted = self._resume.part.size
        return sum(
            max(0, first + came - max(first, counted)) for first, came in tuple(self._came.items())
        )

    def run(self, *, at_once: int, hang_up: Callable[[], None]) -> None:
        """Bring all the rest; raises what the first segment to fail raised."""
        total = self._resume.total or 0
        firsts = deque(range(self._resume.part.size, total, SEGMENT_BYTES))
        with ThreadPoolExecutor(at_once, thread_name_prefix="range") as pool:
            under_way: deque[Future[_Segment]] = deque()
            try:
                while firsts or under_way:
                    while firsts and len(under_way) < at_once:
                        under_way.append(pool.submit(self._fetch, firsts.popleft(), total))
                    self._count(under_way.popleft().result())
                    self._check()
            finally:
                self._is_over = True
                for fetch in under_way:
                    fetch.cancel()
                hang_up()

    def _count(self, segment: "_Segment") -> None:
        part = self._resume.part
        if part.tail(len(segment.before)) != segment.before:
            self._resume.restart("the media host answered a range with bytes of another place")
        first = part.size
        part.extend(segment.end)
        del self._came[first]

    def _fetch(self, first: int, total: int) -> "_Segment":
        """Write one segment into its place."""
        end = min(first + SEGMENT_BYTES, total)
        begin = first - min(OVERLAP_BYTES, first)
        self._came[first] = 0
        with self._open_range(begin, end - 1) as response:
            self._check_answer(response, begin, total)
            before = read_piece(response, first - begin) if first else b""
            while not self._is_over and first + self._came[first] < end:
                place = first + self._came[first]
                # Never a byte more: it could be anything, and nobody would write over it.
                piece = read_piece(response, min(_PIECE_BYTES, end - place))
                if not piece:
                    break
                self._resume.part.write_at(place, piece)
                self._came[first] += len(piece)
        if first + self._came[first] != end:
            raise TransferInterrupted(f"a range ended after {self._came[first]:,} bytes")
        return _Segment(end, before)

    def _check_answer(self, response: requests.Response, begin: int, total: int) -> None:
        told = (*headers.content_range(response), headers.strong_etag(response))
        same = told == (begin, total, self._resume.validator)
        if response.status_code != 206 or not same:
            raise TransferInterrupted("the media host answered a range with something else")


@dataclass(frozen=True, slots=True)
class _Segment:
    """Where a segment ends, and the bytes before it, which another one has brought as well."""

    end: int
    before: bytes
