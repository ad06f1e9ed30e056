"""A walk over the top-level boxes of an MP4: whole, or cut somewhere."""

import os
from pathlib import Path

from app.errors import MediaBroken

_LONGEST_WALK = 100_000


def check_mp4(path: Path) -> None:
    """Raise MediaBroken unless the boxes end exactly at the end of the file, media data included.

    Reads a few bytes of each box, whatever the size of the file (ISO/IEC 14496-12, 4.2).
    """
    size = path.stat().st_size
    kinds: set[bytes] = set()
    with path.open("rb") as file:
        offset = 0
        for _ in range(_LONGEST_WALK):
            if offset == size:
                break
            kind, length = _box(file.fileno(), offset, size)
            kinds.add(kind)
            offset += length
    if offset != size:
        raise MediaBroken("the MP4's boxes do not end with the file")
    if missing := {b"ftyp", b"moov", b"mdat"} - kinds:
        name = sorted(missing)[0].decode()
        raise MediaBroken(f"the MP4 has no {name!r} box, so no player could open it")


def _box(descriptor: int, offset: int, size: int) -> tuple[bytes, int]:
    header = os.pread(descriptor, 16, offset)
    if len(header) < 8:
        raise MediaBroken(f"the MP4 ends inside a box header at byte {offset:,}")
    length, kind, smallest = int.from_bytes(header[:4], "big"), header[4:8], 8
    if length == 1:
        length, smallest = int.from_bytes(header[8:16], "big"), 16
    elif length == 0:
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
