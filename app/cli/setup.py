"""``init`` and ``migrate``: what comes before the first start."""

import os
import secrets
from pathlib import Path

import click
from cryptography.fernet import Fernet

from app.cli.output import json_option, print_json, say
from app.cli.password import password_line
from app.config import load_settings
from app.db.schema import migrate as migrate_database
from app.errors import SettingsError
from app.models.passwords import hash_password
from app.opening import open_database

_ENV = """\
# Settings of webex-ingest; .env.example explains every one. Keep this file to yourself.
WEBEX_ACCESS_TOKEN=
PUBLIC_URL=
WEBEX_WEBHOOK_SECRET={webhook_secret}
{password_line}
ENCRYPTION_KEY={encryption_key}
# For docker-compose.yml alone:
POSTGRES_PASSWORD={postgres_password}
"""


@click.command()
@json_option
def init(as_json: bool) -> None:
    """Write a .env with fresh secrets, for you alone to read.

    The operator's password is told this once: .env has only its hash. A .env that is there already
    is never overwritten.

    \b
    Example: webex-ingest init
    """
    path, password = Path(".env"), secrets.token_urlsafe(18)
    content = _ENV.format(
        webhook_secret=secrets.token_hex(32),
        password_line=password_line(hash_password(password)),
        postgres_password=secrets.token_urlsafe(18),
        encryption_key=Fernet.generate_key().decode(),
    )
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        raise SettingsError(
            f"{path.absolute()} is there already and was left as it is; "
            "move it away first if you want a new one"
        ) from None
    with os.fdopen(descriptor, "w") as file:
        file.write(content)
    if as_json:
        print_json({"written": str(path.absolute()), "operator_password": password})
        return
    say(f"Wrote {path.absolute()} with fresh secrets. To sign in on the pages:")
    say(f"  user operator, password {password}")
    say("Note it down now: .env has only its hash. Next:")
    say("  1. put your token into WEBEX_ACCESS_TOKEN and the address at which Webex")
    say("     reaches this machine into PUBLIC_URL,")
    say("  2. webex-ingest serve")
    say("  3. webex-ingest webhooks register")


@click.command()
@json_option
def migrate(as_json: bool) -> None:
    """Bring the database to the newest schema.

    `serve` does it by itself. What is in the database goes with it.

    \b
    Example: webex-ingest migrate
    """
    before, after = migrate_database(open_database(load_settings()))
    if as_json:
        print_json({"before": before, "after": after})
    elif before == after:
        say(f"The database is at the newest schema already ({after}).")
    else:
        say(f"The database went from schema {before or 'none'} to {after}.")
