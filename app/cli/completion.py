"""``completion``: the script for a shell, and what completes the words of this installation."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import click
from click.shell_completion import CompletionItem, get_completion_class
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from app.cli.output import json_option, print_json, say
from app.config import load_settings
from app.db.accounts import all_accounts
from app.db.engine import Database
from app.db.listing import meeting_ids_from
from app.errors import IngestError
from app.models.words import Reason

_MOST = 50
_SHELLS = ("bash", "zsh", "fish")

Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


@click.command()
@click.argument("shell", type=click.Choice(_SHELLS), metavar="SHELL")
@json_option
def completion(shell: str, as_json: bool) -> None:
    """Let a shell complete commands, options and ids.

    Prints the script that does so in SHELL, which is bash, zsh or fish; the start-up file of that
    shell is where it belongs.

    \b
    Example: webex-ingest completion bash
    """
    name = click.get_current_context().find_root().info_name or "webex-ingest"
    kind = get_completion_class(shell)
    assert kind is not None
    root = click.get_current_context().find_root().command
    variable = f"_{name}_COMPLETE".replace("-", "_").upper()
    script = kind(root, {}, name, variable).source()
    print_json({"shell": shell, "script": script}) if as_json else say(script)


def complete_meeting_ids(
    _context: click.Context, _parameter: click.Parameter, begun: str
) -> list[CompletionItem]:
    """Meetings that are known here; the newest while nothing is typed."""
    return _found(lambda session: meeting_ids_from(session, begun, limit=_MOST))


def complete_accounts(
    _context: click.Context, _parameter: click.Parameter, begun: str
) -> list[CompletionItem]:
    """Accounts that have a name."""
    return _found(
        lambda session: [
            each.name for each in all_accounts(session) if each.name.startswith(begun) and each.name
        ]
    )


def complete_reasons(
    _context: click.Context, _parameter: click.Parameter, begun: str
) -> list[CompletionItem]:
    """Reasons for which something is absent or waits."""
    return [CompletionItem(each) for each in Reason if each.startswith(begun)]


def _found(ask: Callable[[Session], list[str]]) -> list[CompletionItem]:
    """What the database says; nothing where it cannot be asked, as nobody wants to read why."""
    with suppress(IngestError, SQLAlchemyError, OSError):
        database = Database(load_settings().database_url.get_secret_value())
        # Whoever presses a key must not make a database.
        if not database.is_sqlite or Path(str(database.url.database)).exists():
            try:
                with database.reading() as session:
                    return [CompletionItem(each) for each in ask(session)]
            finally:
                database.dispose()
    return []
