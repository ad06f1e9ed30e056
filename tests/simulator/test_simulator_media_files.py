"""The media are real: boxes, samples, frames and cues are what a player expects."""

import re
import struct
from collections.abc import Iterator

import pytest

from simulator import captions, h264, mp3, mp4
from simulator.captions import Speaker
from simulator.content import Content

_CONTAINERS = (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"dinf")


def whole(content: Content) -> bytes:
    return b"".join(content.pieces())


def boxes(octets: bytes, start: int = 0, stop: int | None = None) -> Iterator[tuple[bytes, bytes]]:
    """Walk boxes, inner ones after their container; a walk that does not end exactly fails."""
    end = len(octets) if stop is None else stop
    while start < end:
        size, kind = struct.unpack_from(">I4s", octets, start)
        assert 8 <= size <= end - start
        yield kind, octets[start + 8 : start + size]
        if kind in _CONTAINERS:
            yield from boxes(octets, start + 8, start + size)
        start += size
    assert start == end


def samples(octets: bytes) -> list[bytes]:
    found = dict(boxes(octets))
    _, count = struct.unpack_from(">II", found[b"stsz"], 4)
    sizes = struct.unpack_from(f">{count}I", found[b"stsz"], 12)
    (position,) = struct.unpack_from(">I", found[b"stco"], 8)
    cut = []
    for size in sizes:
        cut.append(octets[position : position + size])
        position += size
    return cut


@pytest.mark.parametrize("size", [8192, 8193, 20_000, 20_001, 1_234_567])
def test_a_video_has_exactly_the_wanted_size_and_whole_boxes(size: int) -> None:
    octets = whole(mp4.video("one", 85, size))

    kinds = [kind for kind, _ in boxes(octets)]
    assert len(octets) == size
    assert kinds[0] == b"ftyp"
    assert {b"moov", b"avc1"} - set(kinds) == {b"avc1"}, "avc1 stands inside stsd"
    assert kinds[-1] == b"free"


@pytest.mark.parametrize("seconds", [1, 59, 60, 61, 85, 3601])
def test_the_durations_in_a_video_agree(seconds: int) -> None:
    found = dict(boxes(whole(mp4.video("one", seconds, 30_000))))

    assert struct.unpack_from(">II", found[b"mvhd"], 12) == (1000, seconds * 1000)
    assert struct.unpack_from(">II", found[b"mdhd"], 12) == (1000, seconds * 1000)
    (entries,) = struct.unpack_from(">I", found[b"stts"], 4)
    times = struct.unpack_from(f">{2 * entries}I", found[b"stts"], 8)
    assert sum(times[i] * times[i + 1] for i in range(0, len(times), 2)) == seconds * 1000


def test_every_sample_of_a_video_is_one_coded_picture() -> None:
    cut = samples(whole(mp4.video("one", 30, 100_000)))

    assert len(cut) == 30
    for number, sample in enumerate(cut):
        (length,) = struct.unpack_from(">I", sample)
        assert length == len(sample) - 4
        assert sample[4] & 0x1F == (5 if number % 10 == 0 else 1)


def test_a_key_frame_carries_its_macroblocks_raw() -> None:
    frame = h264.key_frame("one", 0)

    macroblocks = (h264.WIDTH // 16) * (h264.HEIGHT // 16)
    assert macroblocks * 384 < len(frame) < macroblocks * 388


def test_a_video_describes_its_stream_as_baseline_of_the_right_size() -> None:
    found = dict(boxes(whole(mp4.video("one", 10, 30_000))))

    description = found[b"stsd"]
    place = description.index(b"avcC") + 4
    assert description[place : place + 4] == bytes([1, 66, 0b11000000, 10])
    assert struct.unpack(">2H", found[b"tkhd"][-8:-6] + found[b"tkhd"][-4:-2]) == (64, 48)
    assert h264.sequence_parameter_set() in description
    assert h264.picture_parameter_set() in description


def test_videos_of_different_recordings_differ_in_pictures_and_in_padding() -> None:
    one, other = (whole(mp4.video(seed, 30, 100_000)) for seed in ("one", "other"))

    assert samples(one)[0] != samples(other)[0]
    assert one[-1000:] != other[-1000:]


def test_no_two_stretches_of_padding_are_equal() -> None:
    content = mp4.video("one", 5, 4_000_000)

    first = b"".join(content.pieces(1_000_000, 1_100_000))
    second = b"".join(content.pieces(1_000_000 + 16 * 1024, 1_100_000 + 16 * 1024))
    assert first != second


def test_any_part_of_a_file_is_the_same_as_cut_from_the_whole() -> None:
    content = mp4.video("one", 85, 700_001)
    octets = whole(content)

    for start, stop in [(0, 1), (5, 9_000), (8_191, 300_000), (699_990, 700_001)]:
        assert b"".join(content.pieces(start, stop)) == octets[start:stop]


def test_a_video_of_many_gigabytes_is_described_without_being_made() -> None:
    content = mp4.video("large", 60, 6_000_000_000)

    start = dict_of_top_boxes(content)
    assert content.length == 6_000_000_000
    assert start[b"free"] > 2**32
    assert len(b"".join(content.pieces(5_999_999_000))) == 1000


def dict_of_top_boxes(content: Content) -> dict[bytes, int]:
    sizes, position = {}, 0
    while position < content.length:
        head = b"".join(content.pieces(position, position + 16))
        size, kind = struct.unpack_from(">I4s", head)
        if size == 1:
            (size,) = struct.unpack_from(">Q", head, 8)
        sizes[kind] = size
        position += size
    assert position == content.length
    return sizes


def test_a_video_that_is_too_small_to_play_is_refused() -> None:
    with pytest.raises(mp4.TooSmallError, match="at least 8192 bytes"):
        mp4.video("one", 5, 8191)


def test_an_audio_file_is_a_title_and_frames_of_silence_that_fill_the_duration() -> None:
    octets = whole(mp3.audio("one", 85))

    assert octets[:3] == b"ID3"
    frames = octets[octets.index(b"\xff\xfb") :]
    count, rest = divmod(len(frames), mp3.FRAME_BYTES)
    assert rest == 0
    assert 85 <= count * mp3.FRAME_SECONDS < 85.1
    for position in range(0, len(frames), mp3.FRAME_BYTES):
        # MPEG-1 Layer III, 32 kbit/s, 32 kHz, mono, and side information that means silence.
        assert frames[position : position + 21] == b"\xff\xfb\x18\xc4" + bytes(17)
        assert b"\xff" not in frames[position + 21 : position + mp3.FRAME_BYTES]


def test_a_vtt_names_the_speaker_of_every_cue_as_webex_does() -> None:
    speakers = [Speaker("Zoë Müller-Peña", "zoe@example.com", 3281434112)]
    lines = captions.spoken_lines(speakers, 3, 95, "a test")

    text = captions.vtt(lines).decode("utf-8")

    assert text.startswith("WEBVTT\n\n1 ")
    names = re.findall(r'^\d+ "([^"]+)" \((\d+)\)$', text, re.MULTILINE)
    assert names == [("Zoë Müller-Peña", "3281434112")] * 3
    times = re.findall(r"^(\d\d:\d\d:\d\d\.\d{3}) --> (\d\d:\d\d:\d\d\.\d{3})$", text, re.MULTILINE)
    assert times == sorted(times)
    assert len(times) == 3
