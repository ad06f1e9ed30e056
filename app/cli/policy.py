"""``policy``: what is set to be recorded and what is left out, before and after it happens."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import click

from app.cli.accounts import account_text
from app.cli.days import DAY, check_span, end_of, start_of
from app.cli.output import complain, json_option, print_json, print_table, say
from app.cli.tools import command_runtime
from app.db.auto_record import flips
from app.errors import NotFound, WebexError
from app.ingestion import auto_record
from app.ingestion import policy as use_case
from app.ingestion.policy import Forecast
from app.ingestion.wording import one_line
from app.models.planned import AutoRecord
from app.models.times import format_time, utc_now
from app.models.words import Flip
from app.runtime import Runtime

_WEEK = timedelta(days=7)

_FORECASTS = {
    Flip.SWITCHING: "would be switched on",
    Flip.ALREADY_ON: "is on already",
    Flip.NOT_WANTED: "no",
    Flip.NOT_POSSIBLE: "not possible",
    Flip.UNDONE: "no, undone",
}


@dataclass(frozen=True, slots=True)
class _Span:
    since: datetime
    until: datetime
    hosts: tuple[str, ...]


def _span_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say which meetings of Webex's lists a command is about."""
    for option in (
        click.option(
            "--host",
            "hosts",
            metavar="EMAIL",
            multiple=True,
            help="Whose planned meetings administrators see, besides hosts that the policy names.",
        ),
        click.option(
            "--to", "until", type=DAY, help="To this UTC day, included; default: in a week."
        ),
        click.option(
            "--from", "since", type=DAY, help="From this UTC day on; default: a week ago."
        ),
    ):
        command = option(command)
    return command


@click.group()
def policy() -> None:
    """Say what the policy records and leaves out, or undo it.

    \b
    Example: webex-ingest policy check
    """


@policy.command()
@_span_options
@json_option
def check(
    since: datetime | None, until: datetime | None, hosts: tuple[str, ...], as_json: bool
) -> None:
    """Show what the policy makes of all meetings of some days.

    Changes nothing anywhere. Exits with 1 if an account could not be asked for all of them.

    \b
    Example: webex-ingest policy check --from yesterday
    """
    runtime = command_runtime()
    found, are_all = _forecasts(runtime, _span(since, until, hosts))
    if as_json:
        print_json([_forecast_json(each) for each in found])
    else:
        _print_forecasts(runtime, found)
    if not are_all:
        raise SystemExit(1)


def _print_forecasts(runtime: Runtime, found: Sequence[Forecast]) -> None:
    if not (runtime.settings.policy.switches_on or runtime.settings.policy.excludes):
        say("No policy is set (POLICY_FILE): nothing is switched on, all is ingested.")
    if found:
        head = ("START", "HOST", "TITLE", "RECORD", "INGEST", "BECAUSE", "MEETING")
        print_table(head, [_forecast_row(each) for each in found], whole=("MEETING",))
    say(_summary(found))


@policy.command()
@click.argument("meeting_ids", metavar="[MEETING_ID]...", nargs=-1)
@_span_options
@json_option
def apply(
    meeting_ids: tuple[str, ...],
    since: datetime | None,
    until: datetime | None,
    hosts: tuple[str, ...],
    as_json: bool,
) -> None:
    """Let the policy look at planned meetings again.

    Meetings that were there before it are looked at as if they were new. Those that are named are
    looked at even if they were undone. Returns once that is recorded; `webex-ingest policy list`
    shows what came of it.

    \b
    Example: webex-ingest policy apply --to 2026-04-30
    """
    runtime = command_runtime()
    if not runtime.settings.policy.switches_on:
        raise click.UsageError("no rule of the policy says `record = true` (POLICY, POLICY_FILE)")
    are_all = True
    if meeting_ids:
        applied = use_case.apply_to(runtime.bench, meeting_ids)
    else:
        found, are_all = _forecasts(runtime, _span(since, until, hosts))
        applied = use_case.apply(runtime.bench, found)
    if as_json:
        print_json({"meetings": applied})
    else:
        say(f"{len(applied)} planned meeting(s) will be looked at.")
    if not are_all:
        raise SystemExit(1)


@policy.command("list")
@json_option
def list_flips(as_json: bool) -> None:
    """List the planned meetings that the policy has wanted.

    \b
    Example: webex-ingest policy list
    """
    runtime = command_runtime()
    with runtime.bench.database.reading() as session:
        rows = flips(session, [each for each in Flip if each is not Flip.NOT_WANTED])
    if as_json:
        print_json([_flip_json(each) for each in rows])
    elif not rows:
        say("The policy has not wanted any planned meeting to be recorded yet.")
    else:
        head = ("START", "HOST", "TITLE", "RECORDING", "BECAUSE", "MEETING")
        print_table(head, [_flip_row(each) for each in rows], whole=("MEETING",))


