"""MP3 files of silence: MPEG-1 Layer III frames of 36 ms, numbered where decoders do not look."""

import math
import struct
from functools import lru_cache

from simulator.content import Blocks, Content, Literal

FRAME_BYTES = 144
FRAME_SECONDS = 0.036
# Sync, MPEG-1, Layer III, no CRC; 32 kbit/s at 32 kHz, mono: 144 * 32000 / 32000 bytes a frame.
_HEADER = bytes([0xFF, 0xFB, 0x18, 0xC4])
# No main data at all, so the decoder makes silence and takes the rest for ancillary data.
_SIDE_INFORMATION = bytes(17)


@lru_cache(maxsize=64)
def audio(seed: str, duration_seconds: int) -> Content:
    """Return silence of that duration; the seed stands in the title tag and in every frame."""
    frames = max(1, math.ceil(duration_seconds / FRAME_SECONDS))
    head = _HEADER + _SIDE_INFORMATION
    room = FRAME_BYTES - len(head) - 16
    filler = seed.encode("ascii", "replace").ljust(room, b".")[:room]
    return Content((Literal(_title_tag(seed)), Blocks(head, filler, length=frames * FRAME_BYTES)))


def _title_tag(title: str) -> bytes:
    text = b"\x03" + title.encode()
    frame = b"TIT2" + _synchsafe(len(text)) + bytes(2) + text
    return b"ID3" + bytes([4, 0, 0]) + _synchsafe(len(frame)) + frame


def _synchsafe(size: int) -> bytes:
    return struct.pack(">4B", *((size >> shift) & 0x7F for shift in (21, 14, 7, 0)))
