"""``report``: every meeting that Webex lists of some days, against what is here."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import click

from app.cli.days import DAY, check_span, end_of, start_of
from app.cli.output import complain, print_csv, print_json, print_table, say
from app.cli.tools import command_runtime, wait_for_budget
from app.ingestion.report import make_report, span_of
from app.ingestion.wording import age_text, one_line, size_text
from app.models.report import Report, ReportLine, Standing, Totals, lag_of, told_of, totals_by

_MOST_GAPS = 50

_COUNTED = {
    Standing.HERE: "HERE",
    Standing.WAITING: "WAITING",
    Standing.OVERDUE: "OVERDUE",
    Standing.FAILED: "FAILED",
    Standing.UNKNOWN: "UNKNOWN",
    Standing.LEFT_OUT: "LEFT OUT",
}


@click.command()
@click.option("--from", "since", type=DAY, help="From this UTC day on; default: a week ago.")
@click.option("--to", "until", type=DAY, help="To this UTC day, included; default: today.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json", "csv"]),
    default="table",
    show_default=True,
    metavar="FORMAT",
    help="table, json, or csv, in which a line is a meeting.",
)
@click.option("--json", "form", flag_value="json", help="The same as --format json.")
def report(since: datetime | None, until: datetime | None, form: str) -> None:
    """Compare what Webex lists of some days with what is here.

    Exits with 1 when there is a gap: a meeting that Webex lists and nobody knows here, that has
    failed, or that waits for longer than it should have to. What is absent for a reason is none.

    \b
    Example: webex-ingest report --from 2026-03-01 --to yesterday
    """
    check_span(since, until)
    bench = command_runtime().bench
    begin, end = span_of(start_of(since), end_of(until), bench.clock())
    if begin >= end:
        raise click.UsageError("--from lies ahead: Webex lists what has ended")
    made = make_report(bench, begin, end, wait=wait_for_budget)
    _PRINT[form](made)
    for sentence in made.unread:
        complain(f"Webex's list could not be read to its end: {sentence}")
    if not made.is_proof:
        raise SystemExit(1)


def _print_tables(made: Report) -> None:
    if made.lines:
        _print_totals("DAY", totals_by(made.lines, lambda each: each.day))
        say()
        _print_totals("HOST", totals_by(made.lines, lambda each: one_line(each.host_email) or "?"))
        say()
    for each in made.gaps[:_MOST_GAPS]:
        say(_gap(each))
    if len(made.gaps) > _MOST_GAPS:
        say(f"and {len(made.gaps) - _MOST_GAPS} more: see `--format csv`")
    unlisted = [each for each in made.lines if each.is_listed is False]
    if unlisted:
        say(f"{len(unlisted)} meeting(s) are here that Webex does not list any more.")
    say(_lag(made))
    say(_verdict(made))


def _print_totals(head: str, totals: Sequence[Totals]) -> None:
    shown = [each for each in _COUNTED if any(line.standings[each] for line in totals)]
    rows = [
        (
            each.name,
            each.meetings,
            *(each.standings[standing] for standing in shown),
            size_text(each.bytes),
        )
        for each in totals
    ]
    print_table((head, "MEETINGS", *(_COUNTED[each] for each in shown), "SIZE"), rows)


def _gap(line: ReportLine) -> str:
    whose = f"{one_line(line.host_email) or '?'}, {one_line(line.title) or 'untitled'}"
    return f"{line.day}  {line.meeting_id}  ({whose}): {line.standing}: {'; '.join(line.missing)}"


def _lag(made: Report) -> str:
    lag = lag_of(made.lines)
    if lag.p50 is None or lag.p95 is None or lag.p99 is None:
        return "No meeting of these days is complete here yet."
    return (
        f"From its end to being complete here: {age_text(lag.p50)} for half of the meetings, "
        f"{age_text(lag.p95)} for 95%, {age_text(lag.p99)} for 99%."
    )


def _verdict(made: Report) -> str:
    last = made.until - timedelta(microseconds=1)
    days = f"{made.since:%Y-%m-%d} to {last:%Y-%m-%d}"
    if made.gaps:
        return f"{len(made.gaps)} gap(s) from {days}."
    if made.unread:
        return f"No gap is known from {days}, but not all of Webex's lists could be read."
    return f"No gap from {days}: all that Webex lists is here, on its way, or absent for a reason."


def _print_json(made: Report) -> None:
    print_json(told_of(made).model_dump(mode="json"))


def _print_csv(made: Report) -> None:
    names = [
        *("day", "meeting_id", "host_email", "title", "standing", "gap", "is_listed"),
        *("missing", "absent", "bytes", "end", "archived", "lag_seconds"),
    ]
    lines = [each.model_dump(mode="json") for each in made.lines]
    print_csv(names, [[_cell(line[name]) for name in names] for line in lines])


def _cell(value: object) -> object:
    if isinstance(value, list):
        value = "; ".join(value)
    if not isinstance(value, str):
        return value
    text = one_line(value)
    # A spreadsheet would take it for a formula, and titles are anybody's.
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text


_PRINT = {"table": _print_tables, "json": _print_json, "csv": _print_csv}
