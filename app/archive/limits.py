"""What a transfer starts from, and what it may do."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

_FRESH = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Link:
    """A temporary link; never stored, never shown."""

    url: str = field(repr=False)
    expires_at: datetime | None = None

    def is_fresh(self, now: datetime) -> bool:
        """Whether the link lives at least ten more minutes."""
        return self.expires_at is None or self.expires_at - now > _FRESH


@dataclass(frozen=True, slots=True)
class Limits:
    """What a transfer may do: which hosts, how many bytes, how often without progress, how slowly.

    A host that sends less than ``slowest_bytes_per_second`` over ``slow_seconds`` is hung up on;
    after ``longest_seconds`` it is another file's turn. ``ranges`` parts are fetched at once of a
    file of at least ``ranges_from_bytes``.
    """

    allowed_hosts: tuple[str, ...]
    max_bytes: int
    dead_links: int = 3
    interruptions: int = 3
    slow_seconds: float = 30
    slowest_bytes_per_second: int = 32 * 1024
    longest_seconds: float = 6 * 3600
    ranges: int = 1
    ranges_from_bytes: int = 256 * 1024**2

    @property
    def look_seconds(self) -> float:
        """How often a transfer is looked at while it reads."""
        return min(1.0, self.slow_seconds / 4)
