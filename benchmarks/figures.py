"""Rounds, ratios within a round, and bars they are held against."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TypeVar

from benchmarks.measuring import Cost

T = TypeVar("T")
Costs = dict[str, list[Cost]]
"""What each contender cost, round by round."""


@dataclass(frozen=True, slots=True)
class Spread:
    """The middle of several figures, and how far they are apart."""

    median: float
    lowest: float
    highest: float

    def __str__(self) -> str:
        return f"{self.median:.2f} ({self.lowest:.2f} to {self.highest:.2f})"


@dataclass(frozen=True, slots=True)
class Bar:
    """What a figure has to reach; no figure does not reach it."""

    text: str
    found: Spread | None
    least: float | None = None
    most: float | None = None

    @property
    def passed(self) -> bool:
        """Whether the median is within the limits."""
        if self.found is None:
            return False
        is_enough = self.least is None or self.found.median >= self.least
        return is_enough and (self.most is None or self.found.median <= self.most)

    def __str__(self) -> str:
        limit = f"at least {self.least:g}" if self.most is None else f"at most {self.most:g}"
        verdict = "pass" if self.passed else "FAIL"
        return f"{verdict}: {self.text}: {self.found or 'not measured'}, {limit}"


def interleaved(contenders: Sequence[T], rounds: int) -> Iterator[T]:
    """Every contender once a round, each round beginning with the next one."""
    for number in range(rounds):
        first = number % len(contenders)
        yield from contenders[first:]
        yield from contenders[:first]


def spread(figures: Sequence[float]) -> Spread:
    """What several figures have in common."""
    return Spread(median(figures), min(figures), max(figures))


def ratio(costs: Costs, one: str, other: str, figure: Callable[[Cost], float]) -> Spread | None:
    """Round by round, how many times the figure of ``other`` that of ``one`` is."""
    if not costs.get(one) or not costs.get(other):
        return None
    pairs = zip(costs[one], costs[other], strict=True)
    return spread([figure(mine) / figure(theirs) for mine, theirs in pairs])


def speed(cost: Cost) -> float:
    """Something that is twice as large where the same took half as long."""
    return 1 / cost.seconds


def cpu(cost: Cost) -> float:
    """Seconds of processor time, user and system."""
    # The kernel counts in ticks; a tiny run may have none.
    return max(cost.cpu_seconds, 0.001)
