"""A walk over the frames of an MP3: whole, or cut somewhere, and how long it plays."""

import os
from functools import lru_cache
from pathlib import Path

from app.errors import MediaBroken

_BITRATES_V1 = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0)
_BITRATES_V2 = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0)
_RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}
_ENDING_TAGS = (b"TAG", b"APETAGEX", b"LYRICSBEGIN")
_LONGEST_TAG = 16
_WINDOW_BYTES = 1024**2


def check_mp3(path: Path) -> float | None:
    """Raise MediaBroken unless the last frame of a Layer III file ends with the file.

    Tags before and after the frames are passed over; a free-format file cannot be walked and
    is accepted as it is (ISO/IEC 11172-3, 2.4.2.3). Returns how many seconds the frames play.
    """
    size, seconds = path.stat().st_size, 0.0
    with path.open("rb", buffering=0) as file:
        offset = begin = _after_id3(file.read(10))
        window = b""
        while offset < size:
            if offset - begin + _LONGEST_TAG > len(window):
                begin, window = offset, os.pread(file.fileno(), _WINDOW_BYTES, offset)
            place = offset - begin
            if window.startswith(_ENDING_TAGS, place):
                return seconds
            length, plays = _frame(window[place : place + 4])
            if length < 0:
                raise MediaBroken(f"the MP3 has something that is no frame at byte {offset:,}")
            if length == 0:
                return None
            offset += length
            seconds += plays
    if offset != size:
        raise MediaBroken(f"the MP3 is cut: its last frame ends at byte {offset:,} of {size:,}")
    return seconds


def _after_id3(start: bytes) -> int:
    if not start.startswith(b"ID3") or len(start) < 10:
        return 0
    # Seven bits of each byte count.
    length = sum(
        (byte & 0x7F) << shift for byte, shift in zip(start[6:10], (21, 14, 7, 0), strict=True)
    )
    return 10 + length


# An hour has 138,000 frames, and few kinds of them.
@lru_cache(maxsize=4096)
def _frame(header: bytes) -> tuple[int, float]:
    """Bytes and seconds of a frame; 0 bytes for free format, -1 for what is no Layer III."""
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE0 != 0xE0:
        return -1, 0
    version, layer = header[1] >> 3 & 3, header[1] >> 1 & 3
    rate, bitrate = header[2] >> 2 & 3, header[2] >> 4
    if layer != 1 or version == 1 or rate == 3 or bitrate == 15:
        return -1, 0
    first = version == 3
    kilobits = (_BITRATES_V1 if first else _BITRATES_V2)[bitrate]
    if not kilobits:
        return 0, 0
    per_second, padding = _RATES[version][rate], header[2] >> 1 & 1
    length = (144 if first else 72) * kilobits * 1000 // per_second + padding
    return length, (1152 if first else 576) / per_second
