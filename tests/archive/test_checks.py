"""What is not a whole file of its kind is noticed before it gets its name."""

import itertools
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.archive.captions import check_vtt
from app.archive.checks import check_file
from app.archive.mp4 import check_mp4
from app.errors import MediaBroken
from app.models.words import Kind
from simulator import mp3, mp4
from simulator.content import Content

CUE = "00:00:03.120 --> 00:00:06.480\nGood morning everybody.\n"
VTT = f"""WEBVTT

1 "Alice Example" (3281434112)
{CUE}
2 "Bob Sample"
00:00:06.900 --> 00:00:09.240
Morning.
"""


def whole(content: Content) -> bytes:
    return b"".join(content.pieces())


# 128 kbit/s at 44.1 kHz: a header and silence, 417 bytes (ISO/IEC 11172-3).
FRAME = b"\xff\xfb\x90\x00" + bytes(413)
MOVIE = whole(mp4.video("a movie", 30, 60_000))


def box(kind: bytes, payload: bytes = b"", *, length: int | None = None) -> bytes:
    return (len(payload) + 8 if length is None else length).to_bytes(4, "big") + kind + payload


def large_box(kind: bytes, payload: bytes) -> bytes:
    return b"\0\0\0\1" + kind + (len(payload) + 16).to_bytes(8, "big") + payload


FTYP, MOOV, MDAT = box(b"ftyp", b"isom"), box(b"moov", b"m" * 40), box(b"mdat", b"d" * 90)


def borders(movie: bytes) -> list[int]:
    """Where the top-level boxes of a movie begin."""
    found, offset = [], 0
    while offset < len(movie):
        found.append(offset)
        offset += int.from_bytes(movie[offset : offset + 4], "big")
    return found


def cuts(movie: bytes) -> list[int]:
    """Every kind of place to cut: at, just before, just after and inside each box and header."""
    near = {
        border + step for border in borders(movie) for step in (-9, -8, -1, 0, 1, 4, 7, 8, 9, 100)
    }
    parts = {len(movie) * part // 10 for part in range(1, 10)}
    return sorted(each for each in near | parts | {len(movie) - 1} if 0 < each < len(movie))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "file"


@pytest.mark.parametrize(
    ("seconds", "size"), [(1, mp4.MINIMUM_BYTES), (30, 60_000), (3600, 2_000_000)]
)
def test_a_whole_movie_is_accepted(path: Path, seconds: int, size: int) -> None:
    path.write_bytes(whole(mp4.video("seed", seconds, size)))

    check_mp4(path)


@pytest.mark.parametrize("size", cuts(MOVIE))
def test_a_movie_cut_anywhere_is_noticed(path: Path, size: int) -> None:
    if size == borders(MOVIE)[-1]:
        # All that is missing is the box that the simulator pads its files with.
        assert MOVIE[size + 4 : size + 8] == b"free"
        return
    path.write_bytes(MOVIE[:size])

    with pytest.raises(MediaBroken):
        check_mp4(path)


@pytest.mark.parametrize("order", list(itertools.permutations([FTYP, MOOV, MDAT])))
def test_the_boxes_may_stand_in_any_order(path: Path, order: tuple[bytes, ...]) -> None:
    path.write_bytes(b"".join(order))

    check_mp4(path)


@pytest.mark.parametrize(
    "movie",
    [
        FTYP + MOOV + large_box(b"mdat", b"d" * 100),
        FTYP + MOOV + box(b"mdat", b"to the end", length=0),
        FTYP + box(b"free") + MOOV + box(b"moof", b"f") + MDAT + box(b"moof", b"f") + MDAT,
        FTYP + MOOV + MDAT + box(b"uuid", b"u" * 16),
    ],
)
def test_rare_but_right_boxes_are_accepted(path: Path, movie: bytes) -> None:
    path.write_bytes(movie)

    check_mp4(path)


@pytest.mark.parametrize(
    "movie",
    [
        b"",
        b"\0" * 4096,
        b"\xff" * 4096,
        FTYP,
        FTYP + MOOV,
        FTYP + MDAT,
        MOOV + MDAT,
        FTYP + MOOV + MDAT + b"\0",
        FTYP + MOOV + MDAT + b"\0" * 8,
        FTYP + MOOV + box(b"mdat", length=7) + MDAT,
        FTYP + MOOV + box(b"mdat", b"d" * 9, length=2**31) + MDAT,
        FTYP + MOOV + b"\0\0\0\1mdat" + (15).to_bytes(8, "big"),
        FTYP + MOOV + b"\0\0\0\1mdat" + (2**63).to_bytes(8, "big"),
        FTYP + MOOV + b"\0\0\0\1mdat",
        FTYP + MOOV + box(b"\xffdat", b"d" * 9) + MDAT,
        b"<html>" + b" " * 4096,
    ],
)
def test_what_is_no_whole_movie_is_noticed(path: Path, movie: bytes) -> None:
    path.write_bytes(movie)

    with pytest.raises(MediaBroken) as raised:
        check_mp4(path)
    assert str(raised.value).isprintable()


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.binary(max_size=300) | st.binary(max_size=100).map(lambda tail: FTYP + MOOV + tail))
def test_any_bytes_are_a_movie_or_broken(path: Path, movie: bytes) -> None:
    path.write_bytes(movie)

    try:
        check_mp4(path)
    except MediaBroken:
        return
    assert b"mdat" in movie


