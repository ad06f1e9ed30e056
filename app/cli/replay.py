"""``replay``: stored webhooks once more, as if Webex had just delivered them."""

import math
import time
from datetime import datetime

import click

from app.cli.days import DAY, check_span, end_of, start_of
from app.cli.follow import follow
from app.cli.output import json_option, print_json, say
from app.cli.tools import command_runtime
from app.cli.work import wait_option
from app.ingestion import replay as use_case
from app.ingestion.replay import Replayed
from app.ingestion.workbench import Workbench

_LOOK_SECONDS = 0.5
_SILENT_SECONDS = 3
"""For how long nobody has to wonder why nothing happens."""

_SWEEP_EXPIRES_SECONDS = 10


@click.command()
@click.option("--from", "since", type=DAY, help="Events that came last on this UTC day or later.")
@click.option("--to", "until", type=DAY, help="Events that came last on this UTC day or earlier.")
@click.option("--quarantined", is_flag=True, help="Only those of which nothing came.")
@wait_option
@json_option
def replay(
    since: datetime | None, until: datetime | None, quarantined: bool, wait: bool, as_json: bool
) -> None:
    """Work through stored webhooks again.

    All of them unless you say which. What is done stays done; a file is downloaded again only
    where Webex has another one.

    \b
    Example: webex-ingest replay --quarantined
    """
    check_span(since, until)
    runtime = command_runtime()
    bench = runtime.bench
    replayed = use_case.replay(
        bench,
        since=start_of(since),
        until=end_of(until),
        put_aside=quarantined,
    )
    if runtime.settings.celery_broker_url:
        # Without a broker of its own to ask, `serve` finds them with its next sweep.
        runtime.broker.ask_for_sweep(expires_seconds=_SWEEP_EXPIRES_SECONDS)
    if not as_json:
        say(_told(replayed))
    meetings = _followed(bench, replayed) if wait else []
    ended_well = follow(bench, meetings, quiet=as_json) if meetings else True
    if as_json:
        days = {str(day): count for day, count in sorted(replayed.days.items())}
        told = {"meetings": meetings, "complete": ended_well} if wait else {}
        print_json({"replayed": len(replayed.ids), "days": days, **told})
    if not ended_well:
        raise SystemExit(1)


def _told(replayed: Replayed) -> str:
    if not replayed.ids:
        return "No stored event is among these: there is nothing to replay."
    first, last = min(replayed.days), max(replayed.days)
    span = f"of {first}" if first == last else f"of {len(replayed.days)} days, {first} to {last},"
    return f"{len(replayed.ids):,} event(s) {span} will be worked through again."


def _followed(bench: Workbench, replayed: Replayed) -> list[str]:
    """The meetings concerned, once a sweep has worked through all these events."""
    tell_at = time.monotonic() + _SILENT_SECONDS
    while left := use_case.still_new(bench, replayed):
        if time.monotonic() > tell_at:
            say(_waits_for(left), err=True)
            tell_at = math.inf
        time.sleep(_LOOK_SECONDS)
    return use_case.meetings_of(bench, replayed)


def _waits_for(left: int) -> str:
    return (
        f"{left:,} event(s) still wait for a sweep or for Webex. Sweeps need `serve`, or beat and "
        "a worker of the queue `control`. Ctrl-C ends the waiting and changes nothing."
    )
