"""``verify`` as people and programs read it."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import update

from app.archive.inspection import Damage
from app.db.engine import Database
from app.models.tables import File, Ingest
from app.models.times import utc_now
from app.models.words import State
from tests.e2e.house import House, house, prepare_database
from tests.web.rows import Rows


@pytest.fixture
def home(tmp_path: Path) -> Iterator[House]:
    """An installation with a database and nothing in it."""
    prepare_database(tmp_path)
    with house(tmp_path) as home:
        yield home


@pytest.fixture
def folder(home: House) -> Path:
    """The folder of a meeting whose details and video are stored, as far as their sizes go."""
    database = Database(f"sqlite:///{home.folder / 'var' / 'webex-ingest.db'}")
    Rows(database, utc_now()).complete_meeting("m_I_1", start=utc_now())
    database.dispose()
    folder = home.archive / "example.com" / "m_I_1"
    (folder / "recordings").mkdir(parents=True)
    (folder / "meeting.json").write_bytes(bytes(2048))
    (folder / "recordings" / "a1b2c3d4e5f6.mp4").write_bytes(bytes(4_982_263))
    (folder / "manifest.json").write_text("{}")
    return folder


def test_nothing_stored_is_nothing_wrong(home: House) -> None:
    assert home.command("verify") == (
        "0 file(s) of 0 meeting(s), 0 bytes, by name and size; --deep reads every byte: "
        "nothing is wrong.\n"
    )
    assert "nothing is stored of x_I_1" in home.command("verify", "x_I_1", code=1)


@pytest.mark.usefixtures("folder")
def test_sizes_are_looked_at_and_with_deep_every_byte(home: House) -> None:
    assert "2 file(s) of 1 meeting(s), 4.8 MiB" in home.command("verify", "m_I_1")

    said = home.command("verify", "--deep", "--json", code=1)

    # What is wrong stands in the log as well.
    told, _ = json.JSONDecoder().raw_decode(said, said.index("{\n"))
    assert (told["meetings"], told["files"], told["deep"]) == (1, 2, True)
    assert {(each["path"], each["damage"]) for each in told["findings"]} == {
        ("meeting.json", "changed"),
        ("recordings/a1b2c3d4e5f6.mp4", "changed"),
    }


def test_what_comes_of_each_finding_is_told(home: House, folder: Path) -> None:
    (folder / "meeting.json").unlink()
    (folder / "notes.txt").write_text("mine")

    said = home.command("verify", code=1)

    lines = {each.split()[1]: each for each in said.splitlines() if each.startswith("m_I_1")}
    assert lines["meeting.json"].endswith("missing  fetched again")
    assert lines["notes.txt"].endswith("extra    nobody has stored it: move it elsewhere")
    assert "2 file(s) of 1 meeting(s)" in said
    assert "2 finding(s)." in said


def test_a_meeting_of_which_nothing_is_stored_is_told_before_anything_is_looked_at(
    home: House, folder: Path
) -> None:
    (folder / "meeting.json").unlink()

    said = home.command("verify", "m_I_1", "x_I_1", code=1)

    assert said.startswith("webex-ingest: nothing is stored of x_I_1: ")
    assert "missing  fetched again" in home.command("verify", "m_I_1", code=1)


@pytest.mark.parametrize("encoding", ["utf-8:strict", "latin-1:strict"])
def test_a_file_of_any_name_is_told_without_commanding_a_terminal(
    home: House, folder: Path, encoding: str
) -> None:
    for name in ("日 ".encode() + b"\xff.txt", b"a\x1b[2J\nb.txt"):
        Path(os.fsdecode(bytes(folder) + b"/" + name)).touch()
    home.environment["PYTHONIOENCODING"] = encoding

    table, told = (_said(home, *options) for options in ((), ("--json",)))

    assert [re.split(" {2,}", line)[1] for line in table.decode().splitlines()[1:3]] == [
        "a [2J b.txt",
        "日 .txt" if encoding.startswith("utf") else "\\u65e5 .txt",
    ]
    paths = [each["path"] for each in json.loads(told)["findings"]]
    assert paths == ["a\x1b[2J\nb.txt", "日 \udcff.txt"]


def _said(home: House, *options: str) -> bytes:
    argv = [sys.executable, "-m", "app.cli", "verify", *options]
    run = subprocess.run(argv, env=home.environment, cwd=home.folder, capture_output=True)
    assert run.returncode == 1, run.stderr
    return run.stdout


def test_what_cannot_be_fetched_again_is_told_with_what_to_do(home: House, folder: Path) -> None:
    database = Database(f"sqlite:///{home.folder / 'var' / 'webex-ingest.db'}")
    with database.transaction() as session:
        session.execute(update(Ingest).values(state=State.ABSENT))
    database.dispose()
    (folder / "meeting.json").unlink()

    home.command("verify", code=1)

    assert "DAMAGED   m_I_1 meeting.json: missing; it is an earlier" in home.command(
        "status", code=1
    )
    assert "MISSING" in home.command("status", "m_I_1", code=1)
    told = {each["name"]: each for each in json.loads(home.command("doctor", "--json", code=1))}
    assert told["files"]["verdict"] == "FAIL"
    assert "Meeting m_I_1, meeting.json: missing" in told["files"]["mend"]
    assert told["scrub"]["verdict"] == "OK"


@pytest.mark.usefixtures("folder")
def test_what_cannot_be_read_is_told_with_what_to_do_about_rights_and_about_disks(
    home: House,
) -> None:
    database = Database(f"sqlite:///{home.folder / 'var' / 'webex-ingest.db'}")
    with database.transaction() as session:
        session.execute(update(File).values(damage=Damage.UNREADABLE))
    database.dispose()

    told = {each["name"]: each for each in json.loads(home.command("doctor", "--json", code=1))}

    assert "let the user of webex-ingest read it" in told["files"]["mend"]
    assert "or move it elsewhere where its disk cannot" in told["files"]["mend"]
