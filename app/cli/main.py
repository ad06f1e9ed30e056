"""``webex-ingest``: the commands, and how each of their errors ends."""

import sys

import click

from app.cli.demo import demo
from app.cli.replay import replay
from app.cli.serve import serve
from app.cli.setup import init, migrate
from app.cli.status import status
from app.cli.webhooks import webhooks
from app.cli.work import ingest, retry
from app.errors import IngestError, SettingsError


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="webex-ingest")
def commands() -> None:
    """Bring Webex meetings' recordings, transcripts and participants into your own archive."""


for command in (serve, demo, migrate, init, ingest, status, retry, replay, webhooks):
    commands.add_command(command)


def main() -> None:
    """Run a command; an error is one line, 1 for what is wrong, 2 for wrong usage or settings."""
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
