"""The commands as an operator types them: what they print, and how they end."""

import json
import re
import stat
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner
from werkzeug.security import check_password_hash

from app.cli.main import commands
from app.config import load_settings
from app.db.engine import Database
from app.db.inbox import Delivery, quarantine_delivery
from tests.db.rows import store_event
from tests.e2e.house import House, house, prepare_database
from tests.processes import spawn


@pytest.fixture
def home(tmp_path: Path) -> Iterator[House]:
    """An installation with a migrated database and nothing running."""
    prepare_database(tmp_path)
    with house(tmp_path) as home:
        yield home


def test_help_names_every_command(tmp_path: Path) -> None:
    with house(tmp_path) as home:
        said = home.command("--help")

    for name in (
        "serve",
        "demo",
        "migrate",
        "init",
        "ingest",
        "status",
        "retry",
        "replay",
        "webhooks",
    ):
        assert f"  {name} " in said


def test_init_writes_fresh_secrets_for_the_owner_alone_and_only_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with house(tmp_path) as home:
        said = home.command("init")
        content = (tmp_path / ".env").read_text()
        again = home.command("init", code=2)

    assert stat.S_IMODE((tmp_path / ".env").stat().st_mode) == 0o600
    assert ".env" in said
    assert "left as it is" in again
    assert (tmp_path / ".env").read_text() == content
    settings = load_settings()
    assert settings.webhook_secrets
    assert settings.operator_password
    (password,) = re.findall(r"user operator, password (\S+)", said)
    assert password not in content
    assert check_password_hash(settings.operator_password.get_secret_value(), password)
    assert settings.encryption_key
    secret = settings.webhook_secrets[0]
    assert secret not in said


def test_migrate_says_what_it_did(tmp_path: Path) -> None:
    with house(tmp_path) as home:
        assert "from schema none to" in home.command("migrate")
        assert "at the newest schema already" in home.command("migrate")
        told = json.loads(home.command("migrate", "--json"))
        assert told["before"] == told["after"]


def test_status_of_an_empty_installation_says_how_meetings_come(home: House) -> None:
    said = home.command("status")

    assert "No meetings yet" in said
    assert json.loads(home.command("status", "--json"))["meetings"]["total"] == 0


def test_status_and_retry_of_an_unknown_meeting_say_what_to_do(home: House) -> None:
    for command in ("status", "retry"):
        said = home.command(command, "nobody_I_1", code=1)
        assert "webex-ingest ingest nobody_I_1" in said


def test_commands_before_migrate_say_what_to_do(tmp_path: Path) -> None:
    with house(tmp_path) as home:
        assert "webex-ingest migrate" in home.command("status", code=1)


@pytest.mark.parametrize(
    "words",
    [
        ["retry"],
        ["ingest"],
        ["status", "--colour"],
        ["serve", "--port", "0"],
        ["nonsense"],
        ["replay", "--to", "soon"],
        ["replay", "--from", "2026-03-02", "--to", "2026-03-01"],
        ["retry", "--host", "\udcff@example.com"],
    ],
)
def test_wrong_usage_ends_with_two(words: list[str]) -> None:
    ended = CliRunner().invoke(commands, words)

    assert ended.exit_code == 2
    assert "Usage:" in ended.output


def test_ingest_records_the_work_and_returns(home: House) -> None:
    meeting_id = home.simulator.control.hold_meeting(webhooks=False)["meeting_id"]

    assert "1 meeting(s)" in home.command("ingest", meeting_id)

    told = home.status(meeting_id)
    assert {each["resource"] for each in told["ingests"]} == {
        "meetings",
        "meetingParticipants",
        "recordings",
        "meetingTranscripts",
    }
    assert "waiting" in home.command("status", meeting_id)


def test_ingest_of_a_series_without_an_ended_meeting_says_so(home: House) -> None:
    said = home.command("ingest", "0123456789abcdef0123456789abcdef", code=1)

    assert "lists no ended meeting" in said


