"""A walk over the boxes of an MP4: whole, or cut somewhere, and how long it plays."""

import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from app.errors import MediaBroken

_LONGEST_WALK = 100_000
_MAY_BE_OPEN = (b"mdat", b"free", b"skip")


@dataclass(frozen=True, slots=True)
class Movie:
    """What the boxes of a whole MP4 tell; a fragmented one may not say how long it plays.

    Cut at the border of a fragment, or inside media data that say they go on to the end of the
    file, a movie would look as whole as before: then it does not prove its end.
    """

    duration_seconds: float | None
    proves_its_end: bool


def check_mp4(path: Path) -> Movie:
    """Raise MediaBroken unless the boxes end exactly at the end of the file, media data included.

    Reads a few bytes of each box, whatever the size of the file (ISO/IEC 14496-12, 4.2).
    """
    size = path.stat().st_size
    kinds: Counter[bytes] = Counter()
    is_open = False
    duration_seconds: float | None = None
    with path.open("rb") as file:
        offset = 0
        for _ in range(_LONGEST_WALK):
            if offset == size:
                break
            kind, length = _box(file.fileno(), offset, size)
            kinds[kind] += 1
            is_open = is_open or not any(os.pread(file.fileno(), 4, offset))
            if kind == b"moov":
                duration_seconds = _duration_seconds(file.fileno(), offset, offset + length)
            offset += length
    if offset != size:
        raise MediaBroken("the MP4's boxes do not end with the file")
    if missing := {b"ftyp", b"moov", b"mdat"} - kinds.keys():
        name = sorted(missing)[0].decode()
        raise MediaBroken(f"the MP4 has no {name!r} box, so no player could open it")
    is_one_piece = kinds[b"mdat"] == 1 and not kinds[b"moof"]
    return Movie(duration_seconds, proves_its_end=is_one_piece and not is_open)


def _box(descriptor: int, offset: int, size: int) -> tuple[bytes, int]:
    header = os.pread(descriptor, 16, offset)
    if len(header) < 8:
        raise MediaBroken(f"the MP4 ends inside a box header at byte {offset:,}")
    length, kind, smallest = int.from_bytes(header[:4], "big"), header[4:8], 8
    if length == 1:
        length, smallest = int.from_bytes(header[8:16], "big"), 16
    elif length == 0 and kind in _MAY_BE_OPEN:
        length = size - offset
    # Zeros, as a crash may leave them at the end of a file, would read as a box up to the end.
    if length < smallest or not all(32 <= byte < 127 for byte in kind):
        raise MediaBroken(f"the MP4 has a broken box at byte {offset:,}")
    if offset + length > size:
        raise MediaBroken(
            f"the MP4 is cut: a {kind.decode()!r} box at byte {offset:,} says {length:,} bytes, "
            f"{size - offset:,} are there"
        )
    return kind, length


def _duration_seconds(descriptor: int, moov: int, end: int) -> float | None:
    """What the movie header says; it is the first box inside ``moov`` (8.2.2)."""
    header = os.pread(descriptor, min(48, end - moov - 8), moov + 8)
    if header[4:8] != b"mvhd" or len(header) < 40:
        return None
    is_wide = header[8] == 1
    scale, duration = (28, slice(32, 40)) if is_wide else (20, slice(24, 28))
    per_second = int.from_bytes(header[scale : scale + 4], "big")
    units = header[duration]
    # All ones, as in a fragmented movie, mean that it does not say.
    if not per_second or not any(units) or set(units) == {255}:
        return None
    return int.from_bytes(units, "big") / per_second
