"""Which meetings are listed, and a page of them."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from pydantic import BaseModel, ConfigDict, field_validator

from app.models.status import MeetingLine, MeetingState, Told


class Filters(BaseModel):
    """What a listed meeting has to be; what is None or empty does not matter.

    ``host`` is an email in upper or lower case, ``site`` and ``account`` are exact. ``since`` and
    ``until`` are UTC days, both included; a meeting whose start is not known counts from when it
    was first heard of. ``reason`` is the reason or the error code of one of its ingests.
    """

    model_config = ConfigDict(frozen=True)

    host: str | None = None
    site: str | None = None
    account: str | None = None
    since: date | None = None
    until: date | None = None
    state: MeetingState | None = None
    reason: str | None = None

    @field_validator("*", mode="before")
    @classmethod
    def _without_blanks(cls, value: Any) -> Any:
        """Take an empty field of a form for one that nobody has filled in."""
        return (value.strip() or None) if isinstance(value, str) else value

    @property
    def begin(self) -> datetime | None:
        """When ``since`` begins."""
        return datetime.combine(self.since, time.min, UTC) if self.since else None

    @property
    def end(self) -> datetime | None:
        """When ``until`` ends; None where there is no later moment."""
        if self.until is None or self.until == date.max:
            return None
        return datetime.combine(self.until + timedelta(days=1), time.min, UTC)

    @property
    def is_storable(self) -> bool:
        """Whether this can be asked for at all: Postgres refuses the zero character."""
        texts = (self.host, self.site, self.account, self.reason)
        return not any("\0" in each for each in texts if each)


class MeetingPage(Told):
    """Some meetings, newest start first.

    ``older`` is what to ask for with ``before`` for the next ones, ``newer`` with ``after`` for
    those above; None where there are none.
    """

    lines: list[MeetingLine]
    older: str | None
    newer: str | None


class Suggestions(Told):
    """What a filter may be given: the first sites and accounts, and hosts that begin so."""

    sites: list[str]
    accounts: list[str]
    hosts: list[str]
