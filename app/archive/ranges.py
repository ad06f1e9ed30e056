"""Several ranges of one large file at once; what counts is the unbroken beginning."""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager

import requests

from app.archive import headers
from app.archive.resume import Resume
from app.errors import TransferInterrupted

SEGMENT_BYTES = 16 * 1024**2
"""What one request brings; as many of them are under way as ranges are allowed."""

_PIECE_BYTES = 1024**2
OpenRange = Callable[[int, int], AbstractContextManager[requests.Response]]


class Ranges:
    """Fetches segments side by side and counts them in their order.

    So an attempt that dies leaves a beginning without holes, as a single stream would; what
    had come out of turn is fetched again. Only for a file with a strong ETag: it is what makes
    all the answers parts of the same file.
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
        return sum(tuple(self._came.values()))

    def run(self, total: int, *, at_once: int, hang_up: Callable[[], None]) -> None:
        """Bring everything up to ``total``; raises what the first segment to fail raised."""
        part = self._resume.part
        firsts = deque(range(part.size, total, SEGMENT_BYTES))
        with ThreadPoolExecutor(at_once, thread_name_prefix="range") as pool:
            under_way: deque[Future[int]] = deque()
            try:
                while firsts or under_way:
                    while firsts and len(under_way) < at_once:
                        under_way.append(pool.submit(self._fetch, firsts.popleft(), total))
                    end = under_way.popleft().result()
                    self._came.pop(part.size)
                    part.extend(end)
                    self._check()
            finally:
                self._is_over = True
                for fetch in under_way:
                    fetch.cancel()
                hang_up()

    def _fetch(self, first: int, total: int) -> int:
        """Write one segment into its place; where it ends."""
        last = min(first + SEGMENT_BYTES, total) - 1
        self._came[first] = 0
        with self._open_range(first, last) as response:
            self._check_answer(response, first, total)
            while not self._is_over and self._came[first] <= last - first:
                piece = response.raw.read(_PIECE_BYTES, decode_content=False)
                if not piece:
                    break
                self._resume.part.write_at(first + self._came[first], piece)
                self._came[first] += len(piece)
        if self._came[first] != last - first + 1:
            raise TransferInterrupted(f"a range ended after {self._came[first]:,} bytes")
        return last + 1

    def _check_answer(self, response: requests.Response, first: int, total: int) -> None:
        told = (*headers.content_range(response), headers.strong_etag(response))
        same = told == (first, total, self._resume.validator)
        if response.status_code != 206 or not same:
            raise TransferInterrupted("the media host answered a range with something else")
