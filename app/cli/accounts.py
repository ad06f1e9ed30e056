"""``accounts``: the Webex accounts that are asked, side by side."""

import re
from collections.abc import Callable
from typing import Any, TextIO

import click

from app.cli.completion import complete_accounts
from app.cli.output import json_option, print_json, print_table, say
from app.cli.tools import command_runtime
from app.errors import SettingsError, TokenRefused
from app.ingestion.tokens import OF_SETTINGS
from app.ingestion.wording import account_sentence, one_line
from app.models.times import format_time, utc_now
from app.models.words import Role
from app.runtime import Runtime, oauth_app
from app.webex.sign_in import App, TokenPair, renew

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def account_argument(*, default: str | None = None) -> Callable[[Any], Any]:
    """The argument NAME of a command."""
    return click.argument(
        "name",
        required=default is None,
        default=default,
        callback=lambda _context, _parameter, name: _checked(name, default),
        shell_complete=complete_accounts,
    )


role_option = click.option(
    "--role",
    metavar="ROLE",
    type=click.Choice([role.value for role in Role]),
    callback=lambda _context, _parameter, role: Role(role) if role else None,
    help="user, admin or compliance; default: what the scopes of the token say.",
)


def account_text(name: str) -> str:
    """What people call an account."""
    return name or "(settings)"


def check_key(runtime: Runtime) -> None:
    """Raise SettingsError before anybody does something whose result could not be kept."""
    if not runtime.settings.encryption_key:
        raise SettingsError(
            "ENCRYPTION_KEY: must be set, since tokens are stored encrypted; "
            "`webex-ingest init` makes one"
        )


@click.group()
def accounts() -> None:
    """Add, list and remove the Webex accounts that are asked.

    \b
    Example: webex-ingest accounts list
    """


@accounts.command()
@account_argument()
@click.option(
    "--access-token-file",
    metavar="FILE",
    type=click.File(),
    help="An access token that nobody renews, such as a bot's; - reads standard input.",
)
@click.option(
    "--refresh-token-file",
    metavar="FILE",
    type=click.File(),
    help="The refresh token of a Service App or Integration; - reads standard input.",
)
@click.option(
    "--client-id", metavar="ID", help="Whose refresh token it is; default: WEBEX_CLIENT_ID."
)
@click.option(
    "--client-secret-file",
    metavar="FILE",
    type=click.File(),
    help="Its secret; default: WEBEX_CLIENT_SECRET.",
)
@role_option
@json_option
def add(
    name: str,
    access_token_file: TextIO | None,
    refresh_token_file: TextIO | None,
    client_id: str | None,
    client_secret_file: TextIO | None,
    role: Role | None,
    as_json: bool,
) -> None:
    """Add an account, or give it other tokens; `webex-ingest login NAME` does it in a browser.

    Tokens are read from files, since what is typed behind a command can be seen by others.

    \b
    Example: webex-ingest accounts add campus --refresh-token-file -
    """
    if (access_token_file is None) == (refresh_token_file is None):
        raise click.UsageError(
            "say either --access-token-file or --refresh-token-file, "
            f"or sign in with `webex-ingest login {name}`"
        )
    runtime = command_runtime()
    check_key(runtime)
    app: App | None = None
    if access_token_file is not None:
        pair = TokenPair(_word(access_token_file), None, None, None, None)
    else:
        assert refresh_token_file is not None
        app = _app(runtime, client_id, client_secret_file)
        given = _word(refresh_token_file)
        pair = _first_pair(runtime, app, given)
    email = runtime.bench.accounts.add(name, pair, app, role=role)
    if as_json:
        print_json({"account": name, "email": email, "renews": pair.refresh_token is not None})
    else:
        say(f"Account {name} is {one_line(email) or 'somebody whose name Webex does not tell'}.")
        _tell_of_twins(runtime, name, email)


@accounts.command("list")
@json_option
def list_accounts(as_json: bool) -> None:
    """List the accounts, and how long their tokens last.

    \b
    Example: webex-ingest accounts list
    """
    bench = command_runtime().bench
    standings = bench.accounts.standings()
    if as_json:
        print_json([each.model_dump(mode="json") for each in standings])
        return
    if not standings:
        say("There are no accounts yet: set WEBEX_ACCESS_TOKEN, or run `webex-ingest login`.")
        return
    rows = [
        (
            account_text(each.name),
            each.email or "?",
            format_time(each.access_expires_at) if each.access_expires_at else "?",
            format_time(each.refresh_expires_at) if each.refresh_expires_at else "-",
            account_sentence(each, utc_now()) or "fine",
        )
        for each in standings
    ]
    head = ("ACCOUNT", "WHO", "TOKEN UNTIL", "SIGN-IN UNTIL", "STATE")
    print_table(head, rows, whole=("ACCOUNT",))


@accounts.command()
@account_argument(default=OF_SETTINGS)
@json_option
def remove(name: str, as_json: bool) -> None:
    """Forget an account and its tokens; what it has brought stays.

    \b
    Example: webex-ingest accounts remove campus
    """
    accounts = command_runtime().bench.accounts
    waiting = accounts.remove(name)
    comes_back = name == OF_SETTINGS and accounts.keeper.is_given
    if as_json:
        print_json({"account": name, "waiting": waiting, "in_settings": comes_back})
        return
    say(f"Account {account_text(name)} is forgotten.")
    if comes_back:
        say(
            "The settings describe it still, and it is asked with their token: take "
            "WEBEX_ACCESS_TOKEN and WEBEX_REFRESH_TOKEN out of them to end that."
        )
    if waiting:
        say(
            f"{waiting} resource(s) of its meetings are not stored yet and wait until an account "
            "of this name is there again."
        )


def _tell_of_twins(runtime: Runtime, name: str, email: str | None) -> None:
    others = [
        account_text(each.name)
        for each in runtime.bench.accounts.standings()
        if email and each.email == email and each.name != name
    ]
    if others:
        say(f"So is {', '.join(others)}: one of them is enough, and each has its own budget.")


def _checked(name: str, default: str | None) -> str:
    if name != default and not _NAME.fullmatch(name):
        raise click.BadParameter("must be up to 64 letters, digits, dots, dashes and underscores")
    return name


def _word(file: TextIO) -> str:
    try:
        word = file.read().strip()
    except UnicodeDecodeError:
        # Some shells write UTF-16.
        word = ""
    if not re.fullmatch(r"[!-~]{1,8192}", word):
        raise click.UsageError(f"{file.name} does not hold one token, and nothing else")
    return word


def _app(runtime: Runtime, client_id: str | None, secret_file: TextIO | None) -> App:
    if client_id is None and secret_file is None:
        return oauth_app(runtime.settings)
    if client_id is None or secret_file is None:
        raise click.UsageError("--client-id and --client-secret-file belong together")
    return App(client_id, _word(secret_file))


def _first_pair(runtime: Runtime, app: App, refresh_token: str) -> TokenPair:
    try:
        pair = renew(str(runtime.settings.webex_api_url), app, refresh_token, clock=utc_now)
    except TokenRefused as error:
        raise TokenRefused(
            f"Webex refuses the refresh token ({error.status}): see that it is this app's, "
            "and that it is not over"
        ) from None
    # Webex may leave out what stays the same.
    return pair if pair.refresh_token else pair.with_refresh_token(refresh_token)
