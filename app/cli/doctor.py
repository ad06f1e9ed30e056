"""``doctor``: one line for each thing that must be right, and how to mend it."""

from collections.abc import Iterator

import click

from app.cli import checks_here as here
from app.cli import checks_webex as webex
from app.cli import checks_work as work
from app.cli.check import Check, Look, warn
from app.cli.output import json_option, print_json, say
from app.cli.tools import command_runtime
from app.ingestion.wording import one_line
from app.runtime import Runtime

_WITHOUT_A_DATABASE: tuple[Look, ...] = (
    here.python,
    here.sqlite,
    here.open_files,
    here.env_file,
    here.encryption_key,
    here.operator_password,
    here.archive,
    here.disk,
    work.broker,
    work.workers,
    webex.clock,
    webex.public_url,
)
_OF_THE_DATABASE: tuple[Look, ...] = (
    work.sweep,
    work.known_meetings,
    work.damaged,
    work.scrub,
    webex.accounts,
    webex.webhooks,
    work.policy,
)
LOOKS: tuple[Look, ...] = (*_WITHOUT_A_DATABASE, work.database, *_OF_THE_DATABASE)
"""Everything that is looked at, in the order in which it is told."""


@click.command()
@json_option
def doctor(as_json: bool) -> None:
    """Look at everything that must be right, and how to mend it.

    Prints one line for each: OK, WARN (it works, or soon will not) or FAIL, and below what is not
    OK a command or a setting that mends it. Exits with 1 when something fails.

    \b
    Example: webex-ingest doctor
    """
    checks = []
    for each in examine(command_runtime(with_database=False)):
        checks.append(each)
        if not as_json:
            _tell(each)
    if as_json:
        print_json([each.model_dump() for each in checks])
    if any(each.verdict == "FAIL" for each in checks):
        raise SystemExit(1)


def examine(runtime: Runtime) -> Iterator[Check]:
    """Look at everything; without a database at what needs none."""
    for look in _WITHOUT_A_DATABASE:
        yield from look(runtime)
    found = [*work.database(runtime)]
    yield from found
    if any(each.verdict == "FAIL" for each in found):
        more = f"{len(_OF_THE_DATABASE)} more checks need the database"
        yield warn("others", more, "Mend it, then run `webex-ingest doctor` again.")
        return
    for look in _OF_THE_DATABASE:
        yield from look(runtime)


def _tell(check: Check) -> None:
    say(f"{check.verdict:5} {check.name}: {one_line(check.found)}")
    if check.mend:
        say(f"      {one_line(check.mend)}")
