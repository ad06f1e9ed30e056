"""Accounts as an operator keeps them: signing in, adding, listing, removing, and the doctor."""

import json
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import click
import pytest
import requests
from cryptography.fernet import Fernet

from app.cli.login import login as login_command
from app.models.words import Role
from tests.e2e.house import House, house, prepare_database
from tests.processes import free_port, spawn

CLI = [sys.executable, "-m", "app.cli"]
SECRETS = ("simulator-secret", "simulator-refresh-token", "simulator-token")


@pytest.fixture
def home(tmp_path: Path) -> Iterator[House]:
    """An installation with a migrated database, an Integration and no account."""
    prepare_database(tmp_path)
    settings = {
        "WEBEX_ACCESS_TOKEN": "",
        "WEBEX_CLIENT_ID": "simulator-client",
        "WEBEX_CLIENT_SECRET": "simulator-secret",
        "ENCRYPTION_KEY": Fernet.generate_key().decode(),
    }
    with house(tmp_path, settings) as home:
        yield home


def address_in(said: str) -> str:
    """The address that a sign-in prints."""
    found = re.search(r"http://\S+/authorize\?\S+", said)
    assert found, said
    return found[0]


def test_a_sign_in_in_a_browser_makes_an_account_that_is_then_used(home: House) -> None:
    callback = f"http://localhost:{free_port()}/callback"
    argv = [*CLI, "login", "sales", "--no-browser", "--redirect-uri", callback]
    with spawn(argv, home.environment, cwd=home.folder) as login:
        said = login.wait_for("Waiting for the answer")
        forged = requests.get(f"{callback}?code=x&state=y", timeout=10)
        elsewhere = requests.get(callback.replace("callback", "favicon.ico"), timeout=10)
        answer = requests.get(address_in(said), timeout=10)
        assert login.process.wait(20) == 0, login.output()
        said = login.output()

    assert (forged.status_code, elsewhere.status_code, answer.status_code) == (400, 404, 200)
    assert "Signed in" in answer.text
    assert "Signed in as host@example.com" in said
    (account,) = json.loads(home.command("accounts", "list", "--json"))
    assert (account["name"], account["renews"], account["error"]) == ("sales", True, None)
    assert "No webhooks" in home.command("webhooks", "list", "--account", "sales")


