"""Tokens and the password, as an operator makes them."""

import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from werkzeug.security import check_password_hash

from app.db.api_tokens import find_token
from app.db.engine import Database
from app.models.access import token_digest
from app.models.times import utc_now
from tests.e2e.house import House, house, prepare_database

CLI = [sys.executable, "-m", "app.cli"]
PASSWORD = "correct horse é"


@pytest.fixture
def home(tmp_path: Path) -> Iterator[House]:
    """An installation with a migrated database and nothing running."""
    prepare_database(tmp_path)
    with house(tmp_path) as home:
        yield home


def test_a_token_is_shown_once_listed_and_revoked(home: House) -> None:
    scopes = ("--scope", "operate", "--scope", "read")
    told = json.loads(home.command("tokens", "add", "ci", *scopes, "--expires", "30", "--json"))
    shown = home.command("tokens", "add", "prometheus")
    twice = home.command("tokens", "add", "ci", code=1)
    listed = home.command("tokens", "list")

    (token, *_) = shown.splitlines()
    assert scopes_in_database(home, token) == "read"
    assert (told["scopes"], told["name"]) == (["operate", "read"], "ci")
    assert scopes_in_database(home, told["token"]) == "operate read"
    assert "`webex-ingest tokens revoke ci`" in twice
    assert token not in listed
    assert told["token"] not in listed
    assert "never" in listed
    listed_as_json = json.loads(home.command("tokens", "list", "--json"))
    assert [(each["name"], each["expires_at"]) for each in listed_as_json] == [
        ("ci", told["expires_at"]),
        ("prometheus", None),
    ]

    assert "opens nothing any more" in home.command("tokens", "revoke", "prometheus")
    assert "tokens list" in home.command("tokens", "revoke", "prometheus", code=1)
    assert scopes_in_database(home, token) is None


def scopes_in_database(home: House, token: str) -> str | None:
    """What the database lets a token do."""
    database = Database(f"sqlite:///{home.folder / 'var' / 'webex-ingest.db'}")
    with database.reading() as session:
        found = find_token(session, token_digest(token), now=utc_now())
    database.dispose()
    return found.scopes if found else None


def test_what_is_no_scope_name_or_number_of_days_is_wrong_usage(home: House) -> None:
    for words in (["x", "--scope", "write"], ["x", "--expires", "0"], ["a b"]):
        home.command("tokens", "add", *words, code=2)


def test_a_password_from_a_pipe_becomes_a_line_for_the_settings(home: House) -> None:
    def made(given: str, *options: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*CLI, "password", *options],
            input=given,
            cwd=home.folder,
            env={**os.environ, "PYTHONUTF8": "1"},
            capture_output=True,
            text=True,
            errors="surrogateescape",
            timeout=30,
            check=False,
        )

    line = made(f"{PASSWORD}\nmore\n")
    name, _, value = line.stdout.strip().partition("=")
    assert (name, line.returncode) == ("OPERATOR_PASSWORD", 0)
    assert check_password_hash(value.strip("'"), PASSWORD)
    assert check_password_hash(json.loads(made(PASSWORD, "--json").stdout)["hash"], PASSWORD)
    assert made("short\n").returncode == 2
    assert made("\udcff" * 20).returncode == 2
    assert PASSWORD not in line.stdout + line.stderr


def test_on_a_terminal_a_password_is_asked_for_twice_and_never_shown(home: House) -> None:
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [*CLI, "password"],
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=theirs,
        cwd=home.folder,
        start_new_session=True,
        text=True,
    ) as asking:
        os.close(theirs)
        shown = answer(ours, b"Password: ") + answer(ours, b"confirmation: ")
        said, _ = asking.communicate(timeout=30)
    shown += os.read(ours, 10_000)
    os.close(ours)

    assert asking.returncode == 0
    assert check_password_hash(said.strip().partition("=")[2].strip("'"), "correct horse")
    assert b"correct horse" not in shown


def answer(terminal: int, question: bytes) -> bytes:
    """Type the password once it is asked for; what was shown until then."""
    shown = b""
    while not shown.endswith(question):
        shown += os.read(terminal, 1000)
    os.write(terminal, b"correct horse\n")
    return shown


def test_the_doctor_says_that_the_password_stands_in_clear(home: House) -> None:
    def found() -> list[str]:
        told = json.loads(home.command("doctor", "--json", code=1))
        return [each["mend"] for each in told if each["name"] == "operator password"]

    settings = home.folder / ".env"
    settings.write_text("OPERATOR_PASSWORD=in-clear-for-all\n")
    assert "webex-ingest password" in found()[0]
    settings.write_text(f"OPERATOR_PASSWORD='scrypt:2:8:1$salt${'0' * 128}'\n")
    assert found() == [""]
