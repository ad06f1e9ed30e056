"""``backfill``: what Webex lists of some days and nobody told us of."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import click

from app.cli.accounts import account_text
from app.cli.days import DAY, check_span, end_of, start_of
from app.cli.follow import follow
from app.cli.output import complain, json_option, print_json, print_table, say
from app.cli.progress import progress, shows_lines
from app.cli.tools import command_runtime, wait_for_budget
from app.cli.work import wait_option
from app.db.cursors import Feed
from app.errors import WebexError
from app.ingestion import backfill as use_case
from app.ingestion.backfill import Span, Step
from app.ingestion.wording import size_text
from app.ingestion.workbench import Workbench
from app.models.times import format_time


@click.command()
@click.option("--from", "since", type=DAY, required=True, help="From this UTC day on.")
@click.option("--to", "until", type=DAY, required=True, help="To this UTC day, included.")
@click.option("--host", metavar="EMAIL", help="Only meetings of this host.")
@click.option("--dry-run", is_flag=True, help="Say what is new, and change nothing.")
@wait_option
@json_option
def backfill(
    since: datetime, until: datetime, host: str | None, dry_run: bool, wait: bool, as_json: bool
) -> None:
    """Ingest what Webex lists and no webhook told of.

    Looks through Webex's lists of some UTC days. Started again after it was stopped it goes on
    where it was. What is fresh goes first.

    \b
    Example: webex-ingest backfill --from 2026-03-01 --to yesterday --dry-run
    """
    check_span(since, until)
    bench = command_runtime().bench
    span = _span(bench, since, until, host)
    purpose = f"{since:%Y-%m-%d}..{until:%Y-%m-%d}" + (f" {host.casefold()}" if host else "")
    told = _Told()
    try:
        steps, whole = _steps(bench, purpose, span, told, dry_run=dry_run)
        for step in _shown(steps, whole, quiet=as_json):
            told.count(step)
    except KeyboardInterrupt:
        stopped = "Nothing was changed." if dry_run else "The same command goes on where it was."
        raise click.Abort(stopped) from None
    complete = None
    if wait and not dry_run and told.meeting_ids:
        complete = follow(bench, sorted(told.meeting_ids), quiet=as_json)
    _print(told, dry_run=dry_run, complete=complete, as_json=as_json)
    if told.refused or complete is False:
        raise SystemExit(1)


@dataclass(slots=True)
class _Told:
    """What was found, by list, and what could not be read."""

    listed: Counter[Feed] = field(default_factory=Counter)
    new: Counter[Feed] = field(default_factory=Counter)
    new_bytes: Counter[Feed] = field(default_factory=Counter)
    meeting_ids: set[str] = field(default_factory=set)
    refused: list[tuple[Feed, WebexError]] = field(default_factory=list)

    def count(self, step: Step) -> None:
        self.listed[step.feed] += step.listed
        self.new[step.feed] += step.new
        self.new_bytes[step.feed] += step.new_bytes
        self.meeting_ids |= step.meeting_ids

    def refuse(self, feed: Feed, error: WebexError) -> None:
        self.refused.append((feed, error))


def _span(bench: Workbench, since: datetime, until: datetime, host: str | None) -> Span:
    now, begin = bench.clock(), start_of(since)
    assert begin is not None
    if begin > now:
        raise click.UsageError("--from lies ahead: Webex lists what has ended")
    return Span(begin, min(end_of(until) or now, now), host)


def _steps(
    bench: Workbench, purpose: str, span: Span, told: _Told, *, dry_run: bool
) -> tuple[Iterator[Step], timedelta]:
    """The windows to be read, and how much time they are of all together."""
    if dry_run:
        feeds = list(use_case.feeds_of(bench, span, told.refuse))
        steps = use_case.look_through(bench, feeds, span, refused=told.refuse, wait=wait_for_budget)
        return steps, len(feeds) * (span.until - span.since)
    is_new = not use_case.left_of(bench, purpose)
    if not is_new:
        say("Going on where it was stopped.", err=True)
    use_case.begin(bench, purpose, span, told.refuse, is_new=is_new)
    left = use_case.left_of(bench, purpose)
    steps = use_case.read_on(
        bench, purpose, refused=told.refuse, host_email=span.host_email, wait=wait_for_budget
    )
    return steps, sum((each.until - each.since for _, each in left), timedelta())


def _shown(steps: Iterable[Step], whole: timedelta, *, quiet: bool) -> Iterator[Step]:
    """Show steps as they come: a bar on a terminal, a line for each elsewhere."""
    tells, seconds = shows_lines(quiet=quiet), 0.0
    with progress("Reading lists", whole.total_seconds(), quiet=quiet, lines=False) as show:
        for step in steps:
            if tells:
                say(_line(step))
            seconds += (step.reached - step.since).total_seconds()
            show(seconds, f"until {format_time(step.reached)}")
            yield step


def _line(step: Step) -> str:
    found = f"{step.listed} listed, {step.new} new"
    return f"{_name(step.feed)} until {format_time(step.reached)}: {found}"


def _name(feed: Feed) -> str:
    account, resource, site = feed
    return " ".join(filter(None, [account_text(account), resource or "its sites", site]))


def _print(told: _Told, *, dry_run: bool, complete: bool | None, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "dry_run": dry_run,
                "lists": [_list_json(told, feed) for feed in told.listed],
                "meetings": sorted(told.meeting_ids),
                "complete": complete,
                "refused": [
                    {**_feed_json(feed), "error": str(error)} for feed, error in told.refused
                ],
            }
        )
        return
    _print_lists(told)
    were = "would be" if dry_run else "were" if complete else "will be"
    say(f"{len(told.meeting_ids)} meeting(s) {were} ingested.")
    for feed, error in told.refused:
        complain(f"{_name(feed)} could not be read to the end: {error}")


def _print_lists(told: _Told) -> None:
    rows: Sequence[Sequence[object]] = [
        (
            account_text(feed[0]),
            feed[1],
            feed[2] or "all",
            told.listed[feed],
            told.new[feed],
            size_text(told.new_bytes[feed]) if told.new_bytes[feed] else "-",
        )
        for feed in told.listed
    ]
    if rows:
        print_table(("ACCOUNT", "LIST", "SITE", "LISTED", "NEW", "BYTES"), rows)


def _list_json(told: _Told, feed: Feed) -> dict[str, object]:
    return {
        **_feed_json(feed),
        "listed": told.listed[feed],
        "new": told.new[feed],
        "new_bytes": told.new_bytes[feed],
    }


def _feed_json(feed: Feed) -> dict[str, str | None]:
    return {"account": feed[0], "resource": feed[1] or None, "site_url": feed[2] or None}
