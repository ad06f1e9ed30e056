"""Times: always aware, always UTC."""

import email.utils
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

Clock = Callable[[], datetime]
"""Tells the time; handed in wherever time decides something."""

# Times are added to; a year that nobody lives in would leave the calendar.
_FIRST_YEAR, _LAST_YEAR = 1970, 2200
_LONGEST_RETRY_AFTER_SECONDS = 24 * 3600.0


def utc_now() -> datetime:
    """The time now, aware and in UTC."""
    return datetime.now(UTC)


def parse_time(text: Any) -> datetime | None:
    """Read an ISO 8601 time as Webex writes it, with ``Z`` or an offset, with or without fractions.

    Webex sends ``1970-01-01T00:00:00.000Z`` for a time that is not known yet
    (List Meeting Participants); that, an empty text and nonsense are None.
    """
    if not isinstance(text, str):
        return None
    try:
        time = datetime.fromisoformat(text)
        time = time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return time if _FIRST_YEAR < time.year < _LAST_YEAR else None


def format_time(time: datetime) -> str:
    """Write a time with whole seconds and ``Z``: Webex rejects ``.000Z`` in from and to."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def retry_after_seconds(header: str | None, now: datetime) -> float | None:
    """How long to wait: a number or a date as HTTP says; None for anything else.

    ``rand(30),add(30)`` was really seen (WebexPythonSDK issue 181).
    """
    text = (header or "").strip()
    if text.isdecimal():
        seconds = float(text)
    else:
        try:
            date = email.utils.parsedate_to_datetime(text)
        except (ValueError, OverflowError):
            return None
        date = date.replace(tzinfo=UTC) if date.tzinfo is None else date
        seconds = (date - now).total_seconds()
    return min(max(seconds, 1.0), _LONGEST_RETRY_AFTER_SECONDS)
