"""What people look at: the list by each filter, one meeting, a search; asked in turns, its p95."""

import math
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from itertools import product
from statistics import median
from typing import Any

import click

from app.db.search import search, terms_of
from app.ingestion.listing import list_meetings, suggestions
from app.ingestion.status import meeting_status
from app.models.listing import Filters
from app.models.times import utc_now
from app.runtime import Runtime
from benchmarks.figures import Bar, spread
from benchmarks.reporting import Section
from benchmarks.scale_rows import HITS, RARE

_MOST_TIMES = 2.0
_WARM_UP = 3
_LEAST_SECONDS = 0.001
_LINES = 50
EVERY_KIND = 10_000
"""With so many meetings each filter of ``FILTERS`` finds some."""

Look = Callable[[], object]

with_asks = click.option(
    "--asks", envvar="BENCH_ASKS", default=100, help="How often each is looked at."
)

_DAY = f"{utc_now() - timedelta(days=1):%Y-%m-%d}"
FILTERS: dict[str, dict[str, str]] = {
    "all": {},
    "a host of many": {"host": "host5@example.com"},
    "a host of few": {"host": "rare@example.com"},
    "a site of many": {"site": "example.webex.com"},
    "a site of few": {"site": "rare.webex.com"},
    "an account of few": {"account": "rare"},
    "a day": {"since": _DAY, "until": _DAY},
    "complete, nearly all": {"state": "complete"},
    "left out, a tenth": {"state": "left_out"},
    "failed, few": {"state": "failed"},
    "waiting, few": {"state": "waiting"},
    "in progress, few": {"state": "in_progress"},
    "running, few": {"state": "running"},
    "a reason of a third": {"reason": "not_available"},
    "a reason of few": {"reason": "no_permission"},
    "an error of few": {"reason": "media_broken"},
    "failed at a site of many": {"state": "failed", "site": "example.webex.com"},
    "left out of a host of many": {"state": "left_out", "host": "host4@example.com"},
    "a reason of many, of a day": {"reason": "not_available", "since": _DAY, "until": _DAY},
}
"""What the list is asked for, and of how many of the meetings that is true."""


def middle_of(count: int) -> str:
    """The meeting in the middle of the years."""
    return _meeting(count // 2)


def settled_of(count: int) -> str:
    """A meeting that nothing waits for; the same one wherever there are some thousand."""
    return _meeting(min(1234, count // 2))


def _meeting(number: int) -> str:
    return f"meeting-{number}_I_{number}"


def looks(runtime: Runtime, count: int) -> dict[str, Look]:
    """What the pages ask a database of so many meetings for."""
    bench, middle = runtime.bench, middle_of(count)
    told: dict[str, Any] = {"now": utc_now(), "lease_seconds": bench.pace.lease_seconds}

    def listed(filters: dict[str, str], **place: Any) -> Look:
        which = Filters.model_validate(filters)

        def look() -> None:
            page = list_meetings(bench.database, filters=which, limit=_LINES, **told, **place)
            assert page.lines or count < EVERY_KIND, filters

        return look

    def find() -> None:
        with bench.database.reading() as session:
            assert len(search(session, terms_of(RARE), limit=HITS).hits) == HITS

    return {
        **{f"list: {name}": listed(filters) for name, filters in FILTERS.items()},
        "list: below the middle": listed({}, before=middle),
        "list: above the middle": listed({}, after=middle),
        "list: complete ones below it": listed({"state": "complete"}, before=middle),
        "suggestions": lambda: suggestions(bench.database, host="host1"),
        "one meeting": lambda: meeting_status(bench.database, settled_of(count), **told),
        f"search with {HITS} hits": find,
    }


def look_in_turns(title: str, asked: Mapping[int, Mapping[str, Look]], asks: int) -> Section:
    """Look at the same at every size, in turns; the p95 with the most against the fewest."""
    counts = sorted(asked)
    took: dict[str, dict[int, list[float]]] = {}
    for what in asked[counts[0]]:
        click.echo(f"{title}, {what} ...", err=True)
        took[what] = {count: [] for count in counts}
        for number, count in product(range(-min(_WARM_UP, asks - 1), asks), counts):
            began = time.perf_counter()
            asked[count][what]()
            if number >= 0:
                took[what][count].append(time.perf_counter() - began)
    return Section(
        f"{title}, p95 (median) in milliseconds by meetings",
        ("what", *(f"{count:,}" for count in counts)),
        [(what, *(_cell(each[count]) for count in counts)) for what, each in took.items()],
        [f"Each was asked {asks} times at each size, in turns; ratios are those of the p95."],
        [
            Bar(
                f"{what}, p95 of the most against the fewest",
                spread([_least(each[counts[-1]]) / _least(each[counts[0]])]),
                most=_MOST_TIMES,
            )
            for what, each in took.items()
        ],
        {
            what: {str(count): _figures(each[count]) for count in counts}
            for what, each in took.items()
        },
    )


def _figures(seconds: list[float]) -> dict[str, float]:
    """Of thousands of looks their figures are kept, and not each of them."""
    return {"p95": round(p95(seconds), 6), "median": round(median(seconds), 6)}


def _cell(seconds: list[float]) -> str:
    return f"{p95(seconds) * 1000:.1f} ({median(seconds) * 1000:.1f})"


def p95(seconds: list[float]) -> float:
    """What nineteen of twenty took no longer than."""
    return sorted(seconds)[math.ceil(0.95 * len(seconds)) - 1]


def _least(seconds: list[float]) -> float:
    """The p95, or where that is less, the least that is anybody's to notice."""
    return max(p95(seconds), _LEAST_SECONDS)
