"""``retry`` in bulk: by state, reason, host and day."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.db.engine import Database
from app.models.outcomes import Absent
from app.models.words import Reason, Resource
from tests.e2e.house import House, house, prepare_database
from tests.web.rows import Rows

ANN, BOB = "ann@example.com", "bob@example.com"


@pytest.fixture
def home(tmp_path: Path) -> Iterator[House]:
    """An installation in which four things went wrong on two days, of two hosts."""
    prepare_database(tmp_path)
    with house(tmp_path) as home:
        database = Database(f"sqlite:///{home.folder / 'var' / 'webex-ingest.db'}")
        rows = Rows(database, datetime.now(UTC))
        days = [datetime(2026, 3, day, 9, tzinfo=UTC) for day in (2, 3)]
        for host, start in ((ANN, days[0]), (BOB, days[1])):
            name = host[:3]
            rows.failed_meeting(f"{name}_I_1", "It went wrong.", start=start, host_email=host)
            absent = rows.meeting(f"{name}_I_2", start=start, host_email=host)
            rows.ingest(absent, Resource.TRANSCRIPTS, outcome=Absent(Reason.GAVE_UP))
        database.dispose()
        yield home


@pytest.mark.parametrize(
    ("words", "opened"),
    [
        (["--failed"], ["ann_I_1", "bob_I_1"]),
        (["--absent"], ["ann_I_2", "bob_I_2"]),
        (["--failed", "--absent", "--host", "Ann@example.com"], ["ann_I_1", "ann_I_2"]),
        (["--reason", "gave_up"], ["ann_I_2", "bob_I_2"]),
        (["--reason", "link_refused", "--since", "2026-03-03"], ["bob_I_1"]),
        (["--until", "2026-03-02"], ["ann_I_1"]),
        (["--absent", "--since", "2026-03-02", "--until", "2026-03-02"], ["ann_I_2"]),
        (["bob_I_1", "bob_I_2"], ["bob_I_1", "bob_I_2"]),
        (["bob_I_1", "bob_I_2", "--failed"], ["bob_I_1"]),
        (["--host", "nobody@example.com"], []),
    ],
)
def test_what_fits_is_tried_again_and_nothing_else(
    home: House, words: list[str], opened: list[str]
) -> None:
    told = json.loads(home.command("retry", *words, "--json"))

    assert sorted(told["meetings"]) == opened
    assert told["retried"] == len(opened)


def test_a_reason_that_nothing_has_is_answered_with_those_that_there_are(home: House) -> None:
    assert home.command("retry", "--reason", "gone_fishing") == (
        "0 resource(s) will be tried again.\n"
        "What failed or is absent has these reasons: gave_up (2), link_refused (2).\n"
    )


def test_days_the_wrong_way_round_are_refused(home: House) -> None:
    wrong = ("--since", "2026-03-02", "--until", "2026-03-01")
    assert "--until is before --since" in home.command("retry", *wrong, code=2)
