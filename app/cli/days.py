"""Days as people say them: UTC, the last one included."""

from datetime import UTC, date, datetime, timedelta

import click

_YEARS = range(1990, 2200)

DAY = click.DateTime(["%Y-%m-%d"])
"""The type of an option that is a UTC day."""


def check_span(
    since: datetime | None, until: datetime | None, *, names: tuple[str, str] = ("--from", "--to")
) -> None:
    """Raise a usage error where a span of days ends before it begins; ``names`` are the options."""
    if any(day and day.year not in _YEARS for day in (since, until)):
        raise click.UsageError(
            f"{names[0]} and {names[1]}: Webex has meetings of the years 1990 to 2199 only"
        )
    if since and until and until < since:
        raise click.UsageError(f"{names[1]} is before {names[0]}")


def start_of(day: datetime | None) -> datetime | None:
    """When a UTC day begins."""
    return day.replace(tzinfo=UTC) if day else None


def end_of(day: datetime | None) -> datetime | None:
    """When a UTC day ends; None where there is no later moment."""
    if day is None or day.date() == date.max:
        return None
    return day.replace(tzinfo=UTC) + timedelta(days=1)
