"""``ingest`` and ``retry``: work that people ask for."""

from datetime import datetime

import click

from app.cli.completion import complete_meeting_ids, complete_reasons
from app.cli.days import DAY, check_span, end_of, start_of
from app.cli.follow import follow
from app.cli.output import complain, json_option, print_json, say
from app.cli.tools import command_runtime
from app.db import figures
from app.errors import PartialList
from app.ingestion import commands
from app.ingestion.workbench import Workbench
from app.models.words import State

wait_option = click.option("--wait", is_flag=True, help="Follow the work to its end.")


@click.command()
@click.argument(
    "meeting_ids",
    metavar="MEETING_ID...",
    nargs=-1,
    required=True,
    shell_complete=complete_meeting_ids,
)
@wait_option
@json_option
def ingest(meeting_ids: tuple[str, ...], wait: bool, as_json: bool) -> None:
    """Ingest these meetings now, whether or not a webhook came.

    A MEETING_ID is that of an ended meeting (with _I_ in it), of a scheduled meeting, or of
    a series; the last two mean all their ended meetings of the last year.

    \b
    Example: webex-ingest ingest 5878d18cf1b35ce266b032ecee7d5ce3_I_380851175556077895 --wait
    """
    bench = command_runtime().bench
    instances: list[str] = []
    unread: list[str] = []
    for meeting_id in meeting_ids:
        try:
            instances += commands.resolve_instances(bench, meeting_id)
        except PartialList as error:
            instances += error.items
            unread.append(f"not every meeting of {meeting_id} is known: {error}")
    commands.request_meetings(bench, instances)
    if not as_json:
        say(f"{len(instances)} meeting(s) will be ingested.")
    ended_well = follow(bench, instances, quiet=as_json) if wait and instances else True
    if as_json:
        print_json({"meetings": instances, "complete": ended_well if wait else None})
    for sentence in unread:
        complain(sentence)
    if unread or not ended_well:
        raise SystemExit(1)


@click.command()
@click.argument(
    "meeting_ids",
    metavar="[MEETING_ID...]",
    nargs=-1,
    shell_complete=complete_meeting_ids,
)
@click.option("--failed", is_flag=True, help="Try what failed.")
@click.option("--absent", is_flag=True, help="Try what is absent for a reason.")
@click.option(
    "--reason",
    metavar="WORD",
    shell_complete=complete_reasons,
    help="Only with this reason or error, as `status --json` tells it.",
)
@click.option("--host", metavar="EMAIL", help="Only meetings of this host.")
@click.option("--since", type=DAY, help="Only meetings from this UTC day on.")
@click.option("--until", type=DAY, help="Only meetings to this UTC day, included.")
@wait_option
@json_option
def retry(
    meeting_ids: tuple[str, ...],
    failed: bool,
    absent: bool,
    reason: str | None,
    host: str | None,
    since: datetime | None,
    until: datetime | None,
    wait: bool,
    as_json: bool,
) -> None:
    """Try again what failed or is absent.

    Of the meetings that are named, or of all that fit. Of named meetings and of a reason that is
    both, otherwise what failed, unless you say.

    \b
    Example: webex-ingest retry --failed --since yesterday
    """
    if not (meeting_ids or failed or absent or reason or host or since or until):
        raise click.UsageError("name the meetings, or say --failed for all that failed")
    check_span(since, until, names=("--since", "--until"))
    bench = command_runtime().bench
    chosen = [
        state for state, is_told in ((State.FAILED, failed), (State.ABSENT, absent)) if is_told
    ]
    usual = [State.FAILED, State.ABSENT] if meeting_ids or reason else [State.FAILED]
    count, meetings = commands.retry(
        bench,
        meeting_ids,
        states=tuple(chosen or usual),
        reason=reason,
        host_email=host,
        since=start_of(since),
        until=end_of(until),
    )
    if not as_json:
        say(f"{count} resource(s) will be tried again.")
        if reason and not count:
            say(_reasons(bench))
    ended_well = follow(bench, meetings, quiet=as_json) if wait and meetings else True
    if as_json:
        print_json({"retried": count, "meetings": meetings})
    if not ended_well:
        raise SystemExit(1)


def _reasons(bench: Workbench) -> str:
    with bench.database.reading() as session:
        counts = figures.count_reasons(session)
    told = ", ".join(f"{reason} ({counts[reason]})" for reason in sorted(counts))
    return f"What failed or is absent has these reasons: {told or 'none, there is nothing'}."
