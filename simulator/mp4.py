"""MP4 files of any wanted size: our H.264 frames in an ISO base media file, then a `free` box."""

import struct
from functools import lru_cache

from simulator import h264
from simulator.content import Blocks, Content, Literal, seeded_bytes

MINIMUM_BYTES = 8 * 1024
_TIMESCALE = 1000
_MOST_FRAMES = 60
_KEY_FRAME_EVERY = 10
_MATRIX = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
_FILLER_BYTES = 16 * 1024 - 16


class TooSmallError(ValueError):
    """The wanted size has no room for a playable video."""


@lru_cache(maxsize=64)
def video(seed: str, duration_seconds: int, total_bytes: int) -> Content:
    """Return a playable video of that duration and size; the seed makes its bytes unique."""
    if total_bytes < MINIMUM_BYTES:
        raise TooSmallError(f"A playable video needs at least {MINIMUM_BYTES} bytes.")
    parts = _movie(seed, duration_seconds, key_frames=True)
    if len(parts) + 16 > total_bytes:
        parts = _movie(seed, duration_seconds, key_frames=False)
    padding_bytes = total_bytes - len(parts)
    head = _free_head(padding_bytes)
    filler = seeded_bytes(seed, _FILLER_BYTES)
    return Content(
        (Literal(parts + head), Blocks(b"", filler, length=padding_bytes - len(head))),
    )


def _movie(seed: str, duration_seconds: int, *, key_frames: bool) -> bytes:
    frames = max(1, min(duration_seconds, _MOST_FRAMES))
    every = _KEY_FRAME_EVERY if key_frames else frames
    samples = [_sample(seed, number, every) for number in range(frames)]
    keys = list(range(1, frames + 1, every))
    kind = _box(b"ftyp", b"isom", struct.pack(">I", 512), b"isomiso2avc1mp41")
    media = _box(b"mdat", *samples)
    # The chunk offset depends on the length of moov, and the length of moov not on the offset.
    first = _movie_box(samples, keys, duration_seconds, chunk_offset=0)
    moov = _movie_box(samples, keys, duration_seconds, chunk_offset=len(kind) + len(first) + 8)
    return kind + moov + media


def _sample(seed: str, number: int, every: int) -> bytes:
    if number % every == 0:
        unit = h264.key_frame(seed, number // every)
    else:
        unit = h264.repeated_frame(number % every)
    return struct.pack(">I", len(unit)) + unit


def _movie_box(samples: list[bytes], keys: list[int], seconds: int, *, chunk_offset: int) -> bytes:
    duration = max(1, seconds) * _TIMESCALE
    header = struct.pack(">4IIH10x", 0, 0, _TIMESCALE, duration, 0x10000, 0x100)
    movie_header = _full_box(b"mvhd", 0, header, _MATRIX, bytes(24), struct.pack(">I", 2))
    track_header = _full_box(
        b"tkhd",
        3,
        struct.pack(">5I", 0, 0, 1, 0, duration),
        bytes(16),
        _MATRIX,
        struct.pack(">2I", h264.WIDTH << 16, h264.HEIGHT << 16),
    )
    table = _sample_table(samples, keys, duration, chunk_offset)
    reference = _full_box(b"dref", 0, struct.pack(">I", 1), _full_box(b"url ", 1))
    information = _box(b"minf", _full_box(b"vmhd", 1, bytes(8)), _box(b"dinf", reference), table)
    media = _box(
        b"mdia",
        _full_box(b"mdhd", 0, struct.pack(">4I2H", 0, 0, _TIMESCALE, duration, 0x55C4, 0)),
        _full_box(b"hdlr", 0, bytes(4), b"vide", bytes(12), b"VideoHandler\0"),
        information,
    )
    return _box(b"moov", movie_header, _box(b"trak", track_header, media))


def _sample_table(samples: list[bytes], keys: list[int], duration: int, chunk: int) -> bytes:
    count = len(samples)
    each, left = divmod(duration, count)
    times = [(count - 1, each), (1, each + left)] if count > 1 else [(1, duration)]
    return _box(
        b"stbl",
        _full_box(b"stsd", 0, struct.pack(">I", 1), _sample_description()),
        _full_box(
            b"stts", 0, struct.pack(">I", len(times)), *(struct.pack(">2I", *t) for t in times)
        ),
        _full_box(b"stss", 0, struct.pack(f">{len(keys) + 1}I", len(keys), *keys)),
        _full_box(b"stsc", 0, struct.pack(">4I", 1, 1, count, 1)),
        _full_box(b"stsz", 0, struct.pack(f">{count + 2}I", 0, count, *map(len, samples))),
        _full_box(b"stco", 0, struct.pack(">2I", 1, chunk)),
    )


def _sample_description() -> bytes:
    sequence, picture = h264.sequence_parameter_set(), h264.picture_parameter_set()
    configuration = _box(
        b"avcC",
        bytes([1]),
        sequence[1:4],  # profile, constraints, level
        bytes([0xFF, 0xE1]),  # four-byte lengths, one sequence parameter set
        struct.pack(">H", len(sequence)) + sequence,
        bytes([1]),
        struct.pack(">H", len(picture)) + picture,
    )
    return _box(
        b"avc1",
        bytes(6),
        struct.pack(">H16x2H", 1, h264.WIDTH, h264.HEIGHT),
        struct.pack(">3IH", 0x480000, 0x480000, 0, 1),
        bytes(32),
        struct.pack(">Hh", 24, -1),
        configuration,
    )


def _free_head(box_bytes: int) -> bytes:
    if box_bytes < 2**32:
        return struct.pack(">I4s", box_bytes, b"free")
    return struct.pack(">I4sQ", 1, b"free", box_bytes)


def _box(kind: bytes, *parts: bytes) -> bytes:
    payload = b"".join(parts)
    return struct.pack(">I4s", len(payload) + 8, kind) + payload


def _full_box(kind: bytes, flags: int, *parts: bytes) -> bytes:
    return _box(kind, struct.pack(">I", flags), *parts)
