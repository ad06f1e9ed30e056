"""Times are aware and in UTC, whatever Webex writes."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.models.times import format_time, parse_time, utc_now

EVENING = datetime(2021, 5, 14, 20, 20, 1, tzinfo=UTC)
MOMENTS = st.datetimes(
    min_value=datetime(1972, 1, 1),  # noqa: DTZ001
    max_value=datetime(2198, 12, 31),  # noqa: DTZ001
    timezones=st.timezones(),
)


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2021-05-14T20:20:01Z", EVENING),
        ("2021-05-14T20:20:01.024Z", EVENING.replace(microsecond=24_000)),
        ("2021-05-14T20:20:01+00:00", EVENING),
        ("2021-05-15T04:20:01+08:00", EVENING),
        ("2021-05-14T15:50:01-04:30", EVENING),
        ("2021-05-14T20:20:01", EVENING),
        ("1970-01-01T00:00:00.000Z", None),
        ("1970-01-01T00:00:00Z", None),
        ("0001-01-01T00:00:00+05:00", None),
        ("9999-12-31T23:59:59-05:00", None),
        ("", None),
        ("yesterday", None),
        ("2021-13-45T99:00:00Z", None),
        (None, None),
        (1621023601, None),
        (["2021-05-14T20:20:01Z"], None),
    ],
)
def test_a_time_is_read_as_webex_writes_it(text: Any, time: datetime | None) -> None:
    assert parse_time(text) == time


def test_a_time_that_was_read_is_in_utc() -> None:
    time = parse_time("2021-05-15T04:20:01+08:00")

    assert time is not None
    assert time.tzinfo is UTC


@pytest.mark.parametrize(
    "time",
    [
        EVENING,
        EVENING.replace(microsecond=24_000),
        EVENING.astimezone(timezone(timedelta(hours=8))),
    ],
)
def test_a_time_is_written_with_whole_seconds_and_z(time: datetime) -> None:
    assert format_time(time) == "2021-05-14T20:20:01Z"


@settings(max_examples=100, deadline=None)
@given(MOMENTS)
def test_a_time_survives_being_written_and_read(time: datetime) -> None:
    written = format_time(time)

    assert parse_time(written) == time.astimezone(UTC).replace(microsecond=0)
    assert written.endswith("Z")
    assert "." not in written


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=40) | st.from_regex(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d"))
def test_no_text_is_ever_an_error(text: str) -> None:
    time = parse_time(text)

    assert time is None or time.utcoffset() == timedelta(0)


def test_now_is_aware() -> None:
    assert utc_now().utcoffset() == timedelta(0)