def test_ingest_of_a_series_of_which_webex_cannot_read_one_takes_the_others_and_says_so(
    home: House,
) -> None:
    control = home.simulator.control
    series = "0123456789abcdef0123456789abcdef"
    for _ in range(2):
        control.hold_meeting(series_id=series, webhooks=False, timeline="instant")
    control.add_fault(path_regex="^/v1/meetings", answer={"unreadable_items": 1}, times=None)

    said = home.command("ingest", series, code=1)

    assert said.startswith("1 meeting(s) will be ingested.\n")
    assert f"not every meeting of {series} is known: Webex could not read 1 item(s)" in said

    control.forget_faults()
    control.add_fault(path_regex="^/v1/meetings", answer={"unreadable_items": 2}, times=None)
    none = home.command("ingest", series, "--wait", code=1)
    assert none.startswith("0 meeting(s) will be ingested.\n")


def test_replay_of_an_empty_inbox_says_so(home: House) -> None:
    assert "nothing to replay" in home.command("replay")
    assert json.loads(home.command("replay", "--quarantined", "--wait", "--json")) == {
        "replayed": 0,
        "days": {},
        "meetings": [],
        "complete": True,
    }


def test_status_tells_events_of_which_nothing_came(home: House) -> None:
    database = Database(f"sqlite:///{home.folder / 'var' / 'webex-ingest.db'}")
    moment = datetime(2028, 2, 29, 12, tzinfo=UTC)
    delivery = Delivery("digest", "recordings", "", "", "{}", moment)
    quarantine_delivery(database, delivery, error_code="not_an_event", error="event is wrong")
    database.dispose()

    said = home.command("status")

    assert re.search(r"recordings\.\? +\? +quarantined +2028-02-29T12:00:00Z +event is wrong", said)
    assert "replay --quarantined" in said


def test_replay_says_how_many_events_of_which_days_and_what_it_waits_for(home: House) -> None:
    database = Database(f"sqlite:///{home.folder / 'var' / 'webex-ingest.db'}")
    for day in (28, 29):
        moment = datetime(2028, 2, day, 12, tzinfo=UTC)
        event = {"resource": "polls", "event": "created", "data_id": str(day), "body": "{}"}
        store_event(database, str(day).encode(), **event, now=moment)
    database.dispose()

    told = json.loads(home.command("replay", "--json"))
    argv = [sys.executable, "-m", "app.cli", "replay", "--wait"]
    with spawn(argv, home.environment, cwd=home.folder) as waiting:
        waiting.wait_for("2 event(s) still wait for a sweep")
    said = home.command("replay", "--from", "2028-02-29", "--to", "2028-02-29")

    assert told == {"replayed": 2, "days": {"2028-02-28": 1, "2028-02-29": 1}}
    assert said == "1 event(s) of 2028-02-29 will be worked through again.\n"


def test_webhooks_are_registered_once_repaired_listed_and_deleted(home: House) -> None:
    assert "No webhooks" in home.command("webhooks", "list")
    assert home.command("webhooks", "register").count("created") >= 11
    assert home.command("webhooks", "register").count("kept") == 11

    listed = json.loads(home.command("webhooks", "list", "--json"))
    assert len(listed) == 11
    assert all(each["target_url"].endswith("/webhooks/webex") for each in listed)
    assert "meetingTranscripts" in home.command("webhooks", "list")

    assert home.command("webhooks", "delete").count(": deleted") == 11
    assert "nothing to do" in home.command("webhooks", "delete")


def test_webhooks_need_to_know_where_webex_reaches_us(home: House) -> None:
    home.environment["PUBLIC_URL"] = ""

    assert "PUBLIC_URL" in home.command("webhooks", "register", code=2)


def test_a_refused_token_is_told_in_one_line(home: House) -> None:
    home.environment["WEBEX_ACCESS_TOKEN"] = "expired-long-ago"

    said = home.command("webhooks", "list", code=1)

    assert "401" in said
    assert "expired-long-ago" not in said
    assert said.strip().count("\n") == 0
