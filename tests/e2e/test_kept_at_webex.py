"""What beat and workers keep right at Webex: webhooks that are on, and what the policy wants."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.house import House, house
from tests.processes import eventually

HEALTH_SECONDS = 3
POLICY = """
[[rules]]
name = "Private"
titles = ["*interview*"]
ingest = false
record = false

[[rules]]
hosts = ["ann@example.com"]
record = true
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A house whose policy is in a file beside its settings."""
    folder = tmp_path_factory.mktemp("policy")
    (folder / "policy.toml").write_text(POLICY)
    told = {
        "POLICY_FILE": str(folder / "policy.toml"),
        "WEBHOOK_HEALTH_SECONDS": str(HEALTH_SECONDS),
    }
    with house(folder, told) as home, home.serving():
        home.command("webhooks", "register")
        yield home


def plan(home: House, **order: Any) -> str:
    """A meeting in somebody's calendar for tomorrow; the id of its series."""
    start = datetime.now(UTC) + timedelta(days=1)
    times = {"start": start.isoformat(), "end": (start + timedelta(hours=1)).isoformat()}
    return str(home.simulator.control.hold_meeting(**{**times, **order})["series_id"])


def test_a_webhook_that_webex_switched_off_is_back_within_two_health_periods(home: House) -> None:
    listed = json.loads(home.command("webhooks", "list", "--json"))
    control = home.simulator.control
    control.forget_requests()
    control.call("POST", "/webhooks/switch-off", {"ids": [listed[0]["id"]]})

    def asked() -> list[str]:
        return [each["method"] for each in control.requests(path_contains="/webhooks")]

    eventually(lambda: "PUT" in asked(), seconds=60, message="nobody has switched it on again")
    # One look a period: counted, since a busy machine is late with all of them.
    looks = asked()[: asked().index("PUT")]
    assert looks in (["GET"], ["GET", "GET"])
    states = {each["status"] for each in json.loads(home.command("webhooks", "list", "--json"))}
    assert states == {"active"}


def test_what_is_planned_is_set_to_be_recorded_by_the_workers_and_undone_by_hand(
    home: House,
) -> None:
    planned = plan(home, host_email="ann@example.com", title="Demo for\ncustomers")

    def listed() -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = json.loads(home.command("policy", "list", "--json"))
        return [each for each in rows if each["meeting_id"] == planned]

    eventually(
        lambda: [each["record"] for each in listed()] == ["switched_on"],
        seconds=40,
        message="nobody followed the policy",
    )

    said = home.command("policy", "list")
    assert "Demo for customers" in said
    assert "switched on" in said
    undone = home.command("policy", "undo", planned)
    assert f"{planned}: is not recorded automatically any more\n" in undone
    assert [each["record"] for each in listed()] == ["undone"]
    assert "was not switched on by us" in home.command("policy", "undo", "nothing", code=1)


def test_a_check_shows_every_meeting_and_changes_nothing(home: House) -> None:
    control = home.simulator.control
    control.change_settings(drop_ratio=1)
    planned = plan(home, host_email="ann@example.com", title="Another demo")
    room = plan(home, host_email="ann@example.com", scheduled_type="personalRoomMeeting")
    past = control.hold_meeting(title="Job interview", timeline="instant")["meeting_id"]
    control.change_settings(drop_ratio=0)
    control.forget_requests()

    said = home.command("policy", "check")
    told = {
        each["meeting_id"]: each for each in json.loads(home.command("policy", "check", "--json"))
    }

    line = {each.split()[-1]: each for each in said.splitlines() if each}
    assert "would be switched on" in line[planned]
    assert "personal rooms cannot be set to be recorded" in line[room]
    assert "rule 1 (Private)" in line[past]
    assert (told[planned]["record"], told[planned]["record_rule"]) == ("switch_on", "rule 2")
    assert (told[past]["record"], told[past]["ingest"]) == (None, False)
    assert {each["method"] for each in control.requests(path_contains="/meetings")} == {"GET"}
    assert home.command("policy", "apply", planned).startswith("1 planned meeting")


def test_wrong_usage_is_said_in_one_line_and_what_to_do(home: House, tmp_path: Path) -> None:
    assert "name the meetings, or say --all" in home.command("policy", "undo", code=2)
    for beyond in (["--from", "9999-12-20"], ["--to", "0001-01-02"]):
        assert "1990 to 2199" in home.command("policy", "check", *beyond, code=2)
    assert "--to is before --from" in home.command(
        "policy", "check", "--from", "2026-03-02", "--to", "2026-03-01", code=2
    )
    elsewhere = House(tmp_path, home.simulator, {**home.environment, "POLICY_FILE": "no.toml"})
    assert elsewhere.command("policy", "check", code=2) == (
        "webex-ingest: POLICY_FILE: cannot read no.toml: No such file or directory\n"
    )
