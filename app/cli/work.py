"""``ingest`` and ``retry``: work that people ask for."""

from datetime import UTC, datetime

import click

from app.cli.follow import follow
from app.cli.output import json_option, print_json
from app.cli.tools import command_runtime
from app.errors import PartialList
from app.ingestion import commands

wait_option = click.option("--wait", is_flag=True, help="Follow the work to its end.")


@click.command()
@click.argument("meeting_ids", metavar="MEETING_ID...", nargs=-1, required=True)
@wait_option
@json_option
def ingest(meeting_ids: tuple[str, ...], wait: bool, as_json: bool) -> None:
    """Ingest these meetings now, whether or not a webhook came.

    A MEETING_ID is that of an ended meeting (with _I_ in it), of a scheduled meeting, or of
    a series; the last two mean all their ended meetings of the last year.
    """
    bench = command_runtime().bench
    instances: list[str] = []
    unread: list[str] = []
    for meeting_id in meeting_ids:
        try:
            instances += commands.resolve_instances(bench, meeting_id)
        except PartialList as error:
            instances += error.items
            unread.append(f"webex-ingest: not every meeting of {meeting_id} is known: {error}")
    commands.request_meetings(bench, instances)
    if not as_json:
        click.echo(f"{len(instances)} meeting(s) will be ingested.")
    ended_well = follow(bench, instances, quiet=as_json) if wait else True
    if as_json:
        print_json({"meetings": instances, "complete": ended_well if wait else None})
    for sentence in unread:
        click.echo(sentence, err=True)
    if unread or not ended_well:
        raise SystemExit(1)


@click.command()
@click.argument("meeting_ids", metavar="[MEETING_ID...]", nargs=-1)
@click.option("--failed", is_flag=True, help="Everything that failed, of all meetings.")
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), help="Meetings from this UTC day on.")
@wait_option
@json_option
def retry(
    meeting_ids: tuple[str, ...], failed: bool, since: datetime | None, wait: bool, as_json: bool
) -> None:
    """Try again what failed; of named meetings also what was absent, unless you say --failed."""
    if not meeting_ids and not failed and since is None:
        raise click.UsageError("name the meetings, or say --failed for all that failed")
    bench = command_runtime().bench
    day = since.replace(tzinfo=UTC) if since else None
    count, meetings = commands.retry(bench, meeting_ids, failed_only=failed, since=day)
    if not as_json:
        click.echo(f"{count} resource(s) will be tried again.")
    ended_well = follow(bench, meetings, quiet=as_json) if wait and meetings else True
    if as_json:
        print_json({"retried": count, "meetings": meetings})
    if not ended_well:
        raise SystemExit(1)
