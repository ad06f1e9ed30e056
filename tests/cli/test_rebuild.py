"""``rebuild`` as people and programs meet it."""

import json
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from app.db.engine import Database
from app.models.tables import File, Meeting
from tests.e2e.commands import INTERRUPTIBLE
from tests.e2e.house import House, house, prepare_database
from tests.ingestion.folders import lay_meeting
from tests.processes import spawn


@pytest.fixture
def home(tmp_path: Path) -> Iterator[House]:
    """An installation with a fresh database, whose archive is there."""
    prepare_database(tmp_path)
    with house(tmp_path) as home:
        home.archive.mkdir(parents=True)
        yield home


def told(home: House, *words: str, code: int = 0) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(home.command("rebuild", "--json", *words, code=code))
    return answer


def counted(home: House) -> tuple[int, int]:
    """How many meetings and files the database knows."""
    database = Database(f"sqlite:///{home.folder / 'var' / 'webex-ingest.db'}")
    with database.reading() as session:
        counts = [session.scalar(select(func.count()).select_from(t)) for t in (Meeting, File)]
    database.dispose()
    return counts[0] or 0, counts[1] or 0


def test_a_lost_database_is_made_again_and_then_nothing_is_new(home: House) -> None:
    place = lay_meeting(home.archive, "a_I_1")
    lay_meeting(home.archive, "b_I_2")

    assert home.command("rebuild") == (
        "2 meeting(s) with 8 file(s), 910 bytes, were added (by name and size; --deep reads every "
        "byte); 0 known already, 0 refused.\n"
    )
    assert "0 meeting(s) with 0 file(s), 0 bytes, were added" in home.command("rebuild")
    assert "2 known already" in home.command("rebuild", str(home.archive))
    assert home.status("a_I_1")["folder"] == place.relative_to(home.archive).as_posix()
    assert home.command("verify", "--deep").endswith("nothing is wrong.\n")


def test_the_doctor_tells_of_an_archive_whose_database_is_lost(home: House) -> None:
    warning = "WARN  meetings: the database knows none, and there are some in the archive"
    home.archive.rmdir()
    assert warning not in home.command("doctor", code=1)
    lay_meeting(home.archive, "a_I_1")
    assert warning in home.command("doctor", code=1)
    home.command("rebuild")
    assert warning not in home.command("doctor", code=1)


def test_programs_get_json_and_a_dry_run_changes_nothing(home: House) -> None:
    place = lay_meeting(home.archive, "a_I_1")
    (place / "recordings" / "r1.mp4").unlink()
    (lay_meeting(home.archive, "b_I_2") / "manifest.json").write_text("{")

    expected = {
        "dry_run": True,
        "deep": False,
        "added": 1,
        "known": 0,
        "files": 3,
        "findings": [
            {
                "meeting_id": "a_I_1",
                "path": "recordings/r1.mp4",
                "damage": "missing",
                "is_fetched_again": True,
            }
        ],
        "refused": [
            {
                "folder": "example.webex.com/2026/02/02/b_I_2",
                "error": "its manifest cannot be read: it is cut or none",
            }
        ],
    }
    foretold = told(home, "--dry-run", code=1)
    size = foretold.pop("bytes")
    assert foretold == expected
    assert counted(home) == (0, 0)

    assert told(home, code=1) == expected | {"dry_run": False, "bytes": size}
    assert counted(home) == (1, 3)


def test_what_is_lacking_and_what_is_refused_is_named(home: House) -> None:
    (lay_meeting(home.archive, "a_I_1") / "participants.json").unlink()
    shutil.copytree(home.archive / "example.webex.com", home.archive / "copy")
    lay_meeting(home.archive, "b_I_2", folder="all\x1b[2J\udcff/b_I_2")

    said = home.command("rebuild", "--deep", code=1)

    assert "a_I_1    participants.json  missing  fetched again" in said
    assert "every byte read" in said
    assert "keep one of the two, in that place" in said
    assert "all [2J  b_I_2: its path is too long, or has signs" in said.replace("/", " ")
    assert "\x1b" not in said
    assert "all\\u001b[2J?/b_I_2" in home.command("rebuild", "--json", code=1)


def test_a_folder_outside_is_to_be_copied_and_it_says_where_to(home: House) -> None:
    lay_meeting(home.folder, "a_I_1", folder="usb/2026/a_I_1")

    of_one = home.command("rebuild", "usb/2026/a_I_1", code=2)
    of_many = home.command("rebuild", "usb", code=2)
    nothing = home.command("rebuild", "nowhere", code=2)

    usual = home.archive / "example.webex.com" / "2026" / "02" / "02" / "a_I_1"
    assert f"is not in the archive: copy it to {usual}" in " ".join(of_one.split())
    assert f"copy it to {home.archive / 'usb'}" in " ".join(of_many.split())
    assert "nowhere is no folder" in nothing
    shutil.copytree(home.folder / "usb", home.archive / "usb")
    assert "1 meeting(s) with 4 file(s)" in home.command("rebuild", "usb")


def test_an_archive_without_anything_is_told(home: House) -> None:
    assert "is its disk there? Nothing was changed" in home.command("rebuild", code=1)


def test_a_kill_or_an_interrupt_in_the_middle_leaves_no_meeting_twice_and_none_out(
    home: House,
) -> None:
    for number in range(150):
        lay_meeting(home.archive, f"a_I_{number}")
    argv = [*INTERRUPTIBLE, "rebuild"]
    for stop, code in ((signal.SIGKILL, -signal.SIGKILL), (signal.SIGINT, 1)):
        enough = counted(home)[0] + 5
        with spawn(argv, home.environment, cwd=home.folder) as running:
            while counted(home)[0] < enough:
                assert running.running()
            running.process.send_signal(stop)
            assert running.process.wait(20) == code
        assert enough <= counted(home)[0] < 150
    assert "The same command goes on where it was." in running.output()

    told(home)

    assert counted(home) == (150, 600)