@pytest.mark.parametrize(
    "text",
    [
        VTT.encode(),
        VTT.replace("\n", "\r\n").encode(),
        b"\xef\xbb\xbf" + VTT.encode(),
        VTT.encode().replace(b"Morning.", b"M\xf6rning \xff."),
        f"WEBVTT - a title\n\nNOTE a note\n\n{CUE}".encode(),
        b"WEBVTT\n\n00:03.120 --> 00:06.480\nshort times\n",
        b"WEBVTT\n\n100:00:03.120 --> 100:00:06.480\na long meeting\n",
        f"WEBVTT\n\n{CUE}\n{CUE}".encode(),
    ],
)
def test_captions_with_cues_in_order_are_accepted(path: Path, text: bytes) -> None:
    path.write_bytes(text)

    check_vtt(path)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\n",
        b"WEBVTT",
        b"WEBVTT\n\nNOTE only a note\n",
        CUE.encode(),
        b"<!DOCTYPE html><html></html>",
        b'{"message": "no"}',
        b"\x00\x01\x02",
        b"WEBVTT\n\n00:00:03,120 --> 00:00:06,480\nthat is SRT\n",
        f"WEBVTT\n\n00:00:09.000 --> 00:00:10.000\nlast\n\n{CUE}".encode(),
        b"WEBVTT\n\n00:00:03.120 --> 00:00",
    ],
)
def test_what_is_no_captions_is_noticed(path: Path, text: bytes) -> None:
    path.write_bytes(text)

    with pytest.raises(MediaBroken, match="VTT"):
        check_vtt(path)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.binary(max_size=200) | st.text(max_size=100).map(lambda text: f"WEBVTT\n{text}".encode()))
def test_any_bytes_are_captions_or_broken(path: Path, text: bytes) -> None:
    path.write_bytes(text)

    try:
        check_vtt(path)
    except MediaBroken:
        return
    assert b"-->" in text


@pytest.mark.parametrize(
    ("kind", "suffix", "content"),
    [
        (Kind.VIDEO, ".mp4", MOVIE),
        (Kind.VIDEO, ".arf", b"ARF\0anything"),
        (Kind.VIDEO, ".bin", b"\x1aE\xdf\xa3 anything"),
        (Kind.AUDIO, ".mp3", whole(mp3.audio("seed", 3))),
        (Kind.AUDIO, ".mp3", FRAME),
        (Kind.AUDIO, ".mp3", b"ID3\x04\0\0\0\0\0\x05" + b"12345" + FRAME * 3 + b"TAG" + bytes(125)),
        (Kind.VTT, ".vtt", VTT.encode()),
        (Kind.TXT, ".txt", b"<any text>"),
        (Kind.RECORDING, ".json", b"{}\n"),
    ],
)
def test_a_whole_file_is_accepted(path: Path, kind: Kind, suffix: str, content: bytes) -> None:
    path.write_bytes(content)

    check_file(path, kind, suffix)


@pytest.mark.parametrize(
    ("kind", "suffix", "content"),
    [
        *((kind, ".x", b"") for kind in Kind),
        (Kind.VIDEO, ".mp4", MOVIE[:-1]),
        (Kind.VIDEO, ".arf", b"<!DOCTYPE html>"),
        (Kind.VIDEO, ".arf", b"\n  <html>"),
        (Kind.VIDEO, ".bin", b'{"message": "no"}'),
        (Kind.VIDEO, ".arf", b"\xef\xbb\xbf<html>"),
        (Kind.AUDIO, ".mp3", b"<html>"),
        (Kind.AUDIO, ".mp3", b"RIFF....WAVE"),
        (Kind.AUDIO, ".mp3", b"\xff"),
        (Kind.AUDIO, ".mp3", FRAME[:-1]),
        (Kind.AUDIO, ".mp3", FRAME * 2 + FRAME[:100]),
        (Kind.AUDIO, ".mp3", FRAME + b"<html>something else</html>"),
        (Kind.AUDIO, ".mp3", b"\xff\x00"),
        (Kind.VTT, ".vtt", b"WEBVTT\n"),
    ],
)
def test_a_file_that_is_not_whole_is_noticed(
    path: Path, kind: Kind, suffix: str, content: bytes
) -> None:
    path.write_bytes(content)

    with pytest.raises(MediaBroken):
        check_file(path, kind, suffix)
