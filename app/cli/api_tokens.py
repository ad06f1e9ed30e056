"""``tokens``: what programs send to be let in by the pages, the figures and the API."""

from datetime import timedelta

import click

from app.cli.accounts import account_argument as name_argument
from app.cli.output import json_option, print_json, print_table, say
from app.cli.tools import command_runtime
from app.db.api_tokens import add_token, all_tokens, delete_token
from app.errors import IngestError
from app.logs import hide
from app.models.access import ApiToken, Scope, new_token, token_digest
from app.models.times import format_time, utc_now

_MOST_DAYS = 3660


@click.group()
def tokens() -> None:
    """Add, list and revoke the tokens of programs.

    A program with a token is let in from anywhere, and needs no password.

    \b
    Example: webex-ingest tokens list
    """


@tokens.command()
@name_argument()
@click.option(
    "--scope",
    "scopes",
    metavar="SCOPE",
    type=click.Choice([each.value for each in Scope]),
    multiple=True,
    default=(Scope.READ.value,),
    help="read (look at everything) or operate (change things); say it twice for both.",
)
@click.option(
    "--expires",
    "days",
    metavar="DAYS",
    type=click.IntRange(1, _MOST_DAYS),
    help="After so many days it is over; without it, never.",
)
@json_option
def add(name: str, scopes: tuple[str, ...], days: int | None, as_json: bool) -> None:
    """Make a token, and show it this once: only its SHA-256 is kept.

    \b
    Example: webex-ingest tokens add sales --scope read --expires 365
    """
    database, now, token = command_runtime().bench.database, utc_now(), new_token()
    hide(token)
    expires_at = now + timedelta(days=days) if days else None
    kept = {Scope(each) for each in scopes}
    with database.transaction() as session:
        digest = token_digest(token)
        if not add_token(session, name, digest, scopes=kept, now=now, expires_at=expires_at):
            raise IngestError(
                f"there is a token of the name {name}; `webex-ingest tokens revoke {name}` ends it"
            )
    if as_json:
        until = format_time(expires_at) if expires_at else None
        print_json({"name": name, "token": token, "scopes": sorted(kept), "expires_at": until})
        return
    say(token)
    say("It is not shown again. Programs send it as `Authorization: Bearer TOKEN`.", err=True)


@tokens.command("list")
@json_option
def list_tokens(as_json: bool) -> None:
    """List the tokens, what each may do, and when it was last used.

    \b
    Example: webex-ingest tokens list
    """
    bench = command_runtime().bench
    with bench.database.reading() as session:
        found = all_tokens(session)
    if as_json:
        print_json([_told(each) for each in found])
        return
    if not found:
        say("There are no tokens yet: `webex-ingest tokens add NAME` makes one.")
        return
    rows = [(each.name, each.scopes, *_times(each)) for each in found]
    print_table(("NAME", "SCOPES", "MADE", "LAST USED", "UNTIL"), rows)


@tokens.command()
@name_argument()
@json_option
def revoke(name: str, as_json: bool) -> None:
    """End a token at once.

    \b
    Example: webex-ingest tokens revoke sales
    """
    with command_runtime().bench.database.transaction() as session:
        if not delete_token(session, name):
            raise IngestError(
                f"there is no token of the name {name}; `webex-ingest tokens list` has them all"
            )
    if as_json:
        print_json({"name": name, "revoked": True})
    else:
        say(f"The token {name} opens nothing any more.")


def _told(token: ApiToken) -> dict[str, object]:
    return {
        "name": token.name,
        "scopes": token.scopes.split(),
        "created_at": format_time(token.created_at),
        "last_used_at": format_time(token.last_used_at) if token.last_used_at else None,
        "expires_at": format_time(token.expires_at) if token.expires_at else None,
        "is_over": _is_over(token),
    }


def _times(token: ApiToken) -> tuple[str, str, str]:
    used = format_time(token.last_used_at) if token.last_used_at else "never"
    until = format_time(token.expires_at) if token.expires_at else "it is revoked"
    return format_time(token.created_at), used, f"{until} (over)" if _is_over(token) else until


def _is_over(token: ApiToken) -> bool:
    return token.expires_at is not None and token.expires_at <= utc_now()
