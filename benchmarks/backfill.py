"""What it costs to wait for many meetings and to discover them, and how it grows with workers."""

import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import click

from app.logs import configure_logs
from benchmarks.backfill_runs import (
    Cost,
    Pace,
    Places,
    discover,
    places,
    served_by,
    wait_for,
)
from benchmarks.figures import Bar, spread
from benchmarks.options import with_places
from benchmarks.reporting import Section, write_results

WAITING_AT_MOST = 0.25
DISCOVERY_AT_MOST = 0.05
_ARRIVALS = {"all end in one minute": 60, "they end over four hours": 4 * 3600}
_WORKERS = (1, 2, 4)
_RATIO = (
    "*ratio*: questions about lists, each page counted, against one for each look at a meeting: "
    "the attempts of the rows of these lists, which is what the same schedule costs when each "
    "meeting is asked for alone."
)
_ALL_REQUESTS = (
    "*all requests*: with details and participants, one for each recording, three for each "
    "transcript."
)
_SHARED_CORES = (
    "Each has a recording and a transcript of a few kilobytes. Eight threads a process; the "
    "simulator, Postgres and the workers share the cores of this machine."
)


@click.command()
@with_places
@click.option("--meetings", envvar="BENCH_MEETINGS", default=1000, help="How many are waited for.")
@click.option(
    "--fast", envvar="BENCH_FAST_MEETINGS", default=300, help="How many for the speed, or 0."
)
def main(meetings: int, fast: int, folder: Path, results: Path, bars: bool) -> None:
    """Count requests in simulated hours; then let real workers fetch, as fast as they can."""
    folder.mkdir(parents=True, exist_ok=True)
    configure_logs(log_format="json", secrets=())
    sections = []
    with places(folder) as made:
        measures: list[Callable[[], Section]] = [
            lambda: _waiting(meetings, made),
            lambda: _discovery(meetings, made),
        ]
        if fast:
            measures.append(lambda: _speed(fast, made))
        for measure in measures:
            sections.append(measure())
            click.echo(sections[-1].text())
    settings = {"meetings": meetings, "meetings for the speed": fast}
    write_results(results, "backfill", "Waiting and backfill", settings, sections)
    if bars and not all(section.passed for section in sections):
        sys.exit(1)


def _waiting(meetings: int, made: Places) -> Section:
    costs = {}
    for number, (name, seconds) in enumerate(_ARRIVALS.items()):
        click.echo(f"waiting: {name} ...", err=True)
        costs[name] = wait_for(meetings, seconds, made.counting(f"waiting{number}"))
    rows = [(name, *_counts(cost), f"{cost.ratio:.3f}") for name, cost in costs.items()]
    heads = ("", "looks", "questions about lists", "all requests", "complete", "ratio")
    return Section(
        f"{meetings:,} meetings wait half an hour for recordings and transcripts",
        heads,
        rows,
        [
            "No webhook tells of a recording or a transcript; all is found by looking.",
            _RATIO,
            _ALL_REQUESTS,
        ],
        [
            Bar(f"{name}, ratio", spread([cost.ratio]), most=WAITING_AT_MOST)
            for name, cost in costs.items()
        ]
        + [_complete(meetings, list(costs.values()))],
        {name: asdict(cost) for name, cost in costs.items()},
    )


def _discovery(meetings: int, made: Places) -> Section:
    click.echo("discovery ...", err=True)
    cost = discover(meetings, made.counting("discovery"))
    per_meeting = cost.questions / meetings
    return Section(
        f"{meetings:,} meetings of six days, of which no webhook came, found by one backfill",
        ("questions to find them", "a meeting", "questions to bring them", "complete"),
        [(f"{cost.questions:,}", f"{per_meeting:.3f}", f"{cost.requests:,}", f"{cost.complete:,}")],
        ["*questions to bring them*: all requests to the API after that, with those for files."],
        [
            Bar("questions a meeting", spread([per_meeting]), most=DISCOVERY_AT_MOST),
            _complete(meetings, [cost]),
        ],
        asdict(cost),
    )


def _speed(meetings: int, made: Places) -> Section:
    paces: dict[int, Pace] = {}
    for workers in _WORKERS:
        click.echo(f"speed: {workers} worker process(es) ...", err=True)
        paces[workers] = served_by(workers, meetings, made.timing(f"speed{workers}"))
    alone = paces[1].per_minute
    rows: list[tuple[str, ...]] = [
        (str(workers), f"{pace.per_minute:,.0f}", f"{pace.per_minute / alone:.2f}")
        for workers, pace in paces.items()
    ]
    return Section(
        f"{meetings:,} meetings on Postgres, 50 ms for each answer of Webex, no budget",
        ("worker processes", "meetings/min", "against one"),
        rows,
        [_SHARED_CORES],
        [],
        {str(workers): asdict(pace) for workers, pace in paces.items()},
    )


def _counts(cost: Cost) -> tuple[str, ...]:
    counts = (cost.looks, cost.questions, cost.requests, cost.complete)
    return tuple(f"{each:,}" for each in counts)


def _complete(meetings: int, costs: list[Cost]) -> Bar:
    missing = max(meetings - cost.complete for cost in costs)
    return Bar("meetings that are not complete", spread([float(missing)]), most=0)


if __name__ == "__main__":
    main()
