"""What a report says: every meeting that Webex lists, and how it stands here."""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum

from pydantic import computed_field

from app.models.status import Time, Told


class Standing(StrEnum):
    """How a meeting stands; the first three are gaps."""

    UNKNOWN = "unknown"
    FAILED = "failed"
    OVERDUE = "overdue"
    WAITING = "waiting"
    LEFT_OUT = "left_out"
    HERE = "here"


GAPS = (Standing.UNKNOWN, Standing.FAILED, Standing.OVERDUE)
"""Listed and not known here, failed, or waiting for longer than it should have to."""


class ReportLine(Told):
    """One meeting; ``missing`` and ``absent`` are phrases for people.

    ``is_listed`` says whether Webex lists it; None where Webex could not be asked for all of its
    list. ``archived`` is when it was complete here.
    """

    meeting_id: str
    title: str | None
    host_email: str | None
    start: Time | None
    end: Time | None
    standing: Standing
    is_listed: bool | None
    missing: list[str]
    absent: list[str]
    bytes: int
    archived: Time | None

    @computed_field  # type: ignore[prop-decorator]
    @property
    def gap(self) -> bool:
        """Whether something that should be here is not."""
        return self.standing in GAPS

    @computed_field  # type: ignore[prop-decorator]
    @property
    def day(self) -> str:
        """The UTC day on which it began."""
        return f"{self.start:%Y-%m-%d}" if self.start else "?"

    @computed_field  # type: ignore[prop-decorator]
    @property
    def lag_seconds(self) -> float | None:
        """How long after its end it was complete here; None where it is not, or is left out."""
        if self.archived is None or self.end is None or self.standing == Standing.LEFT_OUT:
            return None
        return max(0.0, (self.archived - self.end).total_seconds())


class Totals(Told):
    """Several meetings together; ``name`` is what they have in common, sizes are bytes."""

    name: str
    meetings: int
    standings: dict[Standing, int]
    unlisted: int
    bytes: int


class Lag(Told):
    """How long after their end meetings were complete here, in seconds; None without any."""

    meetings: int
    p50: float | None
    p95: float | None
    p99: float | None


class Report(Told):
    """All meetings that began in a span of time, those of Webex's lists and our own.

    Where Webex was not ``asked`` only our own; ``unread`` says which lists it did not give.
    """

    since: Time
    until: Time
    lines: list[ReportLine]
    asked: bool
    unread: list[str]

    @property
    def gaps(self) -> list[ReportLine]:
        """The meetings that are not here as they should be."""
        return [each for each in self.lines if each.gap]

    @property
    def is_proof(self) -> bool:
        """Whether all of Webex's lists were read, and nothing is missing."""
        return self.asked and not self.unread and not self.gaps


class ReportTold(Told):
    """A report as programs read it; ``ok`` where nothing is missing of all that Webex lists."""

    since: Time
    until: Time
    ok: bool
    gaps: int
    lag: Lag
    days: list[Totals]
    hosts: list[Totals]
    meetings: list[ReportLine]
    asked: bool
    unread: list[str]


def told_of(made: Report) -> ReportTold:
    """The report with what its meetings come to, by day and by host."""
    return ReportTold(
        since=made.since,
        until=made.until,
        ok=made.is_proof,
        gaps=len(made.gaps),
        lag=lag_of(made.lines),
        days=totals_by(made.lines, lambda each: each.day),
        hosts=totals_by(made.lines, lambda each: each.host_email or ""),
        meetings=made.lines,
        asked=made.asked,
        unread=made.unread,
    )


def totals_by(lines: Iterable[ReportLine], name_of: Callable[[ReportLine], str]) -> list[Totals]:
    """The meetings of each name together, by name."""
    groups: defaultdict[str, list[ReportLine]] = defaultdict(list)
    for each in lines:
        groups[name_of(each)].append(each)
    return [_totals(name, groups[name]) for name in sorted(groups)]


def lag_of(lines: Iterable[ReportLine]) -> Lag:
    """The lags of the meetings that are here."""
    lags = sorted(each.lag_seconds for each in lines if each.lag_seconds is not None)
    return Lag(
        meetings=len(lags),
        p50=_percentile(lags, 0.5),
        p95=_percentile(lags, 0.95),
        p99=_percentile(lags, 0.99),
    )


def _totals(name: str, lines: Sequence[ReportLine]) -> Totals:
    standings = {each: sum(line.standing == each for line in lines) for each in Standing}
    return Totals(
        name=name,
        meetings=len(lines),
        standings=standings,
        unlisted=sum(line.is_listed is False for line in lines),
        bytes=sum(line.bytes for line in lines),
    )


def _percentile(values: Sequence[float], share: float) -> float | None:
    return values[max(0, math.ceil(share * len(values)) - 1)] if values else None
