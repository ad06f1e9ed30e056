"""A request is whole exactly when its last byte has come, however it was cut on the way."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.web.gathering import Gathering

HEAD = b"POST /webhooks/webex HTTP/1.1\r\nHost: x\r\n"
WITH_LENGTH = HEAD + b"content-length:\t11\r\nX-Other: 5\r\n\r\n" + b"hello\r\n\r\nyo"
CHUNKED = (
    HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"5;note=a\r\n0\r\n\r\n\r\n2\r\nab\r\n0\r\n\r\n"
)
WITH_TRAILER = HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\na\r\n0\r\nSum: 7\r\n\r\n"
WITHOUT_BODY = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


@given(
    request=st.sampled_from([WITH_LENGTH, CHUNKED, WITH_TRAILER, WITHOUT_BODY]),
    cuts=st.lists(st.integers(1, 40), max_size=60),
)
def test_a_request_is_whole_with_its_last_byte_and_not_before(
    request: bytes, cuts: list[int]
) -> None:
    gathering, rest = Gathering(), request
    for cut in [*cuts, len(request)]:
        piece, rest = rest[:cut], rest[cut:]
        gathering.add(piece)
        assert gathering.is_whole is (rest == b"")

    assert gathering.take() == request
    assert not gathering.has_bytes


def test_what_follows_a_request_is_the_beginning_of_the_next_one() -> None:
    gathering = Gathering()
    gathering.add(WITH_LENGTH)
    gathering.take()

    gathering.add(WITHOUT_BODY[:10])
    assert not gathering.is_whole
    gathering.add(WITHOUT_BODY[10:])

    assert gathering.is_whole


@pytest.mark.parametrize(
    ("line", "path"),
    [
        (b"GET / HTTP/1.1", "/"),
        (b"GET /a/b?c=/d HTTP/1.1", "/a/b"),
        (b"GET /%2e\xff HTTP/1.1", "/%2e\xff"),
        (b"GET http://x/livez HTTP/1.1", "http://x/livez"),
        (b"GET /livez", ""),
        (b"nonsense", ""),
    ],
)
def test_a_request_says_what_it_is_for(line: bytes, path: str) -> None:
    gathering = Gathering()
    assert gathering.path == ""

    gathering.add(line + b"\r\n\r\n")

    assert gathering.path == path


def test_of_a_body_that_is_too_large_no_more_is_waited_for_than_the_door_reads() -> None:
    gathering = Gathering()
    gathering.add(HEAD + b"Content-Length: 999999999\r\n\r\n" + b"x" * 64 * 1024)
    assert not gathering.is_whole

    gathering.add(b"x")

    assert gathering.is_whole


def test_a_head_without_an_end_is_too_long_at_last() -> None:
    gathering = Gathering()
    gathering.add(HEAD + b"X: " + b"x" * 64 * 1024)

    assert gathering.is_too_long
    assert not gathering.is_whole


def test_a_client_that_waits_for_a_word_is_told_once() -> None:
    gathering = Gathering()
    gathering.add(HEAD + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n")
    assert not gathering.is_whole

    assert [gathering.wants_continue(), gathering.wants_continue()] == [True, False]
    gathering.add(b"ok")

    assert gathering.is_whole
    assert gathering.take() == HEAD + b"Content-Length: 2\r\n\r\nok"


BODY_IN_CHUNKS = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize("size", [b"zz", b"", b"-1", b"5zz", b"1" * 16])
def test_a_chunk_whose_end_nobody_can_tell_makes_a_request_malformed(size: bytes) -> None:
    gathering = Gathering()

    gathering.add(BODY_IN_CHUNKS + size + b"\r\n")

    assert (gathering.is_whole, gathering.is_malformed) == (False, True)


@pytest.mark.parametrize("length", [b"1" * 19, b"-5", b"5, 5", b"", b"5\r\nContent-Length: 5"])
def test_a_length_that_nobody_can_tell_makes_a_request_malformed(length: bytes) -> None:
    gathering = Gathering()

    gathering.add(HEAD + b"Content-Length: " + length + b"\r\n\r\n")

    assert (gathering.is_whole, gathering.is_malformed) == (False, True)


@pytest.mark.parametrize(
    "beginning",
    [
        HEAD + b"Content-Length: " + b"0" * 30 + b"50000\r\n\r\nx",
        BODY_IN_CHUNKS + b"0" * 16 + b"a000\r\n\r\n\r\n",
        BODY_IN_CHUNKS + b"1\r\nx\r\n" * 1_000,
    ],
)
def test_what_looks_like_more_or_like_an_end_is_waited_for(beginning: bytes) -> None:
    gathering = Gathering()

    gathering.add(beginning)

    assert (gathering.is_whole, gathering.is_malformed) == (False, False)


@pytest.mark.parametrize(
    "rest",
    [
        b"1\r\nx\r\n" * 1_025,
        (b"1000;" + b"x" * 4096 + b"\r\n" + b"y" * 4096 + b"\r\n") * 16,
        b"5;" + b"x" * 140_000,
        b"0\r\n" + b"Sum: 7\r\n" * 20_000,
    ],
)
def test_a_body_of_little_in_very_much_is_malformed(rest: bytes) -> None:
    gathering = Gathering()

    gathering.add(BODY_IN_CHUNKS + rest)

    assert (gathering.is_whole, gathering.is_malformed) == (False, True)


def test_a_large_chunk_is_cut_when_enough_of_it_has_come() -> None:
    gathering = Gathering()
    gathering.add(BODY_IN_CHUNKS + b"fffff\r\n" + b"x" * 64 * 1024)
    assert not gathering.is_whole

    gathering.add(b"x")

    assert (gathering.is_whole, gathering.is_cut) == (True, True)
