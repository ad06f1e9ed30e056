"""``report`` as people and programs read it."""

import csv
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.e2e.house import House, house, prepare_database

NOW = datetime.now(UTC)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[House]:
    """An installation with a database, of which Webex knows meetings that it does not."""
    prepare_database(tmp_path)
    with house(tmp_path) as home:
        yield home


def held(home: House, *, days_ago: int, title: str = "Weekly sync") -> str:
    start = NOW - timedelta(days=days_ago)
    told = home.simulator.control.hold_meeting(
        start=start.isoformat(),
        end=(start + timedelta(minutes=30)).isoformat(),
        title=title,
        webhooks=False,
        timeline="instant",
    )
    return str(told["meeting_id"])


def test_a_gap_is_named_and_ends_with_one(home: House) -> None:
    meeting_id = held(home, days_ago=2)
    day = f"{NOW - timedelta(days=2):%Y-%m-%d}"

    said = home.command("report", code=1)

    assert f"{day}  1         1        0 bytes" in said
    assert "host@example.com  1         1        0 bytes" in said
    assert f"{day}  {meeting_id}  (host@example.com, Weekly sync): unknown: everything" in said
    assert "1 gap(s) from " in said


def test_a_title_says_nothing_to_the_terminal(home: House) -> None:
    held(home, days_ago=1, title="Demo\x1b[2J\nfor all")

    said = home.command("report", code=1)

    assert "(host@example.com, Demo [2J for all): unknown" in said
    assert "\x1b" not in said


def test_in_csv_a_meeting_is_one_line_whatever_its_title_is(home: House) -> None:
    held(home, days_ago=1, title="Demo\x1b[2J\nfor all")
    held(home, days_ago=1, title="\n =HYPERLINK(1)")

    said = home.command("report", "--format", "csv", code=1)

    titles = [each["title"] for each in csv.DictReader(io.StringIO(said))]
    assert sorted(titles) == ["'=HYPERLINK(1)", "Demo [2J for all"]
    assert len(said.splitlines()) == 3
    assert "\x1b" not in said


def test_no_meeting_is_no_gap(home: House) -> None:
    said = home.command("report", "--from", "2026-03-01", "--to", "2026-03-07")

    nothing, verdict = said.splitlines()
    assert nothing == "No meeting of these days is complete here yet."
    assert verdict.startswith("No gap from 2026-03-01 to 2026-03-07: all that Webex lists is here")


def test_programs_get_json_and_spreadsheets_no_formula(home: House) -> None:
    meeting_id = held(home, days_ago=1, title="=HYPERLINK(1)")

    told = json.loads(home.command("report", "--json", code=1))
    (line,) = csv.DictReader(io.StringIO(home.command("report", "--format", "csv", code=1)))

    assert (told["ok"], told["gaps"], told["unread"]) == (False, 1, [])
    assert [each["meeting_id"] for each in told["meetings"]] == [meeting_id]
    assert told["days"][0]["standings"]["unknown"] == 1
    assert line["meeting_id"] == meeting_id
    assert line["title"] == "'=HYPERLINK(1)"


def test_a_list_that_cannot_be_read_is_told_and_proves_nothing(home: House) -> None:
    home.simulator.control.add_fault(path_regex="^/v1/meetings", status=403, times=None)

    said = home.command("report", code=1)

    assert "No gap is known from" in said
    assert "Webex's list could not be read to its end: account (settings): " in said


def test_without_an_account_it_says_what_is_missing(home: House) -> None:
    home.environment["WEBEX_ACCESS_TOKEN"] = ""
    for command in (("report",), ("backfill", "--from", "2026-03-01", "--to", "2026-03-02")):
        assert "WEBEX_ACCESS_TOKEN" in home.command(*command, code=1)


def test_wrong_days_are_refused_in_one_line(home: House) -> None:
    assert "--from lies ahead" in home.command("report", "--from", "2099-01-01", code=2)
    assert "1990 to 2199" in home.command("report", "--from", "0001-01-01", code=2)
    wrong = ("--from", "2026-03-02", "--to", "2026-03-01")
    assert "--to is before --from" in home.command("report", *wrong, code=2)
