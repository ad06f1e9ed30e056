"""``password``: the operator's password as a hash, of which nobody can tell it."""

import sys

import click
from dotenv import dotenv_values

from app.cli.output import json_option, print_json, say
from app.models.passwords import hash_password, is_hash

_SHORTEST = 8


@click.command()
@json_option
def password(as_json: bool) -> None:
    """Make a hash of the operator's password.

    Asks for it twice, and prints a line for .env. Where no terminal is, it is the first line of
    standard input.

    \b
    Example: webex-ingest password
    """
    given = _asked() if sys.stdin.isatty() else _first_line()
    if len(given) < _SHORTEST:
        raise click.UsageError(f"a password has {_SHORTEST} signs or more")
    hashed = hash_password(given)
    if as_json:
        print_json({"hash": hashed})
        return
    say(password_line(hashed))
    say("Put this line into .env and restart; it signs everybody out.", err=True)


def password_line(password_hash: str) -> str:
    """The line for .env; in quotes, as Docker Compose sees variables behind each ``$``."""
    return f"OPERATOR_PASSWORD='{password_hash}'"


def stands_in_clear() -> bool:
    """Whether whoever reads the .env of this folder can tell the password."""
    told = dotenv_values(".env").get("OPERATOR_PASSWORD")
    return bool(told) and not is_hash(told or "")


def _first_line() -> str:
    try:
        return sys.stdin.buffer.readline().decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise click.UsageError("a password is text in UTF-8") from None


def _asked() -> str:
    asked: str = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    return asked
