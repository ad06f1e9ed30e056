"""One HTTP request, gathered piece by piece until it is whole; what it says is read elsewhere."""

import re

from app.ingestion.events import MOST_BODY_BYTES

_MOST_HEAD_BYTES = 64 * 1024
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,18})[ \t]*\r\n", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding:", re.IGNORECASE)
_CHUNK_SIZE = re.compile(rb"[0-9a-fA-F]{1,16}")
_EXPECT = re.compile(rb"\r\nexpect:[ \t]*100-continue[ \t]*(?=\r\n)", re.IGNORECASE)


class Gathering:
    """Bytes of a connection up to the end of a request.

    Only says when a thread can read the request without waiting. Nothing is refused here but
    a head without an end; of a body one byte more than the door takes is enough to refuse it.
    """

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._begin()

    def _begin(self) -> None:
        self._looked_to = 0
        self._body_at = 0
        self._length: int | None = None

    @property
    def has_bytes(self) -> bool:
        """Whether anything has come."""
        return bool(self._bytes)

    @property
    def is_too_long(self) -> bool:
        """Whether the head does not end where every honest one does."""
        return not self._body_at and len(self._bytes) > _MOST_HEAD_BYTES

    @property
    def is_whole(self) -> bool:
        """Whether nothing more has to be waited for."""
        if not self._body_at and not self._find_head():
            return False
        if len(self._bytes) - self._body_at > MOST_BODY_BYTES:
            return True
        if self._length is not None:
            return len(self._bytes) - self._body_at >= self._length
        return self._last_chunk_has_come()

    def add(self, received: bytes) -> None:
        """Take what has come."""
        self._bytes += received

    def take(self) -> bytes:
        """Hand over everything, and begin with the next request."""
        whole = bytes(self._bytes)
        self._bytes.clear()
        self._begin()
        return whole

    def wants_continue(self) -> bool:
        """Whether the client waits for a word before it sends the body; true only once."""
        found = _EXPECT.search(self._bytes, 0, self._body_at) if self._body_at else None
        if found is None:
            return False
        # It is said now, so gunicorn must not say it again.
        del self._bytes[found.start() : found.end()]
        self._body_at -= found.end() - found.start()
        self._looked_to = self._body_at
        return True

    def _find_head(self) -> bool:
        end = self._bytes.find(b"\r\n\r\n", max(0, self._looked_to - 3))
        self._looked_to = len(self._bytes)
        if end < 0:
            return False
        self._body_at = self._looked_to = end + 4
        length = _LENGTH.search(self._bytes, 0, end + 2)
        if _CHUNKED.search(self._bytes, 0, end + 2) is None:
            self._length = int(length[1]) if length else 0
        return True

    def _last_chunk_has_come(self) -> bool:
        while (end := self._bytes.find(b"\r\n", self._looked_to)) >= 0:
            told = _CHUNK_SIZE.match(self._bytes, self._looked_to, end)
            if told is None:
                return True
            size = int(told[0], 16)
            if size == 0:
                return self._bytes.find(b"\r\n\r\n", end) >= 0
            if end + 2 + size + 2 > len(self._bytes):
                return False
            self._looked_to = end + 2 + size + 2
        return False
