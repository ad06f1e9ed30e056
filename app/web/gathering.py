"""One HTTP request, gathered piece by piece until it is whole; what it says is read elsewhere."""

import re

from app.ingestion.events import MOST_BODY_BYTES

_MOST_HEAD_BYTES = 64 * 1024
_MOST_FRAMED_BYTES = 8 * MOST_BODY_BYTES
"""Of a body in chunks, with what stands between them; one byte a chunk needs six."""

_LENGTH = re.compile(rb"\r\ncontent-length:([^\r\n]*)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding:", re.IGNORECASE)
_NUMBER = re.compile(rb"[ \t]*0*([0-9]{1,18})[ \t]*")
_CHUNK_SIZE = re.compile(rb"0*([0-9a-fA-F]{1,15})[ \t]*(;.*)?")
_EXPECT = re.compile(rb"\r\nexpect:[ \t]*100-continue[ \t]*(?=\r\n)", re.IGNORECASE)


class Gathering:
    """Bytes of a connection up to the end of a request.

    Only says when a thread can read the request without waiting. Nothing is refused here but
    what has no end that could be seen; of a body one byte more than the door takes is enough to
    refuse it.
    """

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._begin()

    def _begin(self) -> None:
        self._looked_to = 0
        self._body_at = 0
        self._length: int | None = None
        self._decoded = self._before = 0
        self._is_malformed = False

    @property
    def has_bytes(self) -> bool:
        """Whether anything has come."""
        return bool(self._bytes)

    @property
    def is_too_long(self) -> bool:
        """Whether the head does not end where every honest one does."""
        return not self._body_at and len(self._bytes) > _MOST_HEAD_BYTES

    @property
    def is_malformed(self) -> bool:
        """Whether nobody can say where the body ends."""
        return self._is_malformed

    @property
    def is_cut(self) -> bool:
        """Whether the body is longer than is waited for: what follows is the rest of it."""
        return self._body_at > 0 and self._came() > MOST_BODY_BYTES

    @property
    def is_whole(self) -> bool:
        """Whether nothing more has to be waited for."""
        if not self._body_at and not self._find_head():
            return False
        if self._is_malformed:
            return False
        if self._length is None and self._last_chunk_has_come():
            return True
        if self._length is not None and len(self._bytes) - self._body_at >= self._length:
            return True
        return self.is_cut

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
        if _CHUNKED.search(self._bytes, 0, end + 2) is None:
            self._length = self._told_length(_LENGTH.findall(self._bytes, 0, end + 2))
        return True

    def _told_length(self, told: list[bytes]) -> int:
        numbers = [_NUMBER.fullmatch(each) for each in told]
        self._is_malformed = len(told) > 1 or None in numbers
        first = numbers[0] if numbers else None
        return int(first[1]) if first else 0

    def _came(self) -> int:
        """How many bytes of the body have come, without what stands between its chunks."""
        if self._length is not None:
            return len(self._bytes) - self._body_at
        return self._decoded

    def _last_chunk_has_come(self) -> bool:
        while (end := self._bytes.find(b"\r\n", self._looked_to)) >= 0:
            told = _CHUNK_SIZE.fullmatch(self._bytes, self._looked_to, end)
            if told is None:
                self._is_malformed = True
                return False
            size = int(told[1], 16)
            if size == 0:
                return self._bytes.find(b"\r\n\r\n", end) >= 0
            if end + 2 + size + 2 > len(self._bytes):
                # Of a chunk that is under way what has come counts as well.
                self._decoded = self._before + len(self._bytes) - end - 2
                break
            self._looked_to = end + 2 + size + 2
            self._before = self._decoded = self._before + size
        if len(self._bytes) - self._body_at > _MOST_FRAMED_BYTES:
            self._is_malformed = not self.is_cut
        return False
