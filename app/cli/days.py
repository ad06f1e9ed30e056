"""Days as people say them: UTC, the last one included."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import click
from click.shell_completion import CompletionItem

from app.models.times import utc_now

_YEARS = range(1990, 2200)
_WORDS = {"today": 0, "yesterday": 1}


class Day(click.DateTime):
    """A UTC day as an option: 2026-03-31, today or yesterday."""

    name = "date"

    def __init__(self) -> None:
        super().__init__(["%Y-%m-%d"])

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:  # noqa: ARG002
        """What stands for it in the help."""
        return "DATE"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        """Give the day without a zone."""
        ago = _WORDS.get(value)
        if ago is not None:
            now = utc_now().replace(tzinfo=None)
            return datetime.combine(now - timedelta(days=ago), datetime.min.time())
        try:
            day: datetime = super().convert(value, param, ctx)
        except click.BadParameter:
            told = "is no day; write it like 2026-03-31, or say today or yesterday (UTC)."
            self.fail(f"{value!r} {told}", param, ctx)
        return day

    def shell_complete(
        self,
        ctx: click.Context,  # noqa: ARG002 -- the shape of the base class
        param: click.Parameter,  # noqa: ARG002
        incomplete: str,
    ) -> list[CompletionItem]:
        """The words, and the days they stand for."""
        now = utc_now()
        days = [*_WORDS, *(f"{now - timedelta(days=ago):%Y-%m-%d}" for ago in _WORDS.values())]
        return [CompletionItem(each) for each in days if each.startswith(incomplete)]


DAY = Day()
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
