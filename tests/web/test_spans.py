"""What a Range header asks for, as RFC 9110 has it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.web.spans import Span, Wanted, wanted_span

SIZE = 1000
HUGE = "9" * 5000


@pytest.mark.parametrize(
    ("header", "start", "length"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=0-", 0, 1000),
        ("bytes=0-999", 0, 1000),
        ("bytes=0-1000", 0, 1000),
        (f"bytes=0-{HUGE}", 0, 1000),
        ("bytes=999-", 999, 1),
        ("bytes=10-19", 10, 10),
        ("Bytes= 10-19 ", 10, 10),
        (f"bytes={'0' * 5000}10-19", 10, 10),
        ("bytes=-1", 999, 1),
        ("bytes=-1000", 0, 1000),
        ("bytes=-1001", 0, 1000),
        (f"bytes=-{HUGE}", 0, 1000),
    ],
)
def test_one_part_is_that_part(header: str, start: int, length: int) -> None:
    assert wanted_span(header, SIZE) == Span(start, length)


@pytest.mark.parametrize("header", ["bytes=1000-", "bytes=1000-2000", "bytes=-0", f"bytes={HUGE}-"])
def test_a_part_behind_the_end_is_nothing(header: str) -> None:
    assert wanted_span(header, SIZE) is Wanted.NOTHING


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "bytes",
        "bytes=",
        "bytes=-",
        "bytes=5",
        "bytes=9-5",
        "bytes=a-b",
        "bytes=--5",
        "bytes=+1-5",
        "bytes=1-5x",
        "bytes=1_0-20",
        "bytes=\u0661-\u0665",
        "bytes = 0-5",
        "lines=0-5",
        "0-5",
        "bytes=0-0,5-9",
        "bytes=0-5;5-9",
        "bytes=" + ",".join(f"{number}-" for number in range(1300)),
    ],
)
def test_anything_else_is_answered_with_the_whole_file(header: str | None) -> None:
    assert wanted_span(header, SIZE) is Wanted.WHOLE


def test_any_part_of_an_empty_file_is_all_of_it() -> None:
    for header in ("bytes=0-", "bytes=-5", "bytes=5-"):
        assert wanted_span(header, 0) is Wanted.WHOLE


@given(header=st.text(), size=st.integers(0, 10**15))
def test_no_header_at_all_leads_out_of_the_file(header: str, size: int) -> None:
    for each in (header, f"bytes={header}"):
        span = wanted_span(each, size)
        if isinstance(span, Span):
            assert 0 <= span.start < span.start + span.length <= size
