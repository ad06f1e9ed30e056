"""``verify``: the archive against the database, and what is damaged fetched again."""

from collections.abc import Sequence
from dataclasses import asdict

import click

from app.cli.completion import complete_meeting_ids
from app.cli.output import json_option, print_json, print_table, say
from app.cli.progress import progress
from app.cli.tools import command_runtime
from app.db.figures import count_stored, meetings_named
from app.errors import NotFound
from app.ingestion import verify as use_case
from app.ingestion.integrity import Finding, what_comes
from app.ingestion.verify import Verdict
from app.ingestion.wording import size_text
from app.ingestion.workbench import Workbench


@click.command()
@click.argument(
    "meeting_ids",
    metavar="[MEETING_ID...]",
    nargs=-1,
    shell_complete=complete_meeting_ids,
)
@click.option("--deep", is_flag=True, help="Read every byte and compare the checksums.")
@json_option
def verify(meeting_ids: tuple[str, ...], deep: bool, as_json: bool) -> None:
    """Look whether the archive is as it was stored.

    Of the meetings that are named, or of all. What is missing or changed is fetched again from
    Webex; a changed file is set aside beside it. Exits with 1 when anything was found.

    \b
    Example: webex-ingest verify --deep
    """
    bench = command_runtime().bench
    _refuse_unstored(bench, meeting_ids)
    verdicts = _verdicts(bench, meeting_ids, deep=deep, quiet=as_json)
    findings = [each for verdict in verdicts for each in verdict.findings]
    if as_json:
        print_json(
            {
                "meetings": len(verdicts),
                "files": sum(each.files for each in verdicts),
                "bytes": sum(each.bytes for each in verdicts),
                "deep": deep,
                "findings": [asdict(each) for each in findings],
            }
        )
    else:
        _print(verdicts, findings, deep=deep)
    if findings:
        raise SystemExit(1)


def _refuse_unstored(bench: Workbench, meeting_ids: Sequence[str]) -> None:
    """Raise NotFound before hours are spent on the others, and what was found is not told."""
    with bench.database.reading() as session:
        stored = {each.meeting_id for each in meetings_named(session, meeting_ids) if each.folder}
    if unstored := sorted({*meeting_ids} - stored):
        told = ", ".join(unstored)
        raise NotFound(f"nothing is stored of {told}: `webex-ingest status` tells why")


def _verdicts(
    bench: Workbench, meeting_ids: Sequence[str], *, deep: bool, quiet: bool
) -> list[Verdict]:
    with bench.database.reading() as session:
        stock = count_stored(session, meeting_ids)
    whole = stock.bytes if deep else stock.files
    done = 0
    with progress("Verifying", whole, quiet=quiet) as show:

        def move(count: int) -> None:
            nonlocal done
            done += count
            show(done, f"of {size_text(whole) if deep else f'{whole} files'}")

        found = []
        for each in use_case.verify(bench, meeting_ids, deep=deep, told=move):
            if not deep:
                move(each.files)
            found.append(each)
    return found


def _print(verdicts: Sequence[Verdict], findings: Sequence[Finding], *, deep: bool) -> None:
    if findings:
        rows = [(each.meeting_id, each.path, each.damage, what_comes(each)) for each in findings]
        print_table(("MEETING", "FILE", "FOUND", "WHAT COMES OF IT"), rows, whole=("MEETING",))
    files = sum(each.files for each in verdicts)
    size = size_text(sum(each.bytes for each in verdicts))
    how = "every byte read" if deep else "by name and size; --deep reads every byte"
    count = f"{len(findings)} finding(s)" if findings else "nothing is wrong"
    say(f"{files} file(s) of {len(verdicts)} meeting(s), {size}, {how}: {count}.")
