"""What is not a whole file of its kind is noticed before it gets its name."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.archive.captions import check_vtt
from app.archive.checks import check_file
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


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "file"


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
