"""A walk over the frames of an MP3: whole, or cut somewhere, and how long it plays."""

from pathlib import Path

from app.errors import MediaBroken

_BITRATES_V1 = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0)
_BITRATES_V2 = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0)
_RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}
_ENDING_TAGS = (b"TAG", b"APETAGEX", b"LYRICSBEGIN")
_READ_BYTES = 1024**2


def check_mp3(path: Path) -> float | None:
    """Raise MediaBroken unless the last frame of a Layer III file ends with the file.

    Tags before and after the frames are passed over; a free-format file cannot be walked and
    is accepted as it is (ISO/IEC 11172-3, 2.4.2.3). Returns how many seconds the frames play.
    """
    seconds = 0.0
    size = path.stat().st_size
    with path.open("rb", buffering=_READ_BYTES) as file:
        offset = _after_id3(file.read(10))
        while offset < size:
            file.seek(offset)
            header = file.read(16)
            if header.startswith(_ENDING_TAGS):
                return seconds
            length = _frame_bytes(header)
            if length is None:
                raise MediaBroken(f"the MP3 has something that is no frame at byte {offset:,}")
            if length == 0:
                return None
            offset += length
            seconds += _frame_seconds(header)
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


def _frame_bytes(header: bytes) -> int | None:
    """The length of a frame; 0 for free format, None for what is no frame of Layer III."""
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE0 != 0xE0:
        return None
    version, layer = header[1] >> 3 & 3, header[1] >> 1 & 3
    rate, bitrate = header[2] >> 2 & 3, header[2] >> 4
    if layer != 1 or version == 1 or rate == 3 or bitrate == 15:
        return None
    first = version == 3
    kilobits = (_BITRATES_V1 if first else _BITRATES_V2)[bitrate]
    if not kilobits:
        return 0
    padding = header[2] >> 1 & 1
    return (144 if first else 72) * kilobits * 1000 // _RATES[version][rate] + padding


def _frame_seconds(header: bytes) -> float:
    version = header[1] >> 3 & 3
    return (1152 if version == 3 else 576) / _RATES[version][header[2] >> 2 & 3]