def test_a_sign_in_without_a_browser_here_takes_the_address_that_it_ended_at(home: House) -> None:
    login = subprocess.Popen(
        [*CLI, "login", "--paste", "--json"],
        env={"PATH": "", **home.environment},
        cwd=home.folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert login.stderr is not None
    said = "".join(iter(login.stderr.readline, "\n")) + login.stderr.readline()
    ended = requests.get(address_in(said), timeout=10, allow_redirects=False).headers["Location"]
    told, rest = login.communicate(f"{ended}\n", timeout=30)

    assert login.returncode == 0, rest
    assert json.loads(told)["email"] == "host@example.com"
    assert "OK    account (settings): is host@example.com" in home.command("doctor", code=1)


def test_an_administrator_signs_in_again_with_the_scopes_of_before(home: House) -> None:
    callback = f"http://localhost:{free_port()}/callback"
    argv = [*CLI, "login", "campus", "--no-browser", "--redirect-uri", callback]
    asked = []
    for words in (["--scopes", "spark:people_read meeting:admin_schedule_read"], []):
        with spawn([*argv, *words], home.environment, cwd=home.folder) as login:
            asked.append(address_in(login.wait_for("Waiting for the answer")))
            requests.get(asked[-1], timeout=10)
            assert login.process.wait(20) == 0, login.output()

    scopes = [parse_qs(urlsplit(each).query)["scope"] for each in asked]
    assert scopes == [["spark:people_read meeting:admin_schedule_read"]] * 2


def test_whoever_refuses_to_agree_is_told_and_nothing_is_kept(home: House) -> None:
    home.simulator.control.change_settings(consenting=None)
    callback = f"http://localhost:{free_port()}/callback"
    argv = [*CLI, "login", "--no-browser", "--redirect-uri", callback]
    with spawn(argv, home.environment, cwd=home.folder) as login:
        requests.get(address_in(login.wait_for("Waiting for the answer")), timeout=10)
        assert login.process.wait(20) == 1
        assert "Webex did not grant it: The user denied the request." in login.output()

    assert "no accounts yet" in home.command("accounts", "list")


@pytest.mark.parametrize(
    ("unset", "said"),
    [("ENCRYPTION_KEY", "ENCRYPTION_KEY: must be set"), ("WEBEX_CLIENT_ID", "WEBEX_CLIENT_ID")],
)
def test_a_sign_in_that_could_not_be_kept_does_not_begin(
    home: House, unset: str, said: str
) -> None:
    home.environment[unset] = ""

    assert said in home.command("login", code=2)


def test_a_callback_on_another_machine_needs_the_address_to_be_pasted(home: House) -> None:
    said = home.command("login", "--redirect-uri", "https://ingest.example.com/", code=2)

    assert "--paste" in said


@pytest.mark.parametrize(
    "uri", ["hello", "http://localhost:99999/callback", "http://[broken", "http://localhost:0/"]
)
@pytest.mark.parametrize("words", [[], ["--paste"]])
def test_a_redirect_uri_that_is_no_address_is_told(home: House, uri: str, words: list[str]) -> None:
    said = home.command("login", "--redirect-uri", uri, *words, code=2)

    assert f"{uri} is no address that a browser can be sent to" in said
    assert "Traceback" not in said


def test_a_port_that_is_in_use_is_told_with_the_ways_out(home: House) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        callback = f"http://localhost:{taken.getsockname()[1]}/callback"
        said = home.command("login", "--no-browser", "--redirect-uri", callback, code=2)

    assert "cannot be listened at (Address already in use)" in said
    assert "another redirect URI" in said
    assert "--paste" in said


def test_rubbish_at_the_callback_is_answered_and_the_wait_goes_on(home: House) -> None:
    port = free_port()
    callback = f"http://localhost:{port}/callback"
    argv = [*CLI, "login", "sales", "--no-browser", "--redirect-uri", callback]
    rubbish = (
        b"GET /callback?code=x&state=%ff%fe HTTP/1.1",
        b"GET /callback?code=x&state=\xff\xfe HTTP/1.1",
        b"GET /callback HTTP/1.1",
        b"GET http://[/callback?state=x HTTP/1.1",
    )
    with spawn(argv, home.environment, cwd=home.folder) as login:
        said = login.wait_for("Waiting for the answer")
        answers = [answer_to(port, line) for line in rubbish]
        assert requests.get(address_in(said), timeout=10).status_code == 200
        assert login.process.wait(20) == 0, login.output()
        told = login.output()

    assert [answer.split()[1] for answer in answers] == [b"400"] * len(rubbish)
    assert all(b"another sign-in" in answer for answer in answers[:3])
    assert "Traceback" not in told
    assert "GET /callback" not in told, "requests are nothing for the terminal"


def answer_to(port: int, request_line: bytes) -> bytes:
    """What is answered to one line and no more."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(request_line + b"\r\nHost: \xff[\r\nConnection: close\r\n\r\n")
        return b"".join(iter(lambda: connection.recv(4096), b""))


def test_accounts_are_added_from_files_listed_and_removed(home: House) -> None:
    (home.folder / "bot").write_text("simulator-token\n")
    (home.folder / "app").write_text("simulator-refresh-token\n")
    said = home.command("accounts", "add", "bot", "--access-token-file", "bot")
    said += home.command("accounts", "add", "campus", "--refresh-token-file", "app")

    listed = home.command("accounts", "list")

    assert "Account bot is host@example.com" in said
    assert "So is bot: one of them is enough" in said
    assert re.search(r"campus +host@example.com +20\S+Z +20\S+Z +fine", listed)
    assert re.search(r"bot +host@example.com +\? +- +fine", listed)
    assert not [secret for secret in SECRETS if secret in said + listed]
    forgotten = home.command("accounts", "remove", "bot")
    assert "is forgotten" in forgotten
    assert "settings" not in forgotten
    assert "no account bot" in home.command("accounts", "remove", "bot", code=1)


def test_the_role_is_said_as_the_readme_says_it(home: House) -> None:
    (home.folder / "bot").write_text("simulator-token\n")
    file = ("--access-token-file", "bot")

    for role in ("user", "admin", "compliance"):
        assert "is host@example.com" in home.command("accounts", "add", role, *file, "--role", role)
    assert "'user', 'admin'" in home.command("accounts", "add", "x", "--role", "USER", code=2)


def test_an_account_is_not_added_with_what_webex_refuses(home: House) -> None:
    (home.folder / "app").write_text("over-long-ago\n")
    (home.folder / "two").write_text("two words\n")

    said = home.command("accounts", "add", "x", "--refresh-token-file", "app", code=1)

    (home.folder / "wrong").write_text("a-wrong-token\n")
    wrong = home.command("accounts", "add", "x", "--access-token-file", "wrong", code=1)
    assert "refuses the access token (401)" in wrong
    assert "refuses the refresh token" in said
    assert "over-long-ago" not in said
    for words in (["--refresh-token-file", "two"], [], ["--access-token-file", "nowhere"]):
        assert "Usage:" in home.command("accounts", "add", "x", *words, code=2)
    assert "Usage:" in home.command("accounts", "add", "a/b", "--access-token-file", "app", code=2)
    assert json.loads(home.command("accounts", "list", "--json")) == []


def test_a_token_that_a_shell_wrote_in_other_bytes_is_refused_in_one_sentence(home: House) -> None:
    (home.folder / "token").write_bytes("simulator-token".encode("utf-16"))

    said = home.command("accounts", "add", "bob", "--access-token-file", "token", code=2)

    assert said.endswith("Error: token does not hold one token, and nothing else\n")


def test_the_account_of_the_settings_says_that_they_bring_it_back(home: House) -> None:
    given = {"WEBEX_REFRESH_TOKEN": "simulator-refresh-token"}
    (home.folder / ".env").write_text("\n".join(f"{k}={v}" for k, v in given.items()) + "\n")
    assert "WEBEX_REFRESH_TOKEN out of them" in home.command("accounts", "remove", code=1)
    home.command("webhooks", "list")

    said = home.command("accounts", "remove")

    assert "is forgotten" in said
    assert "take WEBEX_ACCESS_TOKEN and WEBEX_REFRESH_TOKEN out of them" in said


def test_a_sign_in_that_ends_soon_is_told_wherever_people_look(home: House) -> None:
    home.simulator.control.change_settings(refresh_token_seconds=10 * 86400)
    (home.folder / "app").write_text("simulator-refresh-token\n")
    home.command("accounts", "add", "campus", "--refresh-token-file", "app")

    doctor = home.command("doctor", code=1)

    sentence = "ends in 9 days: sign in again with `webex-ingest login campus`"
    assert "WARN  account campus: is host@example.com" in doctor
    assert sentence in doctor
    assert sentence in home.command("accounts", "list")
    assert f"ACCOUNT   campus: the sign-in {sentence}" in home.command("status")


def test_the_doctor_says_how_to_mend_what_is_wrong(home: House) -> None:
    told = json.loads(home.command("doctor", "--json", code=1))

    found = {each["name"]: each for each in told}
    assert found["database"]["verdict"] == found["archive"]["verdict"] == "OK"
    assert "webex-ingest login" in found["account"]["mend"]
    assert "webex-ingest serve" in found["workers"]["mend"]
    assert all(each["mend"] for each in told if each["verdict"] != "OK")


def test_a_connection_that_says_nothing_does_not_hold_up_a_sign_in(home: House) -> None:
    port = free_port()
    callback = f"http://localhost:{port}/callback"
    argv = [*CLI, "login", "sales", "--no-browser", "--redirect-uri", callback]
    with spawn(argv, home.environment, cwd=home.folder) as login:
        said = login.wait_for("Waiting for the answer")
        with socket.create_connection(("127.0.0.1", port), timeout=10):
            assert requests.get(address_in(said), timeout=10).status_code == 200
            assert login.process.wait(20) == 0, login.output()


def test_a_role_is_said_as_the_help_and_the_settings_say_it() -> None:
    role = next(each for each in login_command.params if each.name == "role")

    assert [role.process_value(click.Context(login_command), each.value) for each in Role] == [
        *Role
    ]
