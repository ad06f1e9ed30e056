"""Days as an address of a page names them."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from werkzeug.exceptions import BadRequest

DAY = timedelta(days=1)
_YEARS = range(1990, 2200)


def told_days(told: Mapping[str, str]) -> tuple[datetime | None, datetime | None]:
    """The first moment of ``from`` and the last one of ``to``, which is included.

    BadRequest says what is wrong; what is not told is None.
    """
    since, last = (_day(told.get(name, "")) for name in ("from", "to"))
    if since and last and last < since:
        raise BadRequest("The last day is before the first one.")
    return since, last + DAY if last else None


def _day(text: str) -> datetime | None:
    if not text:
        return None
    try:
        day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise BadRequest("A day is written as 2026-03-31.") from None
    if day.year not in _YEARS:
        raise BadRequest("Webex has meetings of the years 1990 to 2199 only.")
    return day
