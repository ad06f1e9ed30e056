"""``webex-ingest``: the commands, and how each of their errors ends."""

import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from io import TextIOWrapper
from itertools import pairwise
from typing import Any

import click
from click.shell_completion import CompletionItem

from app.errors import IngestError, SettingsError

_COMMANDS = {
    "accounts": ("app.cli.accounts", "Add, list and remove the Webex accounts that are asked."),
    "backfill": ("app.cli.backfill", "Ingest what Webex lists and no webhook told of."),
    "completion": ("app.cli.completion", "Let a shell complete commands, options and ids."),
    "demo": ("app.cli.demo", "Hold a meeting at a simulated Webex and bring it in."),
    "doctor": ("app.cli.doctor", "Look at everything that must be right, and how to mend it."),
    "ingest": ("app.cli.work", "Ingest these meetings now, whether or not a webhook came."),
    "init": ("app.cli.setup", "Write a .env with fresh secrets, for you alone to read."),
    "login": ("app.cli.login", "Sign in at Webex in a browser, and keep the tokens."),
    "migrate": ("app.cli.setup", "Bring the database to the newest schema."),
    "password": ("app.cli.password", "Make a hash of the operator's password."),
    "policy": ("app.cli.policy", "Say what the policy records and leaves out, or undo it."),
    "rebuild": ("app.cli.rebuild", "Add the meetings of the archive that are not known here."),
    "replay": ("app.cli.replay", "Work through stored webhooks again."),
    "report": ("app.cli.report", "Compare what Webex lists of some days with what is here."),
    "retry": ("app.cli.work", "Try again what failed or is absent."),
    "search": ("app.cli.search", "Search all transcripts for what somebody said."),
    "serve": ("app.cli.serve", "Run everything on this machine."),
    "status": ("app.cli.status", "Show how everything stands, or one meeting."),
    "tokens": ("app.cli.api_tokens", "Add, list and revoke the tokens of programs."),
    "verify": ("app.cli.verify", "Look whether the archive is as it was stored."),
    "webhooks": ("app.cli.webhooks", "Register, list, delete and test the webhooks at Webex."),
}
"""Where each command is, and its sentence in the list of all: none is loaded to tell it."""


class _LazyGroup(click.Group):
    """Loads a command when it is asked for: each needs tools that the others can do without."""

    def list_commands(self, _context: click.Context) -> list[str]:
        return sorted(_COMMANDS)

    def get_command(self, _context: click.Context, name: str) -> click.Command | None:
        if name not in _COMMANDS:
            return None
        command: click.Command = getattr(import_module(_COMMANDS[name][0]), name)
        return command

    def resolve_command(
        self, context: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(context, args)
        except click.NoSuchCommand as error:
            # Those that are not loaded yet are meant as well.
            raise click.NoSuchCommand(
                error.command_name, possibilities=_COMMANDS, ctx=context
            ) from None

    def make_context(self, *arguments: Any, **more: Any) -> click.Context:
        with _closed_pipe_ends_us():
            return super().make_context(*arguments, **more)

    def invoke(self, context: click.Context) -> object:
        with _closed_pipe_ends_us():
            return super().invoke(context)

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, _COMMANDS[name][1]) for name in self.list_commands(context)])

    def shell_complete(self, context: click.Context, incomplete: str) -> list[CompletionItem]:
        commands = [
            CompletionItem(name, help=sentence)
            for name, (_, sentence) in sorted(_COMMANDS.items())
            if name.startswith(incomplete)
        ]
        return commands + click.Command.shell_complete(self, context, incomplete)

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
    """Bring Webex meetings' recordings, transcripts and participants into your own archive.

    \b
    Example: webex-ingest status
    """


def main() -> None:
    """Run a command; an error is one line, 1 for what is wrong, 2 for wrong usage or settings.

    With --json it is a JSON document on standard output besides.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # Titles and names of files have signs that not every terminal can show.
            stream.reconfigure(errors="backslashreplace")
    try:
        # Nothing but an exit code comes back: the commands give nothing.
        code = commands.main(sys.argv[1:], prog_name="webex-ingest", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        _give_up("usage", error.format_message(), error.exit_code)
    except SettingsError as error:
        _complain(error)
        _give_up(error.code, str(error), 2)
    except IngestError as error:
        _complain(error)
        _give_up(error.code, str(error), 1)
    except click.Abort as error:
        # Where a command says how it goes on, the terminal's ^C stands on this line yet.
        click.echo(f"\nStopped. {error}" if error.args else "Stopped.", err=True)
        _give_up("stopped", f"stopped: {error}".removesuffix(": "), 1)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        told = f"{where}{error.strerror or error}"
        _complain(told)
        _give_up("system", told, 1)
    sys.exit(code)


def _complain(what: object) -> None:
    # What must be loaded for it is loaded by nearly every command, but not by all.
    from app.cli.output import complain

    complain(what)


def _give_up(code: str, message: str, exit_code: int) -> None:
    if _wants_json(sys.argv[1:]):
        from app.cli.output import print_json

        print_json({"error": {"code": code, "message": message}})
    sys.exit(exit_code)


def _wants_json(words: Sequence[str]) -> bool:
    """Whether a program reads the answer; said of words that may be none of a command."""
    asked = words[: words.index("--")] if "--" in words else words
    return "--json" in asked or "--format=json" in asked or ("--format", "json") in pairwise(asked)


@contextmanager
def _closed_pipe_ends_us() -> Iterator[None]:
    """Where whoever reads has enough, end as programs do that never heard of exceptions.

    Left to click, it would say that something is wrong.
    """
    try:
        yield
    except BrokenPipeError:
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGPIPE)
        raise
