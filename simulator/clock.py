"""The simulated time: the real one plus an offset, or standing still."""

from datetime import UTC, datetime, timedelta

_YEARS = range(1970, 2200)


class Clock:
    """Not safe by itself: whoever owns it guards it with a lock."""

    def __init__(self) -> None:
        self._offset = timedelta(0)
        self._frozen_at: datetime | None = None

    @property
    def frozen(self) -> bool:
        return self._frozen_at is not None

    def now(self) -> datetime:
        return self._frozen_at or datetime.now(UTC) + self._offset

    def advance(self, seconds: float) -> None:
        self.set(self.now() + timedelta(seconds=seconds))

    def set(self, moment: datetime) -> None:
        """Go there; raises ValueError where there are no meetings any more."""
        checked(moment)
        if self._frozen_at is not None:
            self._frozen_at = moment
        else:
            self._offset = moment - datetime.now(UTC)

    def freeze(self) -> None:
        self._frozen_at = self.now()

    def unfreeze(self) -> None:
        moment, self._frozen_at = self.now(), None
        self.set(moment)


def seconds_text(moment: datetime) -> str:
    """Return Webex's usual form, such as 2021-05-14T20:25:19Z."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def milliseconds_text(moment: datetime) -> str:
    """Return Webex's finer form, such as 2021-05-14T20:20:01.024Z."""
    utc = moment.astimezone(UTC)
    return f"{utc:%Y-%m-%dT%H:%M:%S}.{utc.microsecond // 1000:03}Z"


def parsed(text: str) -> datetime:
    """Read an ISO 8601 date or time, in UTC if it names no zone; raises ValueError."""
    moment = datetime.fromisoformat(text)
    return checked(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def checked(moment: datetime) -> datetime:
    """A moment that can be added to; raises ValueError for one near an end of the calendar."""
    if moment.year not in _YEARS:
        raise ValueError("the simulated years are 1970 to 2199")
    return moment
