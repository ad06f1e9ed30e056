"""MP4 files to be served: as whole as the product wants them, of any size."""

import os
from pathlib import Path

_PIECE_BYTES = 1024**2
_SCALE = 1000


def write_mp4(place: Path, size: int, *, sparse: bool = False) -> None:
    """Write an MP4 of exactly ``size`` bytes, of random media data or of a hole."""
    head = _head(size)
    with place.open("wb") as file:
        file.write(head)
        if sparse:
            file.truncate(size)
            return
        left = size - len(head)
        while left:
            left -= file.write(os.urandom(min(left, _PIECE_BYTES)))


def _head(size: int) -> bytes:
    kind = _box(b"ftyp", b"isom" + bytes(4) + b"isom")
    movie = _box(b"moov", _box(b"mvhd", _movie_header()))
    rest = size - len(kind) - len(movie)
    # A length of 1 announces one of eight bytes (ISO/IEC 14496-12, 4.2).
    return kind + movie + (1).to_bytes(4, "big") + b"mdat" + rest.to_bytes(8, "big")


def _movie_header() -> bytes:
    """Version 0: two times, units to the second, one second of length, and the rest."""
    return bytes(12) + _SCALE.to_bytes(4, "big") * 2 + bytes(80)


def _box(kind: bytes, content: bytes) -> bytes:
    return (8 + len(content)).to_bytes(4, "big") + kind + content
