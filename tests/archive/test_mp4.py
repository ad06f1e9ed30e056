"""What is no whole MP4 is noticed, or proves nothing; a whole one is accepted."""

import itertools
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.archive.mp3 import check_mp3
from app.archive.mp4 import check_mp4
from app.errors import MediaBroken
from simulator import mp3, mp4
from simulator.content import Content


def whole(content: Content) -> bytes:
    return b"".join(content.pieces())


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


def hollow(movie: bytes, begin: int, end: int) -> bytes:
    """A movie with zeros in it, as a file system may leave them after a power cut."""
    return movie[:begin] + bytes(end - begin) + movie[end:]


MOOV_FIRST = FTYP + MOOV + MDAT
MOOV_LAST = FTYP + MDAT + MOOV
FRAGMENTED = FTYP + MOOV + (box(b"moof", b"f" * 30) + MDAT) * 3 + box(b"mfra", b"r" * 20)
LAYOUTS = {"moov-first": MOOV_FIRST, "moov-last": MOOV_LAST, "fragmented": FRAGMENTED}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_cut_at_any_byte_is_noticed_or_proves_nothing(path: Path, layout: str) -> None:
    movie = LAYOUTS[layout]
    path.write_bytes(movie)
    assert check_mp4(path).proves_its_end is (layout != "fragmented")

    for size in range(len(movie)):
        path.write_bytes(movie[:size])
        try:
            assert not check_mp4(path).proves_its_end
        except MediaBroken:
            continue
        assert layout == "fragmented"
        assert size in borders(movie)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(
    "junk", [b"\0", b"\0" * 8, b"\0" * 4096, b"<html>", b"\xff" * 64, MOOV[:-1]]
)
def test_junk_at_the_end_or_between_boxes_is_noticed(path: Path, layout: str, junk: bytes) -> None:
    movie = LAYOUTS[layout]

    for place in [*borders(movie), len(movie)]:
        path.write_bytes(movie[:place] + junk + movie[place:])
        with pytest.raises(MediaBroken):
            check_mp4(path)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_hole_over_the_head_of_a_box_is_noticed(path: Path, layout: str) -> None:
    movie = LAYOUTS[layout]

    for border in borders(movie):
        for begin, end in ((border, border + 8), (max(0, border - 20), border + 5)):
            path.write_bytes(hollow(movie, begin, end))
            with pytest.raises(MediaBroken):
                check_mp4(path)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_box_that_is_missing_in_the_middle_of_its_bytes_is_noticed(
    path: Path, layout: str
) -> None:
    movie = LAYOUTS[layout]

    for border in borders(movie):
        path.write_bytes(movie[: border + 9] + movie[border + 12 :])
        with pytest.raises(MediaBroken):
            check_mp4(path)


def test_media_data_up_to_the_end_of_the_file_prove_nothing(path: Path) -> None:
    path.write_bytes(FTYP + MOOV + box(b"mdat", b"to the end", length=0))

    assert not check_mp4(path).proves_its_end


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (bytes(12) + (1000).to_bytes(4, "big") + (90_500).to_bytes(4, "big"), 90.5),
        (b"\1" + bytes(19) + (1000).to_bytes(4, "big") + (2**33).to_bytes(8, "big"), 2**33 / 1000),
        (bytes(12) + (1000).to_bytes(4, "big") + bytes(4), None),
        (bytes(12) + (1000).to_bytes(4, "big") + b"\xff" * 4, None),
        (bytes(12) + bytes(4) + (90_500).to_bytes(4, "big"), None),
        (b"", None),
    ],
)
def test_a_movie_tells_how_long_it_plays(path: Path, header: bytes, seconds: float | None) -> None:
    filled = header + bytes(40) if header else b""
    path.write_bytes(FTYP + box(b"moov", box(b"mvhd", filled)) + MDAT)

    assert check_mp4(path).duration_seconds == seconds


def test_a_simulated_movie_and_its_sound_play_as_long_as_they_say(path: Path) -> None:
    path.write_bytes(MOVIE)
    assert check_mp4(path).duration_seconds == pytest.approx(30, abs=1)

    path.write_bytes(whole(mp3.audio("a song", 30)))
    assert check_mp3(path) == pytest.approx(30, abs=1)


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
