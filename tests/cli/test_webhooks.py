"""The webhook commands as an operator of two accounts and two installations types them."""

import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet

from app.webex.webhooks import WANTED
from tests.e2e.house import House, house, prepare_database
from tests.processes import spawn

PEOPLE = {
    "simulator-token": {"email": "host@example.com"},
    "bobs-token": {"email": "bob@example.com"},
}
STAGING = "https://staging.example.com"
CLI = [sys.executable, "-m", "app.cli"]


@pytest.fixture
def home(tmp_path: Path) -> Iterator[House]:
    """An installation of two people's accounts, each of whom sees webhooks of their own."""
    prepare_database(tmp_path)
    settings = {"ENCRYPTION_KEY": Fernet.generate_key().decode()}
    people = {"strict_owner": True, "tokens": PEOPLE}
    with house(tmp_path, settings, simulator_settings=people) as home:
        (tmp_path / "token").write_text("bobs-token\n")
        home.command("accounts", "add", "bob", "--access-token-file", "token")
        yield home


def told(home: House, *words: str, code: int = 0) -> list[dict[str, Any]]:
    """What a command of webhooks says as JSON, its log lines aside."""
    said = home.command("webhooks", *words, "--json", code=code)
    lines = [line for line in said.splitlines(keepends=True) if not line.startswith("{")]
    found: list[dict[str, Any]] = json.loads("".join(lines))
    return found


def refuse_the_settings(home: House) -> None:
    """Let the account of the settings have a token that is over."""
    home.simulator.control.call("POST", "/tokens/expire", {"tokens": ["simulator-token"]})


def test_an_account_that_is_refused_hides_no_other(home: House) -> None:
    refuse_the_settings(home)

    registered = home.command("webhooks", "register", code=1)
    listed = home.command("webhooks", "list", code=1)
    examined = home.command("webhooks", "doctor", "--fix", code=1)
    deleted = home.command("webhooks", "delete", code=1)

    assert registered.count(" of account bob: created") == len(WANTED)
    assert listed.count("\nbob ") == len(WANTED)
    assert "Every webhook" not in examined
    assert deleted.count(" of account bob: deleted") == len(WANTED)
    for said in (registered, listed, examined, deleted):
        assert "webex-ingest: account (settings): " in said.splitlines()[-1], said
        assert "401" in said.splitlines()[-1]


def test_an_account_that_is_refused_has_an_error_in_the_json(home: House) -> None:
    refuse_the_settings(home)

    for words in (["register"], ["list"], ["doctor"], ["delete"]):
        refused = [each for each in told(home, *words, code=1) if "error" in each]
        assert [each["account"] for each in refused] == [""]
        assert "401" in refused[0]["error"]


def test_registering_that_breaks_off_shows_what_was_done_and_then_why(home: House) -> None:
    home.simulator.control.add_fault(method="POST", path_regex="/webhooks", skip=3, status=502)

    said = home.command("webhooks", "register", "--account", "", code=1)

    lines = [line for line in said.splitlines() if not line.startswith("{")]
    assert [line.partition(":")[2] for line in lines[:3]] == [" created"] * 3
    assert "502" in lines[3]
    assert len(lines) == 4


def test_an_odd_webhook_is_told_and_hides_no_other(home: House) -> None:
    home.command("webhooks", "register")
    odd = [{"id": None}, {"id": "abc", "name": None, "status": "asleep"}]
    home.simulator.control.add_fault(
        method="GET", path_regex="/webhooks$", body={"items": odd}, times=2
    )

    said = home.command("webhooks", "list", "--account", "bob", code=1)
    (listed, refused) = told(home, "list", "--account", "bob", code=1)

    assert "bob      ?         ?      asleep  ?       ?" in said
    assert "Webex sent a Webhook that cannot be read: id is wrong" in said
    assert (listed["id"], "id is wrong" in refused["error"]) == ("abc", True)


def test_a_second_installation_takes_nothing_and_both_are_well(home: House) -> None:
    home.command("webhooks", "register")
    first = home.environment["PUBLIC_URL"]
    home.environment["PUBLIC_URL"] = STAGING

    assert home.command("webhooks", "register").count("created\n") == 2 * len(WANTED)

    for address, other in ((first, STAGING), (STAGING, first)):
        home.environment["PUBLIC_URL"] = address
        said = home.command("webhooks", "doctor")
        assert "Every webhook exists once, is active and leads here." in said
        assert f"{len(WANTED)} webhook(s) of our name lead to {other}/webhooks/webex" in said
        found = told(home, "doctor", "--fix")
        assert {(each["problem"], each["done"]) for each in found} == {("wrong_url", None)}
    assert len(told(home, "list")) == 4 * len(WANTED)


def test_after_a_change_of_address_the_old_webhooks_are_led_here_on_request(home: House) -> None:
    home.command("webhooks", "register")
    old = home.environment["PUBLIC_URL"]
    home.environment["PUBLIC_URL"] = STAGING

    said = home.command("webhooks", "register", "--take-over", f"{old}/")
    again = home.command("webhooks", "register", "--take-over", f"{old}/webhooks/webex", code=1)

    assert said.count(": led to this address\n") == 2 * len(WANTED)
    assert again == (
        f"webex-ingest: nothing was changed: no webhook of our name leads to {old}/webhooks/webex: "
        "see `webex-ingest webhooks list`.\n"
    )
    assert {each["target_url"] for each in told(home, "list")} == {f"{STAGING}/webhooks/webex"}


def test_where_there_is_nothing_to_take_over_nothing_is_registered_either(home: House) -> None:
    home.command("webhooks", "register", "--take-over", "https://typo.example.com", code=1)

    assert told(home, "list") == []


def test_without_a_secret_nothing_is_said_to_be_given(home: House) -> None:
    home.command("webhooks", "register")
    home.environment |= {"WEBEX_WEBHOOK_SECRET": "", "ALLOW_UNSIGNED_WEBHOOKS": "1"}

    assert "Every webhook exists once" in home.command("webhooks", "doctor", "--fix")


def test_two_processes_that_register_at_once_leave_each_webhook_once(home: House) -> None:
    home.simulator.control.add_fault(
        method="POST", path_regex="/webhooks", delay_seconds=1, times=2
    )
    argv = [*CLI, "webhooks", "register", "--account", "bob"]
    with ExitStack() as stack:
        both = [
            stack.enter_context(spawn(argv, home.environment, cwd=home.folder)) for _ in range(2)
        ]
        assert [each.process.wait(30) for each in both] == [0, 0]

    listed = told(home, "list", "--account", "bob")
    assert sorted((each["resource"], each["event"]) for each in listed) == sorted(WANTED)
    assert "Every webhook" in home.command("webhooks", "doctor", "--account", "bob")


def test_the_doctor_says_that_a_secret_is_missing_or_a_webhook_cannot_be_read(home: House) -> None:
    home.command("webhooks", "register")
    items = [*told(home, "list", "--account", "bob"), {"id": None}]
    items = [{**each, "targetUrl": each.get("target_url")} for each in items]
    home.simulator.control.add_fault(
        method="GET", path_regex="/webhooks$", body={"items": items}, times=2
    )
    home.environment["WEBEX_WEBHOOK_SECRET"] = ""

    said = home.command("doctor", code=1)

    assert "FAIL  webhooks: WEBEX_WEBHOOK_SECRET is not set" in said
    assert "WARN  webhooks of account bob: not every webhook can be looked at" in said
