"""Bytes that are described rather than held: any slice of a file of any size, on demand."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

PIECE_BYTES = 256 * 1024
_INDEX_BYTES = 16


@dataclass(frozen=True, slots=True)
class Literal:
    """Bytes kept as they are."""

    octets: bytes

    @property
    def length(self) -> int:
        return len(self.octets)

    def slice(self, start: int, stop: int) -> bytes:
        return self.octets[start:stop]


@dataclass(frozen=True, slots=True)
class Blocks:
    """Blocks of one size that differ by their number: a resume at a wrong place is noticed."""

    head: bytes
    filler: bytes
    length: int

    def slice(self, start: int, stop: int) -> bytes:
        size = len(self.head) + _INDEX_BYTES + len(self.filler)
        first, last = start // size, (min(stop, self.length) - 1) // size
        octets = b"".join(
            b"%b%016x%b" % (self.head, index, self.filler) for index in range(first, last + 1)
        )
        offset = first * size
        return octets[start - offset : min(stop, self.length) - offset]


@dataclass(frozen=True, slots=True)
class Content:
    """One file as a row of parts."""

    parts: tuple[Literal | Blocks, ...]

    @property
    def length(self) -> int:
        return sum(part.length for part in self.parts)

    def pieces(self, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """Yield the bytes from start (inclusive) to stop (exclusive) in small pieces."""
        end = self.length if stop is None else stop
        base = 0
        for part in self.parts:
            low, high = max(start - base, 0), min(end - base, part.length)
            while low < high:
                upto = min(low + PIECE_BYTES, high)
                yield part.slice(low, upto)
                low = upto
            base += part.length

    def sha256(self) -> str:
        return _sha256(self)


@lru_cache(maxsize=256)
def _sha256(content: Content) -> str:
    digest = hashlib.sha256()
    for piece in content.pieces():
        digest.update(piece)
    return digest.hexdigest()


def seeded_bytes(seed: str, length: int) -> bytes:
    """Return bytes that look random and depend on nothing but the seed."""
    return hashlib.shake_256(seed.encode()).digest(length)
