"""One HTTP request, gathered piece by piece until it is whole; what it says is read elsewhere."""

import re

from app.ingestion.events import MOST_BODY_BYTES

_MOST_HEAD_BYTES = 64 * 1024
_MOST_CHUNKS = 1024
_MOST_FRAMED_BYTES = 2 * MOST_BODY_BYTES
"""Of a body in chunks, with all that stands between and behind them."""

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
        self.is_whole = False
        """Whether nothing more has to be waited for."""
        self.is_cut = False
        """Whether the body is longer than is waited for: what follows is the rest of it."""
        self.is_malformed = False
        """Whether nobody can say where the body ends."""
        self._looked_to = 0
        self._body_at = 0
        self._length: int | None = None
        self._chunks = self._chunked_bytes = 0

    @property
    def has_bytes(self) -> bool:
        """Whether anything has come."""
        return bool(self._bytes)

    @property
    def is_too_long(self) -> bool:
        """Whether the head does not end where every honest one does."""
        return not self._body_at and len(self._bytes) > _MOST_HEAD_BYTES

    @property
    def path(self) -> str:
        """What the request is for, as it was written; empty where that is no request."""
        words = self._bytes[: self._body_at].split(b" ", 2)
        return words[1].partition(b"?")[0].decode("latin-1") if len(words) == 3 else ""

    def add(self, received: bytes) -> None:
        """Take what has come, and look whether it is all."""
        self._bytes += received
        if not self._body_at and not self._find_head():
            return
        if self._length is None:
            self._look_at_chunks()
        else:
            came = len(self._bytes) - self._body_at
            self.is_cut = came > MOST_BODY_BYTES
            self.is_whole = came >= self._length or self.is_cut
        self.is_whole = self.is_whole and not self.is_malformed

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
        self._chunks = self._chunked_bytes = 0
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
        self.is_malformed = len(told) > 1 or None in numbers
        first = numbers[0] if numbers else None
        return int(first[1]) if first else 0

    def _look_at_chunks(self) -> None:
        """Go on from the last whole chunk; one that is under way counts with what has come."""
        under_way = 0
        while (end := self._bytes.find(b"\r\n", self._looked_to)) >= 0:
            told = _CHUNK_SIZE.fullmatch(self._bytes, self._looked_to, end)
            self._chunks += 1
            if told is None or self._chunks > _MOST_CHUNKS:
                self.is_malformed = True
                return
            size = int(told[1], 16)
            if size == 0:
                self.is_whole = self._bytes.find(b"\r\n\r\n", end) >= 0
                self._chunks -= 1
                break
            after = end + 2 + size + 2
            if after > len(self._bytes):
                under_way = len(self._bytes) - end - 2
                self._chunks -= 1
                break
            self._looked_to = after
            self._chunked_bytes += size
        self.is_cut = self._chunked_bytes + under_way > MOST_BODY_BYTES
        self.is_whole = self.is_whole or self.is_cut
        framed = len(self._bytes) - self._body_at
        self.is_malformed = not self.is_whole and framed > _MOST_FRAMED_BYTES