@policy.command()
@click.argument("meeting_ids", metavar="[MEETING_ID]...", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Everything that was ever switched on.")
@json_option
def undo(meeting_ids: tuple[str, ...], everything: bool, as_json: bool) -> None:
    """Switch off again what the policy switched on.

    It is left alone from then on. Exits with 1 if Webex refused one.

    \b
    Example: webex-ingest policy undo --all
    """
    if bool(meeting_ids) == everything:
        raise click.UsageError("name the meetings, or say --all")
    bench = command_runtime().bench
    came = auto_record.undo(bench, meeting_ids or auto_record.switched_on(bench))
    if as_json:
        print_json([{"meeting_id": each, "error": error} for each, error in came.items()])
    elif not came:
        say("Nothing is switched on that could be undone.")
    for each, error in came.items() if not as_json else ():
        say(f"{each}: {one_line(error) or 'is not recorded automatically any more'}")
    if any(came.values()):
        raise SystemExit(1)


def _span(since: datetime | None, until: datetime | None, hosts: tuple[str, ...]) -> _Span:
    check_span(since, until)
    now = utc_now()
    first = start_of(since) or (end_of(until) or now) - _WEEK
    return _Span(first, end_of(until) or max(now, first) + _WEEK, hosts)


def _forecasts(runtime: Runtime, span: _Span) -> tuple[list[Forecast], bool]:
    """What the policy makes of these days, and whether every account could be asked."""
    if not runtime.bench.accounts.names():
        raise NotFound("there is no account: `webex-ingest login NAME` adds one")
    unasked: list[str] = []

    def tell(name: str, error: WebexError) -> None:
        unasked.append(name)
        complain(f"account {account_text(name)} could not tell everything: {error}")

    found = use_case.forecast(
        runtime.bench, since=span.since, until=span.until, hosts=span.hosts, unasked=tell
    )
    in_order = sorted(found, key=lambda each: (each.meeting.start or span.since, each.meeting.id))
    return in_order, not unasked


def _summary(found: Sequence[Forecast]) -> str:
    planned = [each for each in found if each.flip is not None]
    past = [each for each in found if each.flip is None]
    switched = sum(each.flip is Flip.SWITCHING for each in planned)
    left_out = sum(not each.ingest.wanted for each in past)
    return (
        f"{switched} of {len(planned)} planned meeting(s) would be switched on, "
        f"{left_out} of {len(past)} past one(s) are left out."
    )


def _forecast_json(each: Forecast) -> dict[str, Any]:
    word = "switch_on" if each.flip is Flip.SWITCHING else each.flip
    return {
        "meeting_id": each.meeting.id,
        "account": each.account,
        "host_email": each.meeting.host_email,
        "title": each.meeting.title,
        "type": each.meeting.scheduled_type,
        "start": format_time(each.meeting.start) if each.meeting.start else None,
        "record": word,
        "record_rule": each.rule or None,
        "why": each.why,
        "ingest": each.ingest.wanted,
        "ingest_rule": each.ingest.rule,
    }


def _forecast_row(each: Forecast) -> tuple[str, ...]:
    record = _FORECASTS[each.flip] if each.flip else ""
    reasons = [each.why or each.rule, "" if each.ingest.wanted else each.ingest.rule]
    return (
        _when(each.meeting.start),
        each.meeting.host_email or "",
        each.meeting.title or "",
        record,
        "yes" if each.ingest.wanted else "no",
        "; ".join(dict.fromkeys(filter(None, reasons))),
        each.meeting.id,
    )


def _flip_json(row: AutoRecord) -> dict[str, Any]:
    times = ("start_at", "switched_at", "undone_at", "next_attempt_at")
    told = {name: getattr(row, name) for name in times}
    return {
        "meeting_id": row.meeting_id,
        "account": row.account,
        "host_email": row.host_email,
        "title": row.title,
        "record": "to_be_undone" if _is_half_undone(row) else row.flip,
        "rule": row.rule,
        "why": row.why,
        **{name: format_time(each) if each else None for name, each in told.items()},
    }


def _flip_row(row: AutoRecord) -> tuple[str, ...]:
    return (
        _when(row.start_at),
        row.host_email or "",
        row.title or "",
        "to be undone" if _is_half_undone(row) else row.flip.replace("_", " "),
        row.why or row.rule or "",
        row.meeting_id,
    )


def _is_half_undone(row: AutoRecord) -> bool:
    return row.flip == Flip.UNDONE and row.undone_at is None


def _when(moment: datetime | None) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M}" if moment else ""
