"""``webex-ingest``: the commands, and how each of their errors ends."""

import sys
from importlib import import_module
from io import TextIOWrapper

import click

from app.errors import IngestError, SettingsError

_MODULES = {
    "serve": "app.cli.serve",
    "demo": "app.cli.demo",
    "migrate": "app.cli.setup",
    "init": "app.cli.setup",
    "ingest": "app.cli.work",
    "status": "app.cli.status",
    "retry": "app.cli.work",
    "replay": "app.cli.replay",
    "webhooks": "app.cli.webhooks",
    "login": "app.cli.login",
    "accounts": "app.cli.accounts",
    "password": "app.cli.password",
    "tokens": "app.cli.api_tokens",
    "policy": "app.cli.policy",
    "backfill": "app.cli.backfill",
    "report": "app.cli.report",
    "verify": "app.cli.verify",
    "rebuild": "app.cli.rebuild",
    "search": "app.cli.search",
    "doctor": "app.cli.doctor",
}


class _LazyGroup(click.Group):
    """Loads a command when it is asked for: each needs tools that the others can do without."""

    def list_commands(self, _context: click.Context) -> list[str]:
        return sorted(_MODULES)

    def get_command(self, _context: click.Context, name: str) -> click.Command | None:
        if name not in _MODULES:
            return None
        command: click.Command = getattr(import_module(_MODULES[name]), name)
        return command

    def parse_args(self, context: click.Context, args: list[str]) -> list[str]:
        try:
            "".join(args).encode()
        except UnicodeEncodeError:
            # No database can be asked for such a word, and nothing in it is called so.
            context.fail("an argument has bytes that are none of a text in UTF-8")
        return super().parse_args(context, args)


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="webex-ingest")
def commands() -> None:
    """Bring Webex meetings' recordings, transcripts and participants into your own archive."""


def main() -> None:
    """Run a command; an error is one line, 1 for what is wrong, 2 for wrong usage or settings."""
    if isinstance(sys.stdout, TextIOWrapper):
        # Titles and names of files have signs that not every terminal can show.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        commands(prog_name="webex-ingest")
    except SettingsError as error:
        _give_up(error, 2)
    except IngestError as error:
        _give_up(error, 1)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        _give_up(f"{where}{error.strerror or error}", 1)


def _give_up(what: IngestError | str, exit_code: int) -> None:
    click.echo(f"webex-ingest: {what}", err=True)
    sys.exit(exit_code)
